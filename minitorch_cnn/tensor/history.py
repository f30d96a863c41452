"""The history of a tensor after in-place writes: counters of writes, and views that follow their
base.
"""

# The methods are Tensor's: each takes one as self.
# pyright: reportGeneralTypeIssues=false

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from ..autograd.array_function import ArrayFunction
from ..autograd.modes import enable_grad, this_thread
from ..autograd.saved_values import Version
from .copying import owner_of

if TYPE_CHECKING:
    from ..autograd.modes import Modes
    from .tensor import Tensor

_first_look = threading.Lock()  # threads that share one memory must get one counter


class History:
    """How a tensor's node and counter of writes follow those of the memory that it shares."""

    def _take_history(self: Tensor, other: Tensor) -> None:
        """Take the place of `other`: that output of its node.

        A retained gradient follows the tensor; hooks stay with the value they were registered on.
        """
        node: Any = other._node
        index = other._index
        if self._node is not None and self._node.retained:
            wish = self._node.retained.get(self._index)
            if wish is not None and wish() is self:
                del self._node.retained[self._index]
                if node.retained is None:
                    node.retained = {}
                node.retained[index] = wish
        self._requires_grad, self._node, self._index = other._requires_grad, node, index

    @property
    def _version(self: Tensor) -> int:
        """The number of in-place writes to the memory."""
        return 0 if self._counter is None else self._counter.count

    def bump_version(self: Tensor) -> None:
        """Tell the graph that `array` was written to directly."""
        self._shared_counter().count += 1

    def _shared_counter(self: Tensor) -> Version:
        """The counter of these writes, to share with other tensors on the same memory."""
        if self._counter is None:
            with _first_look:
                if self._counter is None:
                    self._counter = Version()
        return self._counter

    def _become_view(
        self: Tensor,
        source: Tensor,
        op: type[ArrayFunction],
        settings: dict[str, Any],
        modes: Modes,
    ) -> None:
        """Share the version of `source` if memory is shared, and record the path from its base."""
        memory, array = self.array.base, source.array
        near = memory is array or (memory is not None and memory is array.base)
        if not near and self.array.size and owner_of(self.array) is not owner_of(array):
            return
        self._counter = source._counter or source._shared_counter()
        base = source._base
        if base is None:
            base, path = source, ()
        else:
            path = source._path
            if base._former is not None:
                base = base._moved_base()
        self._base, self._seen = base, base._node
        self._path = (path, op, settings) if path is not None and modes.grad else None

    def _moved_base(self: Tensor) -> Tensor:
        """The base of views of this tensor after an in-place change of its shape."""
        return self if self._base is None or self._former is None else self._former

    def _way_from_base(self: Tensor) -> list[tuple[type[ArrayFunction], dict[str, Any]]]:
        """The view ops that lead from the base to this view, each with its settings."""
        way: list[tuple[type[ArrayFunction], dict[str, Any]]] = []
        path: Any = self._path
        while path:
            path, op, settings = path
            way.append((op, settings))
        return way[::-1]

    def _follow_base(self: Tensor) -> None:
        """Update the history after in-place writes to the base."""
        base = self._base
        if base is None:
            return
        if base._former is not None:
            base = self._base = base._moved_base()
        if self._seen is base._node:
            return
        if self._path is None:
            if not this_thread.modes.grad:
                return
            raise RuntimeError(
                "view: the tensor is a view made under no_grad, and its base has been changed in "
                "place while ops were recorded; do both under no_grad or both outside"
            )
        again = base
        with enable_grad():
            for op, settings in self._way_from_base():
                again = op.apply(again, **settings)
        self._seen = base._node
        self._take_history(again)
