"""freed: one graph of two captures that differ in the size of the batch, which is then free.

Everything in which they differ must be the batch: shapes that a Reshape or an Expand is given, and
constants of one number, such as the zeros of an initial state.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor
from .inference import infer
from .ir import Graph, Node, Value, fresh
from .sizes import Free

BATCH = "N"
Sizes = list[tuple[int, int]]  # how often the batch, and how much more, for each entry of a shape


class NotFree(Exception):
    """The model depends on the size of the batch."""


def freed(first: Graph, second: Graph) -> Graph:
    """The graph with a free batch; NotFree if the two differ in anything else."""
    _compare_nodes(first, second)
    pairs = zip(first.inputs, second.inputs, strict=True)
    sizes = {(a.shape, b.shape) for a, b in pairs if a.shape != b.shape}
    n, m = next(((a[0], b[0]) for a, b in sizes if a and b), (0, 0))
    if not isinstance(n, int) or not isinstance(m, int) or m == n:
        raise NotFree
    inputs = [
        v._replace(shape=(Free(BATCH), *(v.shape or ())[1:])) if v.shape != w.shape else v
        for v, w in zip(first.inputs, second.inputs, strict=True)
    ]
    return _Freeing(first, second, (n, m), inputs).graph()


def _compare_nodes(first: Graph, second: Graph) -> None:
    if len(first.nodes) != len(second.nodes) or list(first.constants) != list(second.constants):
        raise NotFree
    for a, b in zip(first.nodes, second.nodes, strict=True):
        same = (a.operator, a.inputs, a.outputs) == (b.operator, b.inputs, b.outputs)
        if not same or not _equal(a.attributes, b.attributes):
            raise NotFree
    if [v.name for v in first.outputs] != [v.name for v in second.outputs]:
        raise NotFree


def _equal(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


class _Freeing:
    """Replaces the constants that differ between two captures."""

    def __init__(
        self, first: Graph, second: Graph, batches: tuple[int, int], inputs: list[Value]
    ) -> None:
        self.first, self.second, self.batches, self.inputs = first, second, batches, inputs
        self.constants = dict(first.constants)
        self.extra: list[Node] = []  # nodes that compute sizes, before all others
        self.taken = {name for node in first.nodes for name in (*node.outputs, node.name)}
        self.taken |= set(first.constants) | {v.name for v in inputs}
        self.batch: str | None = None

    def graph(self) -> Graph:
        differing = {
            name: self._sizes(t, self.second.constants[name])
            for name, t in self.first.constants.items()
            if _differs(t, self.second.constants[name])
        }
        nodes = [self._node(node, differing) for node in self.first.nodes]
        for name in differing:
            if any(name in node.inputs for node in nodes) or name in (
                v.name for v in self.first.outputs
            ):
                self._fill(name)
            else:
                self.constants.pop(name, None)
        graph = Graph(
            [*self.extra, *nodes], self.inputs, [Value(v.name) for v in self.first.outputs],
            self.constants, {}, self.first.takes, self.first.gives, self.first.name,
        )  # fmt: skip
        return infer(graph)

    def _sizes(self, a: Tensor, b: Tensor) -> Sizes | None:
        """The entries of a shape that differs; None for another constant."""
        if a.dtype.kind != "i" or a.ndim != 1 or a.shape != b.shape:
            return None
        return self._multiples(a.array.tolist(), b.array.tolist())

    def _multiples(self, a: list[int], b: list[int]) -> Sizes:
        n, m = self.batches
        sizes = []
        for u, v in zip(a, b, strict=True):
            times, rest = divmod(v - u, m - n)
            if rest:
                raise NotFree
            sizes.append((times, u - times * n))
        return sizes

    def _node(self, node: Node, differing: dict[str, Sizes | None]) -> Node:
        data, *rest = node.inputs or ("",)
        sizes = differing.get(rest[0]) if rest else None
        if sizes is None:
            return node
        if node.operator not in ("Reshape", "Expand"):
            if any(differing.get(name) is not None for name in node.inputs):
                raise NotFree
            return node
        known = self._plain(node, sizes)
        if known is not None:
            name = fresh(rest[0], self.taken)
            self.constants[name] = Tensor(np.asarray(known, np.int64))
            self.taken.add(name)
        else:
            name = self._shape(sizes)
        return node.but(inputs=(data, name))

    def _plain(self, node: Node, sizes: Sizes) -> list[int] | None:
        """A constant shape with the same effect for any batch, if there is one."""
        a, b = (g.values[node.inputs[0]].shape or () for g in (self.first, self.second))
        own = self._multiples(list(a), list(b))  # pyright: ignore[reportArgumentType]
        if node.operator == "Expand":
            lead = len(sizes) - len(own)
            kept = [s if s[0] == 0 else own[i - lead] if i >= lead else None
                    for i, s in enumerate(sizes)]  # fmt: skip
            if any(k is not None and k[0] and k != s for k, s in zip(kept, sizes, strict=True)):
                return None
            plain = [s[1] if s[0] == 0 else 1 for s in sizes]
            alone = all(s[0] == 0 or k == s for k, s in zip(kept, sizes, strict=True))
            return plain if alone else None
        plain = []
        for i, (times, plus) in enumerate(sizes):
            if not times:
                plain.append(plus)
            elif i < len(own) and own[i] == (times, plus) and plain.count(-1) == 1:
                plain.append(0)
            else:
                plain.append(-1)
        if plain.count(-1) > 1 or (0 in plain and (0, 0) in sizes):
            return None
        return plain

    # ------------------------------------------------------------ sizes that the graph computes

    def _emit(self, operator: str, inputs: tuple[str, ...], **attributes: Any) -> str:
        name = fresh(f"batch/{operator}", self.taken)
        self.taken.add(name)
        self.extra.append(Node(operator, inputs, (name,), attributes, name))
        return name

    def _constant(self, numbers: list[int]) -> str:
        name = fresh("batch.constant", self.taken)
        self.taken.add(name)
        self.constants[name] = Tensor(np.asarray(numbers, np.int64))
        return name

    def _shape(self, sizes: Sizes) -> str:
        """The name of a shape that the graph computes from that of its input."""
        if self.batch is None:
            source = next(v.name for v in self.inputs if v.shape and v.shape[0] == Free(BATCH))
            self.batch = self._emit("Shape", (source,), start=0, end=1)
        parts = []
        for times, plus in sizes:
            if not times:
                parts.append(self._constant([plus]))
                continue
            part = self.batch
            if times != 1:
                part = self._emit("Mul", (part, self._constant([times])))
            if plus:
                part = self._emit("Add", (part, self._constant([plus])))
            parts.append(part)
        return self._emit("Concat", tuple(parts), axis=0)

    def _fill(self, name: str) -> None:
        """A constant of one number as a node that makes it for any batch."""
        a, b = (g.constants[name].detach().cpu().array for g in (self.first, self.second))
        numbers = {*np.unique(a).tolist(), *np.unique(b).tolist()}
        if a.ndim != b.ndim or a.dtype != b.dtype or len(numbers) != 1:
            raise NotFree
        shape = self._shape(self._multiples(list(a.shape), list(b.shape)))
        made = self._emit("ConstantOfShape", (shape,), value=np.asarray([numbers.pop()], a.dtype))
        self.extra[-1] = self.extra[-1].but(outputs=(name,), name=made)
        self.constants.pop(name)


def _differs(a: Tensor, b: Tensor) -> bool:
    if a is b or a.array is b.array:
        return False
    return a.shape != b.shape or not np.array_equal(a.cpu().array, b.cpu().array, equal_nan=True)
