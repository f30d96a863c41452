"""Fold products and sums with constants into the convolutions beside them.

With a factor s and a summand t for each channel,

    s * (w * x + b) + t  =  (s w) * x + (s b + t)       behind a convolution
    w * (s x)            =  (w s) * x                   before it
    mean(s x)            =  s mean(x)                   before a mean over windows
    s mean(x) + t        =  (s / (KH KW)) * x + t       a depthwise convolution, where no window
                                                        leaves x
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...graph import Graph, Node, fresh, infer
from ...tensor import Tensor
from .fold import scaled


class Affine(NamedTuple):
    """scale * x + shift, of one number or of one for each channel, in float64."""

    x: str
    scale: np.ndarray
    shift: np.ndarray


def fold_affine(graph: Graph) -> Graph:
    """The graph without the products and sums that a convolution can take over."""
    return _Folding(graph).folded()


class _Folding:
    def __init__(self, graph: Graph) -> None:
        self.graph, self.constants = graph, dict(graph.constants)
        self.nodes: dict[str, Node] = {}  # by their first outputs
        readers = graph.consumers()
        results = {value.name for value in graph.outputs}
        self.alone = {name for name, by in readers.items() if len(by) == 1} - results

    def folded(self) -> Graph:
        for node in self.graph.nodes:
            self.add(node)
        return infer(self.graph.but(nodes=list(self.nodes.values()), constants=self.constants))

    def add(self, node: Node) -> None:
        """Add a node, together with the one before it if they can be one."""
        sources = [name for name in node.inputs if name and name not in self.constants]
        first = self.nodes.get(sources[0]) if len(sources) == 1 else None
        together = None
        if first is not None and sources[0] in self.alone:
            together = self.together(first, node)
        if first is None or together is None:
            self.nodes[node.outputs[0]] = node
            return
        del self.nodes[first.outputs[0]]
        for other in together:
            self.add(other)

    def together(self, first: Node, node: Node) -> list[Node] | None:
        """The nodes that do what two nodes do, of which the second alone reads the first."""
        affine = self.affine(node)
        if affine and first.operator == "Conv" and self.is_constant(first):
            return [self.behind(first, node, affine)]
        if affine and first.operator == "AveragePool" and _stays_inside(first):
            return [self.pooling(first, node, affine)]
        affine = self.affine(first)
        if affine is None or affine.shift.any():
            return None
        if node.operator == "Conv" and self.is_constant(node):
            return [self.before(node, affine)]
        if node.operator == "AveragePool":
            name = self.fresh(f"{node.outputs[0]}:mean")
            self.alone.add(name)
            other = next(n for n in first.inputs if n != affine.x)
            pool = node.but(inputs=(affine.x,), outputs=(name,))
            return [pool, first.but(inputs=(name, other), outputs=node.outputs)]
        return None

    def affine(self, node: Node) -> Affine | None:
        """What a product or sum of an image with constants computes."""
        if node.operator not in ("Add", "Div", "Mul", "Sub"):
            return None
        a, b = node.inputs
        x, other = (b, a) if a in self.constants else (a, b)
        shape = self.shape(node.outputs[0])
        constant = self.constants.get(other)
        if constant is None or x in self.constants or shape is None or len(shape) != 4:
            return None
        wide = (1,) * (4 - constant.ndim) + tuple(constant.shape)
        if constant.ndim > 4 or wide not in ((1, 1, 1, 1), (1, shape[1], 1, 1)):
            return None
        c = constant.detach().numpy().astype(np.float64).reshape(-1)
        one, zero = np.ones(1), np.zeros(1)
        if node.operator == "Div":
            return Affine(x, 1 / c, zero) if x == a and c.all() else None
        if node.operator == "Mul":
            return Affine(x, c, zero)
        if node.operator == "Sub":
            return Affine(x, one, -c) if x == a else Affine(x, -one, c)
        return Affine(x, one, c)

    def shape(self, name: str) -> Any:
        value = self.graph.values.get(name)
        return None if value is None else value.shape

    def is_constant(self, conv: Node) -> bool:
        """Whether a convolution's weights and bias are constants."""
        return all(name in self.constants for name in conv.inputs[1:] if name)

    def array(self, name: str) -> np.ndarray:
        return self.constants[name].detach().numpy().astype(np.float64)

    def fresh(self, name: str) -> str:
        return fresh(name, {*self.graph.values, *self.constants, *self.alone})

    def constant(self, name: str, value: np.ndarray, like: str) -> str:
        """The name of a new constant, of the dtype of another value."""
        name = self.fresh(name)
        self.constants[name] = Tensor(value.astype(self.graph.values[like].dtype))
        return name

    def behind(self, conv: Node, node: Node, affine: Affine) -> Node:
        """The convolution that computes what follows it, too."""
        x, w = conv.inputs[0], self.constants[conv.inputs[1]].detach().numpy()
        bias = self.array(conv.inputs[2]) if len(conv.inputs) > 2 else np.zeros(len(w))
        bias = bias * affine.scale + affine.shift
        w = scaled(w, affine.scale)
        names = [
            self.constant(f"{node.name}.{what}", value, node.outputs[0])
            for what, value in (("weight", w), ("bias", bias))
        ]
        return conv.but(inputs=(x, *names), outputs=node.outputs, name=node.name)

    def before(self, conv: Node, affine: Affine) -> Node:
        """The convolution that multiplies its input first."""
        w = self.array(conv.inputs[1])
        groups = conv.get("group")
        scale: Any = np.broadcast_to(affine.scale, (groups * w.shape[1],))
        scale = scale.reshape(groups, 1, -1, 1, 1)
        w = (w.reshape(groups, -1, *w.shape[1:]) * scale).reshape(w.shape)
        name = self.constant(f"{conv.name}.weight", w, conv.outputs[0])
        return conv.but(inputs=(affine.x, name, *conv.inputs[2:]))

    def pooling(self, pool: Node, node: Node, affine: Affine) -> Node:
        """The depthwise convolution that is a mean over windows, with what follows it."""
        C, kernel = self.shape(node.outputs[0])[1], pool.get("kernel_shape")
        w = np.empty((C, 1, *kernel))
        w[:] = (affine.scale / np.prod(kernel)).reshape(-1, 1, 1, 1)
        bias = np.broadcast_to(affine.shift, (C,))
        names = [
            self.constant(f"{node.name}.{what}", value, node.outputs[0])
            for what, value in (("weight", w), ("bias", bias))
        ]
        settings = {"group": C, "kernel_shape": tuple(kernel), "strides": pool.get("strides")}
        settings = {key: value for key, value in settings.items() if value is not None}
        inputs = pool.inputs[0], *names
        return Node("Conv", inputs, node.outputs, settings, node.name, node.module)


def _stays_inside(pool: Node) -> bool:
    """Whether no window of a pooling of two axes leaves its input."""
    padded = any(pool.get("pads") or ()) or (pool.get("auto_pad") or "NOTSET") != "NOTSET"
    dilated = any(d != 1 for d in pool.get("dilations") or ())
    return not (padded or dilated or pool.get("ceil_mode")) and len(pool.get("kernel_shape")) == 2
