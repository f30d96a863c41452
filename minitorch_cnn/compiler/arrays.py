"""Operators on small arrays by NumPy alone: without the cost of recording that a Tensor has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph import Graph, Node

LARGEST = 2**13  # elements of any array

Function = Callable[..., Any]


def _axes(graph: Graph, node: Node) -> tuple[int, ...] | None:
    """The axes of a reduction or of a change of shape; None if they are not constant."""
    name = node.inputs[1] if len(node.inputs) > 1 else ""
    array = graph.array(name) if name else None
    return None if array is None else tuple(array.reshape(-1).tolist())


def _shaped(graph: Graph, node: Node) -> Function | None:
    shape: Any = graph.values[node.outputs[0]].shape
    return lambda x, *_: x.reshape(shape)


def _reduced(f: Callable[..., Any]) -> Callable[[Graph, Node], Function | None]:
    def of(graph: Graph, node: Node) -> Function | None:
        axes, keep = _axes(graph, node), bool(node.get("keepdims"))
        return None if axes is None else lambda x, *_: f(x, axis=axes, keepdims=keep)

    return of


def _plain(f: Callable[..., Any]) -> Callable[[Graph, Node], Function | None]:
    return lambda graph, node: f


def _gemm(graph: Graph, node: Node) -> Function | None:
    if node.get("transA") or node.get("alpha") != 1 or node.get("beta") != 1:
        return None
    if node.get("transB"):
        return lambda a, b, c=0: a @ b.T + c
    return lambda a, b, c=0: a @ b + c


RULES: dict[str, Callable[[Graph, Node], Function | None]] = {
    "Add": _plain(np.add),
    "Flatten": _shaped,
    "Gemm": _gemm,
    "Mul": _plain(np.multiply),
    "Neg": _plain(np.negative),
    "ReduceSum": _reduced(np.sum),
    "Reshape": _shaped,
    "Squeeze": _shaped,
    "Sub": _plain(np.subtract),
    "Tanh": _plain(np.tanh),
    "Unsqueeze": _shaped,
}


# The rules of operators whose inputs are all numbers to compute with; others have axes or shapes.
_OF_NUMBERS = {rule for rule in RULES.values() if rule not in (_shaped, RULES["ReduceSum"])}


def numpy_function(graph: Graph, node: Node) -> Function | None:
    """The function of a node's arrays, if all are small, and numbers of one type; else None."""
    rule = RULES.get(node.operator)
    if rule is None:
        return None
    numbers = [*node.inputs, node.outputs[0]] if rule in _OF_NUMBERS else node.inputs[:1]
    types = [graph.values[name] for name in (*node.inputs, node.outputs[0]) if name]
    dtypes = {graph.values[name].dtype for name in numbers if name}
    small = all(0 <= _size(value.shape) <= LARGEST for value in types)
    plain = len(dtypes) == 1 and all(d is not None and d.kind == "f" for d in dtypes)
    return rule(graph, node) if small and plain else None


def _size(shape: Any) -> int:
    """The number of elements; -1 if it is not known."""
    if shape is None or not all(isinstance(n, int) for n in shape):
        return -1
    return int(np.prod(shape))
