"""The operators of a network before and after each pass of the compiler."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

from ...compiler.compiled import PASSES
from ...compiler.steps import Step, fused
from ...graph import Graph, infer
from ...graph.capture import captured
from ...nn import Module
from ..trace import Shape, zeros_for

# The colours of operators, by words in their names; what is left has none.
ROLES = {
    "norm": "Norm|LRN",
    "pool": "Pool",
    "conv": "Conv|Gemm|MatMul|LSTM",
    "join": "^(Add|Mul|Sub|Div|Sum|Concat)$",
    "activation": "Relu|Clip|Sigmoid|Swish|Tanh|Elu|Celu|Selu|Gelu|Mish|Soft|Erf",
}


class Line(NamedTuple):
    """An operator at work. name: the module that ran it; output: a number that tells what it makes
    from other values of the network.
    """

    operator: str
    role: str
    name: str
    shape: list[int]
    output: int


def stages(model: Module, shape: Shape) -> list[dict[str, Any]]:
    """The graph for an image (C, H, W) as captured, after each pass, and as steps with epilogues.

    Of each its name, its lines, and the bytes that its operators read and write, weights left out.
    """
    graph = captured(model, zeros_for(model, shape), "explore", free=False).graph
    numbers: dict[str, int] = {}
    found = [_stage("captured", graph, _steps(graph), numbers)]
    for change in PASSES:
        graph = infer(change(graph))
        name = change.__name__.replace("_", " ")
        found.append(_stage(name, graph, _steps(graph), numbers))
    return [*found, _stage("fuse epilogues", graph, fused(graph), numbers)]


def _steps(graph: Graph) -> list[Step]:
    return [Step(node, node.outputs[0]) for node in graph.nodes]


def _stage(name: str, graph: Graph, steps: list[Step], numbers: dict[str, int]) -> dict[str, Any]:
    """numbers: those of the outputs so far."""

    def size(value: str) -> int:
        known: Any = graph.values[value]
        return math.prod(known.shape or ()) * (4 if known.dtype is None else known.dtype.itemsize)

    lines = []
    for step in steps:
        operator = " + ".join([step.node.operator, *_epilogue(step)])
        role = next((role for role, words in ROLES.items() if re.search(words, operator)), "plain")
        whole: Any = graph.values[step.output].shape or ()
        shape = list(whole[1:] if len(whole) > 1 and whole[0] == 1 else whole)
        output = numbers.setdefault(step.output, len(numbers))
        line = Line(operator, role, step.node.module or step.node.name, shape, output)
        lines.append(line._asdict())
    read = [value for step in steps for value in step.inputs if value not in graph.constants]
    moved = sum(map(size, [*read, *(step.output for step in steps)]))
    return {"name": name, "bytes": moved, "lines": lines}


def _epilogue(step: Step) -> list[str]:
    """The operators that a step took over."""
    found = ["Add"] if step.residual else []
    if (step.low, step.high) == (0.0, math.inf):
        return [*found, "Relu"]
    return found if step.low == -math.inf and step.high == math.inf else [*found, "Clip"]
