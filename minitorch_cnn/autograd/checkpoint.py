"""checkpoint: trade time for memory, computing again in backward what ops would have saved."""

from __future__ import annotations

import weakref

from .. import backend
from .modes import enable_grad, this_thread


def checkpoint(fn, *inputs):
    """fn(*inputs), keeping only `inputs` for the backward pass and running `fn` a second time
    there.

    Gradients of any order reach the inputs and every other tensor that `fn` uses (parameters), as
    without checkpoint. Random numbers repeat in the second run and batch norm's running statistics
    move once only. Chen et al. 2016, "Training deep nets with sublinear memory cost", arXiv
    1604.06174.

    Raises RuntimeError in backward if an input was changed in place since, or if the second run
    records other ops.
    """
    return _Region(fn, inputs).run()


class _Recording:
    """The nodes that a run of the function made, in order."""

    def __init__(self):
        self.nodes = []

    def add(self, node) -> None:
        self.nodes.append(node)


class _Region:
    """One call of `checkpoint`: the nodes it recorded, and what it takes to run it again."""

    def __init__(self, fn, inputs):
        self.fn, self.inputs = fn, inputs
        self.versions = self.current_versions()
        self.random_state = backend.get_rng_state()
        self.nodes = []
        self.running = False

    def current_versions(self):
        return [x._version for x in self.inputs if hasattr(x, "_version")]

    def add(self, node) -> None:
        """Take away what `node` saved; it will come back for it."""
        self.nodes.append(weakref.ref(node))
        if node.saved_ or node.kept_:
            node.saved_ = node.kept_ = None
            node.region = self

    def run(self):
        modes = this_thread.modes
        before, modes.checkpoint = modes.checkpoint, self
        self.running = True
        try:
            return self.fn(*self.inputs)
        finally:
            modes.checkpoint = before
            self.running = False

    def recompute(self) -> None:
        """Run the function again and give every node of the first run what its twin saved."""
        if self.current_versions() != self.versions:
            raise RuntimeError("checkpoint: an input was changed in place before the backward pass")
        again, modes = _Recording(), this_thread.modes
        before = modes.checkpoint, modes.recomputing, backend.get_rng_state()
        backend.set_rng_state(self.random_state)
        modes.checkpoint, modes.recomputing = again, True
        try:
            with enable_grad():
                self.fn(*self.inputs)
        finally:
            modes.checkpoint, modes.recomputing = before[:2]
            backend.set_rng_state(before[2])
        # A function that calls grad needs its first nodes before it has recorded the last.
        twins = again.nodes[: len(self.nodes)] if self.running else again.nodes
        if len(twins) != len(self.nodes):
            raise RuntimeError(
                f"checkpoint: the function recorded {len(self.nodes)} ops in its first run and "
                f"{len(twins)} in its second"
            )
        for reference, twin in zip(self.nodes, twins, strict=True):
            node = reference()
            if node is not None and node.region is self:
                node.saved_, node.kept_, node.region = twin.saved_, twin.kept_, None
