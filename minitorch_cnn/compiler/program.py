"""A plan with memory: the calls of a network, bound to arrays, and how they are run."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph import Graph
from ..graph.implementations import IMPLEMENTATIONS
from ..graph.structure import unflatten
from ..kernels.threads import parallel_ranges
from ..tensor import Tensor
from .plan import Entry, Plan
from .steps import Step


class Program:
    """A compiled graph. Several threads may run it: each has an arena of its own."""

    def __init__(self, graph: Graph, plan: Plan, dtype: Any, counts: list[tuple[str, int]]) -> None:
        self.graph, self.plan, self.dtype = graph, plan, dtype
        self.counts = counts  # of nodes, after each pass
        self._bound = threading.local()

    def __call__(self, inputs: Sequence[Tensor]) -> Any:
        """The results for Tensors in the order of the graph's inputs."""
        names = [value.name for value in self.graph.inputs]
        values: dict[str, Any] = dict(zip(names, inputs, strict=True))
        for entry, arrays in zip(self.plan.entries, self._arrays(), strict=True):
            if entry.call is None:
                self._ordinary(entry, values)
                continue
            if entry.reads:  # packed from an ordinary array
                source = np.ascontiguousarray(self._value(entry.reads[0], values).array).reshape(-1)
                arrays = (source, *arrays[1:])
            elif entry.writes:  # unpacked into one
                shape: Any = self.graph.values[entry.writes[0]].shape
                made = np.empty(shape, self.dtype)
                values[entry.writes[0]] = Tensor(made)
                arrays = (*arrays[:1], made.reshape(-1))
            call = entry.call
            parallel_ranges(call.kernel, call.items, call.size, *arrays, *call.settings)
        results = [self._value(value.name, values) for value in self.graph.outputs]
        assert self.graph.gives is not None
        return unflatten(self.graph.gives, results)

    def _value(self, name: str, values: dict[str, Any]) -> Tensor:
        return values[name] if name in values else self.graph.constants[name]

    def _ordinary(self, entry: Entry, values: dict[str, Any]) -> None:
        """Run a step by its operator's ordinary implementation, then its epilogue."""
        step: Step = entry.arrays[0]
        node = step.node
        inputs = [self._value(name, values) if name else None for name in node.inputs]
        made = IMPLEMENTATIONS[node.operator](node, *inputs)
        made = made if isinstance(made, tuple) else (made,)
        values.update(zip(node.outputs, made, strict=False))
        y = made[0]
        if step.residual:
            y = y + self._value(step.residual, values)
        if step.low > -np.inf or step.high < np.inf:
            y = y.clamp(step.low, step.high)
        values[step.output] = y

    def _arrays(self) -> list[tuple[Any, ...]]:
        """The arrays of each entry, in this thread's arena."""
        bound = getattr(self._bound, "arrays", None)
        if bound is None:
            arena = np.zeros(self.plan.size + 16, self.dtype)
            skip = -arena.ctypes.data % 64 // arena.itemsize
            arena = arena[skip:]
            parts = {root: arena[at : at + size] for root, (at, size) in self.plan.offsets.items()}
            bound = [
                tuple(parts[a] if isinstance(a, str) else a for a in entry.arrays)
                for entry in self.plan.entries
            ]
            self._bound.arrays = bound
        return bound
