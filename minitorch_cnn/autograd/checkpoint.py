"""checkpoint: trade time for memory by recomputing in backward instead of saving."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import random
from .autocast import Block, snapshot
from .modes import R, enable_grad, this_thread

if TYPE_CHECKING:
    from .array_function import ArrayFunction


def checkpoint(
    function: Callable[..., R],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> R:
    """Call function(*args, **kwargs), and call it again in the backward pass instead of saving.

    Only the inputs are kept. Gradients of any order reach the inputs and every other tensor that
    `function` uses (parameters), as without checkpoint. It draws the same random numbers as
    without checkpoint, and again in the second run, whatever other threads draw (unless
    preserve_rng_state=False); batch norm updates its running statistics only once. Chen et al.
    2016, "Training deep nets with sublinear memory cost", arXiv 1604.06174.

    use_reentrant: selects between PyTorch's two implementations; here there is only one.
    Raises RuntimeError in backward if an input was changed in place since, or if the second run
    records other ops.
    """
    for name in ("context_fn", "determinism_check", "debug", "early_stop"):
        if name in kwargs:
            raise TypeError(f"checkpoint: PyTorch's argument {name} is not supported")
    return Region(function, args, kwargs, preserve_rng_state).run()


class _Stream:
    """The random numbers of one call: those that the thread's generator would produce next.

    The call draws from its own generator. Meanwhile the shared one is advanced far ahead, for other
    threads; afterwards, unless one has used it, it continues where the call ended.
    """

    def __init__(self) -> None:
        self.shared: Any = random.default_generator().bit_generator
        with self.shared.lock:
            self.start = self.shared.state
            self.ahead = self.shared.state = self.shared.jumped().state

    def generator(self) -> np.random.Generator:
        """A generator in the state at the start of the call."""
        own = self.shared.jumped()
        own.state = self.start
        return np.random.Generator(own)

    def end(self, own: np.random.Generator) -> None:
        with self.shared.lock:
            if self.shared.state == self.ahead:
                self.shared.state = own.bit_generator.state


class Recording:
    """The nodes that one run of the function recorded, in order."""

    def __init__(self) -> None:
        self.nodes: list[ArrayFunction] = []

    def add(self, node: ArrayFunction) -> None:
        self.nodes.append(node)


class Region:
    """One call of `checkpoint`: the nodes it recorded, and everything needed to rerun it."""

    def __init__(
        self,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        settings: dict[str, Any],
        preserve_rng_state: bool,
    ) -> None:
        self.fn, self.args, self.settings = fn, args, settings
        self.versions = self.current_versions()
        self.stream = _Stream() if preserve_rng_state else None
        self.autocast = snapshot(this_thread.modes.autocast)
        self.nodes: list[weakref.ref[ArrayFunction]] = []
        self.running = False

    def current_versions(self) -> list[int]:
        inputs = (*self.args, *self.settings.values())
        return [x._version for x in inputs if hasattr(x, "_version")]

    def add(self, node: ArrayFunction) -> None:
        """Drop the values that `node` saved; they are recomputed when it needs them."""
        self.nodes.append(weakref.ref(node))
        if node.saved_ or node.kept_:
            node.saved_ = node.kept_ = None
            node.region = self

    def run(self) -> Any:
        modes = this_thread.modes
        before, modes.checkpoint = modes.checkpoint, self
        self.running = True
        try:
            return self.call(self.stream and self.stream.end)
        finally:
            modes.checkpoint = before
            self.running = False

    def call(self, afterwards: Callable[[np.random.Generator], None] | None = None) -> Any:
        """The function's result; `afterwards` receives the generator that it drew from."""
        if self.stream is None:
            return self.fn(*self.args, **self.settings)
        own = self.stream.generator()
        try:
            with random.drawing_from(lambda: own):
                return self.fn(*self.args, **self.settings)
        finally:
            if afterwards is not None:
                afterwards(own)

    def recompute(self) -> None:
        """Run the function again, and give every node of the first run the values that its
        counterpart saved.
        """
        if self.current_versions() != self.versions:
            raise RuntimeError("checkpoint: an input was changed in place before the backward pass")
        again, modes = Recording(), this_thread.modes
        before = modes.checkpoint, modes.recomputing
        modes.checkpoint, modes.recomputing = again, True
        try:
            with enable_grad(), Block(snapshot(self.autocast)):
                self.call()
        finally:
            modes.checkpoint, modes.recomputing = before
        # A function that calls grad needs its first nodes before it has recorded the last.
        counterparts = again.nodes[: len(self.nodes)] if self.running else again.nodes
        if len(counterparts) != len(self.nodes):
            raise RuntimeError(
                f"checkpoint: the function recorded {len(self.nodes)} ops in its first run and "
                f"{len(counterparts)} in its second"
            )
        for reference, counterpart in zip(self.nodes, counterparts, strict=True):
            node = reference()
            if node is not None and node.region is self:
                node.saved_, node.kept_, node.region = counterpart.saved_, counterpart.kept_, None
