"""Notebook 13: graphs run node by node or as kernels, and what they read and write."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from .. import nn
from ..autograd import no_grad
from ..compiler.steps import Step
from ..graph import Free, Graph, Node, infer
from ..graph.implementations import IMPLEMENTATIONS
from ..tensor import Tensor
from .compare import No

FUSED = "FusedConv"  # ONNX Runtime's name; inputs x, w, bias, what is added; activation="Relu"


def trained(model: nn.Module, seed: int = 13) -> nn.Module:
    """The model in evaluation mode, its batch norms as after some training: random numbers."""
    rng = np.random.default_rng(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            spans: list[tuple[Any, float, float]] = [
                (module.weight, 0.5, 1.5), (module.bias, -0.5, 0.5),
                (module.running_mean, -0.5, 0.5), (module.running_var, 0.5, 2.0),
            ]  # fmt: skip
            for value, low, high in spans:
                value.array[...] = rng.uniform(low, high, value.shape)
    return model.eval()


def run(graph: Graph, x: Tensor) -> Tensor:
    """The first result of a graph, node by node; FusedConv is known."""
    return results(graph, x)[0]


@no_grad()
def results(graph: Graph, x: Tensor) -> list[Tensor]:
    """All results of a graph of one input.

    Raises: No for a node that reads what no node before it makes.
    """
    known: dict[str, Any] = {**graph.constants, graph.inputs[0].name: x, "": None}
    for node in graph.nodes:
        missing = [name for name in node.inputs if name not in known]
        if missing:
            raise No(f"{node.name} reads {missing[0]!r}, which no node before it makes")
        made = _called(node, [known[name] for name in node.inputs])
        known.update(zip(node.outputs, made if isinstance(made, tuple) else (made,), strict=False))
    lost = [value.name for value in graph.outputs if value.name not in known]
    if lost:
        raise No(f"no node makes the result {lost[0]!r} any more")
    return [known[value.name] for value in graph.outputs]


def _called(node: Node, inputs: list[Any]) -> Any:
    if node.operator != FUSED:
        return IMPLEMENTATIONS[node.operator](node, *inputs)
    settings = {k: v for k, v in node.attributes.items() if k != "activation"}
    y = IMPLEMENTATIONS["Conv"](node.but(operator="Conv", attributes=settings), *inputs[:3])
    array: Any = y.array  # the epilogue, in place
    if len(inputs) > 3 and inputs[3] is not None:
        np.add(array, inputs[3].array, out=array)
    if node.attributes.get("activation") == "Relu":
        np.maximum(array, 0, out=array)
    return y


def compiled(graph: Graph, fuse: bool = False) -> Callable[[Tensor], Tensor]:
    """A graph as mt.compile runs it, for one image. Each node is a kernel; fuse: or an epilogue."""
    from ..compiler.plan import plan  # with Numba's kernels
    from ..compiler.program import Program

    (x,) = graph.inputs
    sizes: Any = x.shape
    fixed = infer(graph.but(inputs=[x._replace(shape=(1, *sizes[1:]))], values={}))
    steps = None if fuse else [Step(node, node.outputs[0]) for node in graph.nodes]
    program = Program(fixed, plan(fixed, steps), x.dtype, [])
    return lambda image: program([image])


def size(graph: Graph, name: str) -> int:
    """The numbers in a value, for one image."""
    shape = graph.values[name].shape or ()
    return prod(n.times + n.plus if isinstance(n, Free) else n for n in shape)


def traffic(graph: Graph) -> int:
    """The bytes that the nodes of a graph read and write, weights left out, for one image."""
    values = (
        name
        for node in graph.nodes
        for name in (*node.inputs, *node.outputs)
        if name and name not in graph.constants
    )
    return sum(size(graph, name) * np.dtype(np.float32).itemsize for name in values)
