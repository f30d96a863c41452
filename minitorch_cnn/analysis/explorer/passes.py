"""The operators of a network before and after each pass of the compiler."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

from ...compiler.compiled import PASSES
from ...compiler.steps import Step, fused
from ...graph import infer
from ..trace import Trace

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


def stages(run: Trace) -> list[dict[str, Any]]:
    """The graph as it was captured, after each pass, and as steps with epilogues.

    Of each its name, its lines, and the bytes that its operators read and write for one image,
    weights left out.
    """
    graph = run.graph
    numbers: dict[str, int] = {}

    def stage(name: str, steps: list[Step]) -> dict[str, Any]:
        read = [v for step in steps for v in step.inputs if v not in graph.constants]
        made = [step.output for step in steps]
        return {
            "name": name,
            "bytes": sum(_bytes(run, value) for value in (*read, *made)),
            "lines": [_line(run, step, numbers)._asdict() for step in steps],
        }

    found = [stage("captured", [Step(node, node.outputs[0]) for node in graph.nodes])]
    for change in PASSES:
        graph = change(graph)
        steps = [Step(node, node.outputs[0]) for node in graph.nodes]
        found.append(stage(change.__name__.replace("_", " "), steps))
    return [*found, stage("fuse epilogues", fused(infer(graph)))]


def _bytes(run: Trace, value: str) -> int:
    known = run.graph.values.get(value)
    itemsize = 4 if known is None or known.dtype is None else known.dtype.itemsize
    return math.prod(run.of_one(value)) * itemsize


def _line(run: Trace, step: Step, numbers: dict[str, int]) -> Line:
    operator = " + ".join([step.node.operator, *_epilogue(step)])
    role = next((role for role, words in ROLES.items() if re.search(words, operator)), "plain")
    output = numbers.setdefault(step.output, len(numbers))
    name = step.node.module or step.node.name
    return Line(operator, role, name, list(run.of_one(step.output)), output)


def _epilogue(step: Step) -> list[str]:
    """The operators that a step took over."""
    found = ["Add"] if step.residual else []
    if (step.low, step.high) == (0.0, math.inf):
        return [*found, "Relu"]
    return found if step.low == -math.inf and step.high == math.inf else [*found, "Clip"]
