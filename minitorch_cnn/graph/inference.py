"""infer: the type of every value of a graph, from those of its inputs and constants.

Shapes that a graph computes (Shape, Gather, Concat, ..., Reshape) are followed: small integer
values are computed with the free sizes in them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from .given import Given, Type
from .ir import Graph, Node, Value
from .operators import OPERATORS
from .sizes import Free, one_of

# The largest value of a graph that counts as a computed shape.
LARGEST = 64
MOST = 2**63  # of a computed number, which the arithmetic of ONNX's int64 does not exceed


def infer(graph: Graph) -> Graph:
    """The graph with the type of every value, as far as the rules of its operators tell.

    A result keeps the type that was given for it where the rules do not tell.
    Raises: ValueError that names the node, for an unknown operator or inputs that do not fit.
    """
    values = {value.name: value for value in graph.inputs}
    numbers: dict[str, Any] = {}
    for name, tensor in graph.constants.items():
        values[name] = Value(name, tensor.dtype, tensor.shape)
        if tensor.numel() <= LARGEST and tensor.ndim <= 1:
            numbers[name] = graph.array(name)
    for node in graph.nodes:
        infer_node(node, values, numbers)
    outputs = [_met(values.get(value.name), value) for value in graph.outputs]
    return graph.but(values=values, outputs=outputs)


def infer_node(node: Node, values: dict[str, Value], numbers: dict[str, Any]) -> None:
    """Add the types of a node's outputs to `values`, and what is known of their numbers."""
    operator = OPERATORS.get(node.operator)
    given = Given(node, values, numbers)
    if operator is None:
        given.refuse("the operator is not known")
    try:
        types: list[Type] = operator.infer(given)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        if str(error).startswith(f"{node.name or '?'} ("):
            raise
        given.refuse(f"its inputs or attributes do not fit the operator: {error}")
    for name, type_ in zip(node.outputs, types, strict=False):
        if name:
            values[name] = Value(name, *type_)
    known = _COMPUTED.get(node.operator)
    if known is not None and len(node.outputs) == 1:
        found = _numbers(known, given)
        if found is not None:
            numbers[node.outputs[0]] = found


def _numbers(known: Callable[[Given], Any], given: Given) -> np.ndarray | None:
    """The numbers that a node makes; None where they are unknown, too many, or beyond 64 bits."""
    try:
        found = known(given)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None  # the node refuses them when it runs
    if found is None or np.size(found) > LARGEST:
        return None
    found = np.asarray(found)
    if found.dtype == object:
        for n in found.reshape(-1):
            parts = (n.times, n.plus) if isinstance(n, Free) else (n,)
            if any(abs(part) > MOST for part in parts):
                return None
    return found


def _met(found: Value | None, given: Value) -> Value:
    """What inference found about a result, with what was known before where it found nothing."""
    if found is None or found.shape is None:
        return given if found is None else given._replace(dtype=found.dtype or given.dtype)
    if given.shape is None or len(given.shape) != len(found.shape):
        return found
    shape = tuple(one_of(a, b) for a, b in zip(found.shape, given.shape, strict=True))
    return Value(found.name, found.dtype or given.dtype, shape)


# -------------------------------------------------------------------- shapes that a graph computes


def _shape(g: Given) -> Any:
    x = g.shape()
    if x is None:
        return None
    sizes = np.empty(len(x), object)
    sizes[:] = x
    return sizes[g.get("start") : g.get("end")]


def _of(f: Callable[..., Any]) -> Callable[[Given], Any]:
    """The rule of an operator that computes f(node, *inputs) if all inputs are known."""

    def rule(g: Given) -> Any:
        found = [g.numbers.get(name) for name in g.node.inputs]
        return None if any(x is None for x in found) else f(g, *found)

    return rule


def _unsqueezed(g: Given, x: Any, axes: Any) -> Any:
    return x.reshape(1) if x.ndim == 0 and len(np.atleast_1d(axes)) == 1 else None


def _reshaped(g: Given, x: Any, shape: Any) -> Any:
    """Of scalars and vectors; more axes are no computed shape."""
    sizes = np.atleast_1d(shape).tolist()
    return np.asarray(x).reshape(sizes) if len(sizes) < 2 and 0 not in sizes else None


def _squeezed(g: Given, x: Any, axes: Any = None) -> Any:
    return x.reshape(()) if x.size == 1 else x


def _sliced(g: Given, x: Any, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Any:
    step = 1 if steps is None else int(steps[0])
    ends = np.atleast_1d(ends)
    end = None if step < 0 and ends[0] < -len(x) else int(ends[0])
    return x[int(np.atleast_1d(starts)[0]) : end : step]


def _gathered(g: Given, x: Any, at: Any) -> Any:
    return np.asarray(x)[at.astype(np.int64)] if np.ndim(x) else None


def _divided(g: Given, a: Any, b: Any) -> Any:
    return None if np.asarray(a).dtype.kind in dtypes.FLOATS else a // b


def _cast(g: Given, x: Any) -> Any:
    return x if x.dtype == object else x.astype(g.get("to"))


def _full(g: Given, shape: Any) -> Any:
    if len(shape) != 1 or not isinstance(shape.tolist()[0], int) or shape[0] > LARGEST:
        return None
    value = g.get("value")
    return np.full(shape[0], 0.0 if value is None else np.asarray(value).ravel()[0])


_COMPUTED: dict[str, Callable[[Given], Any]] = {
    "Shape": _shape,
    "Constant": lambda g: np.asarray(g.get("value")),
    "ConstantOfShape": _of(_full),
    "Identity": _of(lambda g, x: x),
    "Gather": _of(_gathered),
    "Concat": _of(lambda g, *xs: np.concatenate([np.atleast_1d(x) for x in xs])),
    "Unsqueeze": _of(_unsqueezed),
    "Reshape": _of(_reshaped),
    "Squeeze": _of(_squeezed),
    "Slice": _of(_sliced),
    "Cast": _of(_cast),
    "Add": _of(lambda g, a, b: a + b),
    "Sub": _of(lambda g, a, b: a - b),
    "Mul": _of(lambda g, a, b: a * b),
    "Div": _of(_divided),
}
