"""Steps: a graph's nodes, with what follows a convolution or sum fused into it.

A convolution takes over the addition that alone reads it and the ReLU or clip that alone reads
that; a sum takes over the ReLU or clip behind it. The step runs where the last of its nodes stood.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..graph import Graph, Node


class Step(NamedTuple):
    """One node with its epilogue: clamp(node + residual, low, high)."""

    node: Node
    output: str
    residual: str = ""
    low: float = -math.inf
    high: float = math.inf

    @property
    def inputs(self) -> tuple[str, ...]:
        """The values that it reads."""
        return tuple(filter(None, (*self.node.inputs, self.residual)))


def fused(graph: Graph) -> list[Step]:
    """The steps of a graph, in order."""
    consumers = graph.consumers()
    results = {value.name for value in graph.outputs}

    def alone(name: str) -> bool:
        return name not in results and len(consumers.get(name, ())) == 1

    waiting: dict[str, Step] = {}  # by output: steps that the next node may take into itself
    steps: list[Step] = []

    def emit(step: Step) -> None:
        if step.node.operator in ("Conv", "Add", "BatchNormalization") and alone(step.output):
            waiting[step.output] = step
        else:
            steps.append(step)

    for node in graph.nodes:
        found = _taken(graph, node, waiting)
        for name in node.inputs:  # what is read, but not taken, runs before
            if name in waiting:
                steps.append(waiting.pop(name))
        emit(found or Step(node, node.outputs[0]))
    return steps


def _taken(graph: Graph, node: Node, waiting: dict[str, Step]) -> Step | None:
    """The waiting step that takes over a node, and no longer waits."""
    if node.operator == "Add":
        for name, other in (node.inputs, node.inputs[::-1]):
            step = waiting.get(name)
            same = graph.values[name].shape == graph.values[other].shape
            if step is None or step.node.operator != "Conv" or name == other or not same:
                continue
            if not step.residual and (step.low, step.high) == (-math.inf, math.inf):
                return waiting.pop(name)._replace(output=node.outputs[0], residual=other)
    bounds = bounds_of(graph, node)
    step = waiting.get(node.inputs[0]) if bounds else None
    if bounds is None or step is None or (step.low, step.high) != (-math.inf, math.inf):
        return None
    low, high = bounds
    return waiting.pop(node.inputs[0])._replace(output=node.outputs[0], low=low, high=high)


def bounds_of(graph: Graph, node: Node) -> tuple[float, float] | None:
    """The bounds of a ReLU or clip that keep 0 within, as the zeros of unused channels need."""
    if node.operator == "Relu":
        return 0.0, math.inf
    if node.operator != "Clip":
        return None
    bounds = [-math.inf, math.inf]
    for i, name in enumerate(node.inputs[1:3]):
        array = graph.array(name) if name else None
        if name and array is None:
            return None
        if array is not None:
            bounds[i] = float(array)
    return (bounds[0], bounds[1]) if bounds[0] <= 0 <= bounds[1] else None
