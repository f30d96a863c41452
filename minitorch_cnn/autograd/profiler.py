"""Names of operators on the time line of NVIDIA's profilers; PyTorch's names.

Nothing of this costs an operator anything outside an `emit_nvtx` block: the block exchanges the
functions that run, and puts them back.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from functools import wraps
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import devices
from ..kernels.cuda import nvtx
from . import array_function
from .array_function import ArrayFunction
from .engine import _Walk
from .function import Function

if TYPE_CHECKING:
    from typing_extensions import Self

_active: emit_nvtx | None = None  # the block that names ranges: one at a time


class emit_nvtx:
    """Name each operator's forward and backward by a range of NVTX in the block.

        with mt.autograd.profiler.emit_nvtx():
            F.cross_entropy(model(x), y).backward()

        nsys profile -o step python train.py

    A range is called as the operator, "Conv2d, seq = 7", and that of its backward "Conv2dBackward,
    seq = 7". The number leads from one to the other: an operator that is recorded gets the next
    one. Operators that are not recorded have none, nor has the backward of one that ran before the
    block. Work of a GPU appears in the range that launched it, which it may outlast. All threads
    are named, and classes of operators that exist when the block begins.

    enabled: False names nothing. record_shapes: whether names end with the shapes of the inputs,
    "sizes = [[2, 3], []]", [] for what is no tensor.

    Raises: RuntimeError without CuPy, whose NVTX is used, and within another block.
    """

    def __init__(self, enabled: bool = True, record_shapes: bool = False) -> None:
        self.enabled, self.record_shapes = enabled, record_shapes
        self.library: Any = None
        self.exchanged: list[tuple[Any, str, Any]] = []  # class, name, what was there before

    def __enter__(self) -> Self:
        global _active
        if not self.enabled:
            return self
        if _active is not None:
            raise RuntimeError("emit_nvtx: operators are named already; blocks cannot be nested")
        self.library = nvtx.library()
        if self.library is None:
            raise RuntimeError(
                "emit_nvtx: needs CuPy, which has NVTX (pip install 'minitorch_cnn[gpu]')"
            )
        self.numbers, self.thread = itertools.count(), threading.local()
        # All at once, before any is exchanged: a class may have the function of another.
        named = [(cls, self._named(cls)) for cls in _subclasses(ArrayFunction)]
        for cls, functions in named:
            for name, function in functions.items():
                self._exchange(cls, name, function)
        self._exchange(_Walk, "step", self._step(_Walk.step))
        _active = self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        global _active
        if not self.enabled:
            return
        for place, name, before in reversed(self.exchanged):
            if before is None:
                delattr(place, name)
            else:
                setattr(place, name, before)
        self.exchanged = []
        _active = None

    def _exchange(self, place: Any, name: str, new: Any) -> None:
        self.exchanged.append((place, name, place.__dict__.get(name)))
        setattr(place, name, new)

    def _named(self, cls: type[ArrayFunction]) -> dict[str, Any]:
        """What runs a class's forward, with ranges."""
        forward, compute, *rest = cls.prepared
        if issubclass(cls, Function):
            forward: Any = cls.forward
            setup: Any = cls.setup_context
            if setup is not Function.setup_context:  # forward takes no ctx, and comes first
                return {
                    "forward": staticmethod(self._ranged(cls, forward, counted=True)),
                    "setup_context": staticmethod(self._numbering(setup)),
                }
        named = self._ranged(cls, forward)
        computed = compute and self._ranged(cls, compute)
        return {"forward": staticmethod(named), "prepared": (named, computed, *rest)}

    def _ranged(
        self, cls: type[ArrayFunction], run: Callable[..., Any], counted: bool = False
    ) -> Callable[..., Any]:
        """A forward in a range. Its number goes to its ctx or, if `counted`, to the thread."""

        @wraps(run)
        def ranged(*args: Any, **settings: Any) -> Any:
            if _active is not self:  # of a class that was made in the block
                return run(*args, **settings)
            ctx = args[0] if args and isinstance(args[0], ArrayFunction) else None
            number = None
            if counted or (ctx is not None and any(ctx.needs_input_grad)):
                number = next(self.numbers)
            if ctx is not None and number is not None:
                ctx.sequence = number, self
            inputs = args if ctx is None else args[1:]
            self.library.RangePush(self._text(cls.__name__, number, inputs))
            try:
                return run(*args, **settings)
            finally:
                self.library.RangePop()
                self.thread.number = number

        return ranged

    def _numbering(self, setup: Callable[..., Any]) -> Callable[..., Any]:
        """A setup_context that also keeps the number of the forward that has just run."""

        @wraps(setup)
        def numbered(ctx: ArrayFunction, inputs: tuple[Any, ...], output: Any) -> None:
            if _active is self:
                ctx.sequence = self.thread.number, self
            setup(ctx, inputs, output)

        return numbered

    def _step(self, step: Callable[[_Walk, bool], None]) -> Callable[[_Walk, bool], None]:
        """The engine's step in a range: hooks, a node's backward, sums of its gradients."""

        def ranged(walk: _Walk, retain_graph: bool) -> None:
            node, grads = walk.arriving[-walk.heap[0]]
            number, block = node.__dict__.get("sequence", (None, None))
            name = f"{type(node).__name__}Backward"
            self.library.RangePush(self._text(name, number if block is self else None, grads))
            try:
                step(walk, retain_graph)
            finally:
                self.library.RangePop()

        return ranged

    def _text(self, name: str, number: int | None, inputs: Any) -> str:
        parts = [name] if number is None else [name, f"seq = {number}"]
        if self.record_shapes:
            parts.append(f"sizes = {[_sizes(x) for x in inputs]}")
        return ", ".join(parts)


def _sizes(x: Any) -> list[int]:
    known = isinstance(x, (array_function.Tensor, np.ndarray)) or devices.is_array(x)
    return list(x.shape) if known else []


def _subclasses(cls: type[ArrayFunction]) -> Iterator[type[ArrayFunction]]:
    """All classes below one, each once."""
    seen: dict[type[ArrayFunction], None] = {}
    stack = [cls]
    while stack:
        for below in stack.pop().__subclasses__():
            if below not in seen:
                seen[below] = None
                stack.append(below)
    return iter(seen)
