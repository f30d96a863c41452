"""finished: a captured graph without what nobody reads, and with the plainest operators."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from ..tensor import Tensor
from .inference import infer
from .ir import Graph, Node


def finished(graph: Graph, optional: Collection[str]) -> Graph:
    """Drop `optional` nodes and outputs without readers and unused constants, name shapes' moves.

    A Reshape that only merges all axes but the first is a Flatten; one that adds or takes axes of
    size 1 is an Unsqueeze or a Squeeze.
    """
    graph = _without_unread(graph, optional)
    graph = infer(graph)
    return _without_unused_constants(_plain_reshapes(graph))


def _without_unread(graph: Graph, optional: Collection[str]) -> Graph:
    read = {value.name for value in graph.outputs}
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if node.name in optional and not read & set(node.outputs):
            continue
        if node.name in optional and not read & set(node.outputs[1:]):
            node = node.but(outputs=node.outputs[:1])
        read |= set(node.inputs)
        kept.append(node)
    return graph.but(nodes=kept[::-1])


def _without_unused_constants(graph: Graph) -> Graph:
    read = {name for node in graph.nodes for name in node.inputs}
    read |= {value.name for value in graph.outputs}
    graph = graph.but(constants={k: v for k, v in graph.constants.items() if k in read})
    return infer(graph)


def _plain_reshapes(graph: Graph) -> Graph:
    constants = dict(graph.constants)
    nodes = [
        _plainer(node, graph, constants) if node.operator == "Reshape" else node
        for node in graph.nodes
    ]
    return graph.but(nodes=nodes, constants=constants)


def _plainer(node: Node, graph: Graph, constants: dict[str, Tensor]) -> Node:
    x, y = graph.values[node.inputs[0]].shape, graph.values[node.outputs[0]].shape
    if x is None or y is None or node.inputs[1] not in graph.constants:
        return node
    if len(y) == 2 and len(x) > 2 and x[0] == y[0]:
        return node.but(operator="Flatten", inputs=node.inputs[:1])
    for operator, many, few in (("Squeeze", x, y), ("Unsqueeze", y, x)):
        axes = _ones_between(many, few)
        if axes:
            name = f"{node.name}.axes"
            constants[name] = Tensor(np.asarray(axes, np.int64))
            return node.but(operator=operator, inputs=(node.inputs[0], name))
    return node


def _ones_between(many: tuple, few: tuple) -> list[int]:
    """The axes of size 1 without which `many` is `few`."""
    axes, place = [], 0
    for axis, n in enumerate(many):
        if place < len(few) and few[place] == n and not (
            n == 1 and len(many) - axis > len(few) - place
        ):  # fmt: skip
            place += 1
        elif n == 1:
            axes.append(axis)
        else:
            return []
    return axes if place == len(few) and len(axes) == len(many) - len(few) else []
