"""print(graph): the name, operator, inputs, output shape and attributes of each node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .sizes import text_of

if TYPE_CHECKING:
    from .ir import Graph, Node, Value

HEAD = ("name", "operator", "inputs", "output", "attributes")


def table(graph: Graph) -> str:
    """The graph as text: its inputs, one line for each node, its outputs and its constants."""
    rows = [HEAD, *(_row(graph, node) for node in graph.nodes)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD) - 1)]
    lines = [
        "  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    ]
    count = sum(t.numel() for t in graph.constants.values())
    return "\n".join([
        f"{graph.name}: {', '.join(map(typed, graph.inputs))} -> "
        f"{', '.join(map(typed, graph.outputs))}",
        *lines,
        f"{len(graph.nodes)} nodes, {len(graph.constants)} constants with {count:,} numbers",
    ])  # fmt: skip


def typed(value: Value) -> str:
    """A value with its type: x float32 (N, 3, 32, 32)."""
    dtype = "" if value.dtype is None else f" {value.dtype}"
    return f"{value.name}{dtype} {text_of(value.shape)}"


def _row(graph: Graph, node: Node) -> tuple[str, ...]:
    inputs = [_input(graph, name) for name in node.inputs]
    while inputs and inputs[-1] == "-":
        inputs.pop()
    made = [graph.values.get(name) for name in node.outputs if name]
    shapes = ", ".join(text_of(value.shape) if value else "?" for value in made)
    given = " ".join(f"{key}={_attribute(value)}" for key, value in node.attributes.items())
    return node.name, node.operator, ", ".join(inputs), shapes, given


def _input(graph: Graph, name: str) -> str:
    """An input: its name, or its numbers if it is a constant with few of them and no parameter."""
    array = graph.array(name) if name in graph.constants else None
    if array is None or array.size > 8 or graph.constants[name].requires_grad:
        return name or "-"
    plain = array.dtype.kind in "iub" or array.ndim == 0
    return str(array.tolist()).replace(" ", "") if plain else name


def _attribute(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"({','.join(map(str, value))})"
    if isinstance(value, np.ndarray):
        return str(value.tolist()) if value.size <= 8 else f"array{value.shape}"
    return f"{value:g}" if isinstance(value, float) else str(value)
