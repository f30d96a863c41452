"""A graph as a module with a layer for each node, for those who look at layers: tables, feature
maps, hooks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import nn
from ..nn import Module, Parameter
from ..tensor import Tensor, cat
from .inference import infer
from .interpreter import arguments, called
from .ir import Graph, Node, fresh


class Operation(Module):
    """A node that is no layer of nn. Each operator has a subclass of its name."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self.node = node

    def forward(self, *inputs: Tensor | None) -> Any:
        made = called(self.node, inputs)
        return made[0] if len(made) == 1 else made


class Layers(Module):
    """A graph as a module whose layers have the names of the nodes, with "_" in place of ".".

    A layer is nn's where there is one that does the same, an `Operation` elsewhere; it holds the
    graph's own tensors. Nodes that make no floats, such as those of shape arithmetic, are none.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        graph = infer(graph)
        self.graph = graph.but(constants={})
        self._layers: dict[str, Module] = {}  # by the first output of the node
        read = {value.name for value in graph.outputs}
        for node in graph.nodes:
            value = graph.values.get(node.outputs[0])
            layer = None
            if value is not None and value.dtype is not None and value.dtype.kind == "f":
                layer = _layer(node, graph)
                name = fresh(node.name.replace(".", "_"), self._modules)
                self._modules[name] = self._layers[node.outputs[0]] = layer
            read.update(node.inputs[: None if _takes_all(layer) else 1])
        for name, tensor in graph.constants.items():
            if name in read:
                table: Any = self._parameters if isinstance(tensor, Parameter) else self._buffers
                table[name] = tensor

    def _get_name(self) -> str:
        return self.graph.name

    def forward(self, *args: Any, **named: Any) -> Any:
        names = (value.name for value in self.graph.inputs)
        known: dict[str, Any] = {**self._parameters, **self._buffers}
        known.update(zip(names, arguments(self.graph, args, named), strict=True))
        for node in self.graph.nodes:
            layer: Any = self._layers.get(node.outputs[0])
            inputs = [
                known[name] if name else None
                for name in node.inputs[: None if _takes_all(layer) else 1]
            ]
            made = called(node, inputs) if layer is None else layer(*inputs)
            made = made if isinstance(made, tuple) else (made,)
            known.update(zip(node.outputs, made, strict=False))
        results = [known[value.name] for value in self.graph.outputs]
        return results[0] if len(results) == 1 else tuple(results)


def _takes_all(layer: Module | None) -> bool:
    """Whether a node's layer is called with all inputs: it holds no weights of its own."""
    return layer is None or isinstance(layer, Operation)


def _layer(node: Node, graph: Graph) -> Module:
    """The layer of nn that does what a node does, or an Operation."""
    make = _MAKERS.get(node.operator)
    weights = [graph.constants.get(name) for name in node.inputs[1:]]
    layer = None
    if make is not None and not any(tensor is None for tensor in weights):
        with nn.shapes_only():  # the weights are those of the graph
            layer = make(node, graph, *weights)
    if layer is None:
        return type(node.operator, (Operation,), {})(node)
    return layer


def _with(layer: Module, **tensors: Any) -> Module | None:
    """A layer with the tensors of a graph in place of its own; None if they do not fit."""
    for name, tensor in tensors.items():
        table: Any = layer._parameters if name in layer._parameters else layer._buffers
        own = table.get(name)
        if own is None or own.shape != tensor.shape:
            return None
        if (table is layer._parameters) != isinstance(tensor, Parameter):
            return None
        table[name] = tensor
    return layer


def _window(node: Node, ndim: int | None) -> dict[str, Any] | None:
    """Strides and padding of a window of two axes, if it is padded alike on both sides."""
    pads = tuple(node.get("pads") or (0, 0, 0, 0))
    automatic = (node.get("auto_pad") or "NOTSET") != "NOTSET"
    if ndim != 4 or automatic or len(pads) != 4 or pads[:2] != pads[2:] or min(pads) < 0:
        return None
    strides = tuple(node.get("strides") or (1, 1))
    return {"stride": strides, "padding": pads[:2]}


def _ndim(node: Node, graph: Graph) -> int | None:
    value = graph.values.get(node.inputs[0])
    return None if value is None or value.shape is None else len(value.shape)


def _conv(node: Node, graph: Graph, w: Tensor, b: Tensor | None = None) -> Module | None:
    window, groups = _window(node, w.ndim), node.get("group")
    if window is None:
        return None
    dilation = tuple(node.get("dilations") or (1, 1))
    channels = w.shape[1] * groups, w.shape[0], w.shape[2:]
    settings = {**window, "dilation": dilation, "groups": groups, "bias": b is not None}
    biased = {} if b is None else {"bias": b}
    return _with(nn.Conv2d(*channels, **settings), weight=w, **biased)


def _gemm(node: Node, graph: Graph, w: Tensor, b: Tensor | None = None) -> Module | None:
    usual = node.get("transB") and not node.get("transA")
    if not usual or not node.get("alpha") == node.get("beta") == 1 or w.ndim != 2:
        return None
    layer = nn.Linear(w.shape[1], w.shape[0], bias=b is not None)
    return _with(layer, weight=w, **({} if b is None else {"bias": b}))


def _batch_norm(node: Node, graph: Graph, *tensors: Tensor) -> Module | None:
    if _ndim(node, graph) != 4 or node.get("training_mode") or len(node.outputs) > 1:
        return None
    momentum = 1 - node.get("momentum")
    layer = nn.BatchNorm2d(tensors[0].shape[0], node.get("epsilon"), momentum)
    layer._buffers["num_batches_tracked"] = Tensor(np.int64(0))
    names = ("weight", "bias", "running_mean", "running_var")
    return _with(layer, **dict(zip(names, tensors, strict=True)))


def _pool(node: Node, graph: Graph) -> Module | None:
    window, kernel = _window(node, _ndim(node, graph)), node.get("kernel_shape")
    dilated = set(node.get("dilations") or (1,)) != {1}
    if window is None or dilated or len(node.outputs) > 1:
        return None
    window["ceil_mode"] = bool(node.get("ceil_mode"))
    if node.operator == "MaxPool":
        return nn.MaxPool2d(tuple(kernel), **window)
    inside = bool(node.get("count_include_pad"))
    if window["ceil_mode"]:  # what hangs over the edge counts in other ways
        return None
    return nn.AvgPool2d(tuple(kernel), **window, count_include_pad=inside)


def _global_pool(node: Node, graph: Graph) -> Module | None:
    return nn.AdaptiveAvgPool2d(1) if _ndim(node, graph) == 4 else None


def _flatten(node: Node, graph: Graph) -> Module | None:
    return nn.Flatten() if node.get("axis") == 1 else None


def _softmax(node: Node, graph: Graph) -> Module | None:
    return nn.Softmax(node.get("axis"))


def _dropout(node: Node, graph: Graph, *given: Tensor) -> Module | None:
    return nn.Dropout(float(given[0].numpy()) if given else 0.5) if len(node.outputs) == 1 else None


_MAKERS: dict[str, Callable[..., Module | None]] = {
    "AveragePool": _pool,
    "BatchNormalization": _batch_norm,
    "Conv": _conv,
    "Dropout": _dropout,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_pool,
    "MaxPool": _pool,
    "Relu": lambda node, graph: nn.ReLU(),
    "Sigmoid": lambda node, graph: nn.Sigmoid(),
    "Softmax": _softmax,
    "Tanh": lambda node, graph: nn.Tanh(),
}


class OneByOne(Module):
    """A module that takes one sample, for a batch x (N, *): y (N, *)."""

    def __init__(self, net: Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return cat([self.net(x[i : i + 1]) for i in range(x.shape[0])])
