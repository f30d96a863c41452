"""A network as data that the page's engine (engine/*.js) runs: its operators and its weights."""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

import numpy as np

from ...compiler.passes import drop_identities, fold_constants
from ...graph import Graph, Node
from ...graph.capture import captured
from ...nn import Module
from ..class_activation import averaged_maps
from ..trace import Shape, zeros_for

# What engine/network.js knows, by ONNX's names.
OPERATORS = frozenset(
    (
        *("Add", "AveragePool", "BatchNormalization", "Clip", "Concat", "Conv", "Div", "Flatten"),
        *("Gemm", "GlobalAveragePool", "LeakyRelu", "LogSoftmax", "MatMul", "MaxPool", "Mul"),
        *("Neg", "Pad", "ReduceMean", "ReduceSum", "Relu", "Reshape", "Sigmoid", "Softmax"),
        *("Sub", "Tanh", "Unsqueeze"),
    )
)
SMALL = 16  # numbers; a constant of fewer keeps all digits
# A network of more is too large for its page or too slow in it: weights, multiply-adds, and numbers
# of all images.
LIMITS = {"weights": 1_500_000, "multiply-adds": 200_000_000, "numbers in the images": 300_000}
ENGINE = tuple(
    f"explorer/engine/{name}.js" for name in ("tensor", "windows", "pointwise", "shapes", "network")
)


class Maps(NamedTuple):
    """The maps that evidence for a class is shown in. exact: whether a global average follows them,
    so that it is a class activation map; otherwise it is that of Grad-CAM."""

    value: str
    exact: bool


def lacking(graph: Graph) -> list[str]:
    """The operators of a graph that the engine does not know, sorted."""
    known = [node for node in graph.nodes if node.operator in OPERATORS and _is_simple(node)]
    unknown = {node.operator for node in graph.nodes if node not in known}
    results = graph.outputs
    several = "several results" if len(results) != 1 or len(graph.inputs) != 1 else ""
    return sorted(unknown | ({several} if several else set()))


def _is_simple(node: Node) -> bool:
    return sum(map(bool, node.outputs)) == 1


def live_graph(model: Module, shape: Shape) -> Graph:
    """The graph of a model in evaluation for one image (C, H, W), without constant operators."""
    graph = captured(model, zeros_for(model, shape), "explore", free=False).graph
    return fold_constants(drop_identities(graph))


def live_network(graph: Graph) -> dict[str, Any]:
    """A graph as the engine's `NetworkData`; weights are rounded to 16 bits.

    Raises: ValueError naming the operators that the engine lacks.
    """
    if unknown := lacking(graph):
        raise ValueError(f"live_network: the engine lacks {', '.join(unknown)}")
    nodes = [_node(graph, node) for node in graph.nodes]
    used = dict.fromkeys(name for node in graph.nodes for name in node.inputs)
    constants: dict[str, dict[str, Any]] = {}
    weights: list[np.ndarray] = []
    start = 0
    for name in used:
        array = graph.array(name)
        if array is None:
            continue
        constants[name] = {"shape": list(array.shape)}
        if array.size <= SMALL and np.isfinite(array).all():
            constants[name]["numbers"] = array.reshape(-1).tolist()
            continue
        constants[name]["start"] = start
        start += array.size
        with np.errstate(over="ignore"):  # beyond 65,504 a number becomes infinite
            weights.append(array.reshape(-1).astype("<f2"))
    packed = b"".join(part.tobytes() for part in weights)
    return {
        "nodes": nodes,
        "input": graph.inputs[0].name,
        "shape": _shape(graph, graph.inputs[0].name),
        "output": graph.outputs[0].name,
        "constants": constants,
        "weights": base64.b64encode(packed).decode(),
    }


def _node(graph: Graph, node: Node) -> dict[str, Any]:
    output = next(filter(None, node.outputs))
    attributes = {k: v for k, v in node.attributes.items() if isinstance(v, int | float | str)}
    lists = {k: list(v) for k, v in node.attributes.items() if isinstance(v, tuple | list)}
    return {
        "operator": node.operator,
        "name": output,
        "inputs": list(node.inputs),
        "shape": _shape(graph, output),
        "attributes": {**attributes, **lists},
    }


def _shape(graph: Graph, name: str) -> list[int]:
    shape: Any = graph.values[name].shape
    return [int(n) for n in shape]


def evidence_maps(graph: Graph) -> Maps | None:
    """The maps to show evidence in: those before the global average, or else the last ones."""
    averaged = averaged_maps(graph)
    if averaged is not None:
        return Maps(averaged, True)
    shapes = {node.outputs[0]: _shape(graph, node.outputs[0]) for node in graph.nodes}
    maps = [name for name, shape in shapes.items() if len(shape) == 4 and min(shape[2:]) > 1]
    return Maps(maps[-1], False) if maps else None


def live_page(model: Module, images: np.ndarray, multiply_adds: int) -> dict[str, Any]:
    """What a page needs to run a model on images (N, C, H, W): {"network", "images" as 16 bits};
    or {"lacks": why it cannot}.
    """
    weights = sum(p.numel() for p in model.parameters())
    sizes = dict(zip(LIMITS, (weights, multiply_adds, images.size), strict=True))
    for what, size in sizes.items():
        if size > LIMITS[what]:
            return {"lacks": f"it has {size:,} {what}, and {LIMITS[what]:,} is the most"}
    graph = live_graph(model, images.shape[1:])
    if unknown := lacking(graph):
        return {"lacks": f"the engine lacks {', '.join(unknown)}"}
    packed = base64.b64encode(images.astype("<f2").tobytes()).decode()
    return {"network": live_network(graph), "images": packed}
