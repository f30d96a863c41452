"""A plan with memory: the calls of a network, bound to arrays, and how they are run."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np

from ..graph import Graph
from ..graph.implementations import IMPLEMENTATIONS
from ..graph.structure import unflatten
from ..kernels.blocked import Record, Records
from ..tensor import Tensor
from .plan import Entry, Plan


class Program:
    """A compiled graph. Several threads may run it: each has an arena of its own."""

    def __init__(self, graph: Graph, plan: Plan, dtype: Any, counts: list[tuple[str, int]]) -> None:
        self.graph, self.plan, self.dtype = graph, plan, dtype
        self.counts = counts  # of nodes, after each pass
        self._inputs = [value.name for value in graph.inputs]
        self._outputs = [value.name for value in graph.outputs]
        self._bound = threading.local()

    def __call__(self, inputs: Sequence[Tensor]) -> Any:
        """The results for Tensors in the order of the graph's inputs."""
        values: dict[str, Any] = dict(zip(self._inputs, inputs, strict=True))
        with np.errstate(all="ignore"):  # as under the framework's own operations
            for part, read in self._parts():
                if isinstance(part, Entry):
                    self._ordinary(part, values)
                else:
                    part.run(self, values)
                for name in read:
                    values.pop(name, None)
        results = [self.value(name, values) for name in self._outputs]
        assert self.graph.gives is not None
        return unflatten(self.graph.gives, results)

    def value(self, name: str, values: dict[str, Any]) -> Tensor:
        """A value that is an ordinary array: one computed by now, or a constant."""
        return values[name] if name in values else self.graph.constants[name]

    def _ordinary(self, entry: Entry, values: dict[str, Any]) -> None:
        """Run a step by its operator's ordinary implementation, then its epilogue."""
        step, function = entry.arrays
        node = step.node
        if function is not None:
            arrays = [self.value(name, values).array if name else None for name in node.inputs]
            values[step.output] = Tensor(np.asarray(function(*arrays)))
            return
        inputs = [self.value(name, values) if name else None for name in node.inputs]
        made = IMPLEMENTATIONS[node.operator](node, *inputs)
        made = made if isinstance(made, tuple) else (made,)
        values.update(zip(node.outputs, made, strict=False))
        y = made[0]
        if step.residual:
            y = y + self.value(step.residual, values)
        if step.low > -np.inf or step.high < np.inf:
            y = y.clamp(step.low, step.high)
        values[step.output] = y

    def _parts(self) -> list[tuple[Entry | _Stretch, list[str]]]:
        """The entries in this thread's arena: those that are calls, as long as no other comes
        between, are one stretch. With each are the values that nothing reads after it."""
        parts = getattr(self._bound, "parts", None)
        if parts is None:
            arena = np.zeros(self.plan.size + 16, self.dtype)
            skip = -arena.ctypes.data % 64 // arena.itemsize
            arena = arena[skip:]
            spans = self.plan.offsets.items()
            arrays = {root: arena[at : at + size] for root, (at, size) in spans}
            groups: list[list[Entry]] = []
            for is_call, group in groupby(self.plan.entries, lambda e: e.call is not None):
                entries = list(group)
                groups += [entries] if is_call else [[entry] for entry in entries]
            parts = self._bound.parts = [
                (_Stretch(group, arrays, self) if group[0].call else group[0], read)
                for group, read in zip(groups, self._last(groups), strict=True)
            ]
        return parts

    def _last(self, groups: list[list[Entry]]) -> list[list[str]]:
        """The values, but results, that each group of entries is the last to read or make."""
        needed, last = set(self._outputs), []
        for group in reversed(groups):
            own = {name for entry in group for name in (*entry.reads, *entry.writes)}
            last.append(sorted(own - needed))
            needed |= own
        return last[::-1]


class _Stretch:
    """Successive calls: they are recorded, and run together."""

    def __init__(
        self, entries: list[Entry], arrays: dict[str, np.ndarray], program: Program
    ) -> None:
        self.reads: list[tuple[Record, str]] = []
        self.writes: list[tuple[Record, str, Any]] = []
        records = []
        for entry in entries:
            assert entry.call is not None
            name = (*entry.reads, *entry.writes, "")[0]
            shape: Any = program.graph.values[name].shape if name else ()
            stand_in = np.empty(shape, program.dtype).reshape(-1)  # for an array that changes
            own = [arrays[a] if isinstance(a, str) else a for a in entry.arrays]
            record = Record(entry.call, [stand_in if a is None else a for a in own])
            records.append(record)
            if entry.reads:
                self.reads.append((record, name))
            if entry.writes:
                self.writes.append((record, name, shape))
        self.records = Records(records, program.plan.threads)

    def run(self, program: Program, values: dict[str, Any]) -> None:
        """Run the calls on ordinary arrays among the values; add those that they make."""
        used = []  # until all calls are done
        for record, name in self.reads:
            array = np.ascontiguousarray(program.value(name, values).array)
            used.append(array)
            record.exchange(0, array)
        for record, name, shape in self.writes:
            made = np.empty(shape, program.dtype)
            values[name] = Tensor(made)
            record.exchange(1, made)
        self.records.run()
