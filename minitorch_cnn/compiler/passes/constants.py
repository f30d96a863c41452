"""Compute once what depends on constants alone."""

from __future__ import annotations

from typing import Any

from ...autograd import no_grad
from ...graph import Graph, Node
from ...graph.implementations import IMPLEMENTATIONS

LARGEST = 2**22  # elements of a new constant


def fold_constants(graph: Graph) -> Graph:
    """The graph without nodes that read nothing but constants: their outputs are constants.

    A node stays if its output is a result, or large.
    """
    results = {value.name for value in graph.outputs}
    constants, nodes = dict(graph.constants), []
    for node in graph.nodes:
        known = all(name in constants for name in node.inputs if name)
        if known and not results & set(node.outputs) and _size(graph, node) <= LARGEST:
            inputs = [constants[name] if name else None for name in node.inputs]
            with no_grad():
                made: Any = IMPLEMENTATIONS[node.operator](node, *inputs)
            made = made if isinstance(made, tuple) else (made,)
            constants.update(zip(node.outputs, made, strict=False))
        else:
            nodes.append(node)
    return graph.but(nodes=nodes, constants=constants)


def _size(graph: Graph, node: Node) -> int:
    """The number of elements of a node's outputs; beyond LARGEST if it is not known."""
    size = 0
    for name in node.outputs:
        shape = graph.values[name].shape if name in graph.values else None
        if shape is None or not all(isinstance(n, int) for n in shape):
            return LARGEST + 1
        count = 1
        for n in shape:
            count *= int(n)  # pyright: ignore[reportArgumentType]
        size += count
    return size
