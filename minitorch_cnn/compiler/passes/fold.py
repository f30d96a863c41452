"""Fold batch norm into the convolution before it.

With the running statistics a batch norm is affine, and so are the weights and bias of

    w' = w * s,  b' = (b - mean) * s + beta    with  s = gamma / sqrt(var + eps)

for each output channel. Source: Jacob et al. (2018), Quantization and Training of Neural Networks
for Efficient Integer-Arithmetic-Only Inference (arXiv 1712.05877), equation 14.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...graph import Graph, Node, fresh
from ...tensor import Tensor


def fold_batch_norm(graph: Graph) -> Graph:
    """The graph in which a convolution that only a batch norm reads has taken it over.

    The arithmetic is done in float64. The model's own weights stay as they are.
    """
    makers, consumers = graph.producers(), graph.consumers()
    results = {value.name for value in graph.outputs}
    constants, folded, nodes = dict(graph.constants), set(), []
    for node in graph.nodes:
        conv = makers.get(node.inputs[0]) if node.inputs else None
        if (
            node.operator == "BatchNormalization"
            and conv is not None
            and conv.operator == "Conv"
            and len(consumers[node.inputs[0]]) == 1
            and node.inputs[0] not in results
            and all(name in constants for name in (*conv.inputs[1:], *node.inputs[1:]) if name)
        ):
            folded.add(conv.name)
            nodes.append(_folded(graph, conv, node, constants))
        else:
            nodes.append(node)
    return graph.but(nodes=[node for node in nodes if node.name not in folded], constants=constants)


def _folded(graph: Graph, conv: Node, norm: Node, constants: dict[str, Tensor]) -> Node:
    """The convolution with the norm in its weights and bias, under the norm's name and output."""

    def array(name: str) -> Any:
        return constants[name].detach().cpu().numpy().astype(np.float64)

    x, w = conv.inputs[0], constants[conv.inputs[1]].detach().cpu().numpy()
    gamma, beta, mean, var = map(array, norm.inputs[1:5])
    scale = gamma / np.sqrt(var + norm.get("epsilon"))
    bias = array(conv.inputs[2]) if len(conv.inputs) > 2 else 0
    names = []
    parts = {"weight": scaled(w, scale), "bias": ((bias - mean) * scale + beta).astype(w.dtype)}
    for what, value in parts.items():
        name = fresh(f"{norm.name}.{what}", set(graph.values) | set(constants))
        constants[name] = Tensor(value)
        names.append(name)
    return conv.but(inputs=(x, *names), outputs=norm.outputs[:1], name=norm.name)


def scaled(w: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The weights of each output channel times a number in float64, without a copy in float64."""
    made = np.empty(w.shape, w.dtype)
    return np.multiply(w, scale.reshape(-1, *[1] * (w.ndim - 1)), out=made, casting="same_kind")
