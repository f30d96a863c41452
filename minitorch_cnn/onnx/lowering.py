"""A graph's operators in the words of older opsets, and of newer ones where they have changed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph import Graph, Node, fresh
from ..tensor import Tensor


class _Writer:
    """Appends nodes and constants in place of one node, with names that nobody has."""

    def __init__(self, node: Node, graph: Graph, nodes: list[Node], constants: dict[str, Tensor]):
        self.node, self.graph, self.nodes, self.constants = node, graph, nodes, constants
        self.names = {n.name for n in graph.nodes} | {n.name for n in nodes}
        self.taken = set(graph.values) | set(constants) | {o for n in nodes for o in n.outputs}
        dtype = graph.values[node.inputs[0]].dtype
        self.dtype = np.dtype("float32") if dtype is None else dtype

    def constant(self, value: Any, dtype: Any = None) -> str:
        """A constant of the dtype of the node's input."""
        name = fresh(f"{self.node.name}_constant", self.taken)
        self.taken.add(name)
        self.constants[name] = Tensor(np.asarray(value, dtype or self.dtype))
        return name

    def integers(self, *values: int) -> str:
        return self.constant(values, np.int64)

    def add(self, operator: str, *inputs: str, last: bool = False, **attributes: Any) -> str:
        """A node; the last one has the output of the node that is replaced."""
        name = self.node.name if last else fresh(f"{self.node.name}_{operator}", self.names)
        self.names.add(name)
        output = self.node.outputs[0] if last else fresh(name, self.taken)
        self.taken.add(output)
        self.nodes.append(Node(operator, inputs, (output,), attributes, name, self.node.module))
        return output


def lowered(graph: Graph, opset: int) -> Graph:
    """The graph with every operator that `opset` lacks, or has in another form, written out."""
    nodes: list[Node] = []
    constants = dict(graph.constants)
    for node in graph.nodes:
        first, rule = _RULES.get(node.operator, (0, None))
        if rule is None or opset >= first:
            nodes.append(node)
        else:
            rule(_Writer(node, graph, nodes, constants), *node.inputs)
    return graph.but(nodes=nodes, constants=constants)


def _hard_swish(w: _Writer, x: str) -> None:
    gate = w.add("HardSigmoid", x, alpha=1 / 6, beta=0.5)
    w.add("Mul", x, gate, last=True)


def _mish(w: _Writer, x: str) -> None:
    w.add("Mul", x, w.add("Tanh", w.add("Softplus", x)), last=True)


def _gelu(w: _Writer, x: str) -> None:
    if w.node.get("approximate") == "tanh":
        cube = w.add("Mul", w.add("Mul", w.add("Mul", x, x), x), w.constant(0.044715))
        inner = w.add("Mul", w.add("Add", x, cube), w.constant(math.sqrt(2 / math.pi)))
        gate = w.add("Tanh", inner)
    else:
        gate = w.add("Erf", w.add("Mul", x, w.constant(math.sqrt(0.5))))
    half = w.add("Mul", x, w.constant(0.5))
    w.add("Mul", half, w.add("Add", gate, w.constant(1.0)), last=True)


def _layer_norm(w: _Writer, x: str, scale: str, bias: str = "") -> None:
    shape = w.graph.values[x].shape
    axis = w.node.get("axis")
    if shape is None and axis >= 0:
        raise ValueError(f"export: {w.node.name}: the number of axes of {x!r} must be known")
    axes = tuple(range(axis, 0)) if axis < 0 else tuple(range(axis - len(shape or ()), 0))
    centred = w.add("Sub", x, w.add("ReduceMean", x, w.integers(*axes)))
    variance = w.add("ReduceMean", w.add("Mul", centred, centred), w.integers(*axes))
    deviation = w.add("Sqrt", w.add("Add", variance, w.constant(w.node.get("epsilon"))))
    y = w.add("Div", centred, deviation)
    y = w.add("Mul", y, scale, last=not bias)
    if bias:
        w.add("Add", y, bias, last=True)


def _group_norm(w: _Writer, x: str, scale: str, bias: str) -> None:
    """Instance norm of groups, then the channels' scales: opset 18 has one for each group."""
    groups, shape = w.node.get("num_groups"), w.graph.values[x].shape
    if shape is None:
        raise ValueError(f"export: {w.node.name}: the number of axes of {x!r} must be known")
    parted = w.add("Reshape", x, w.integers(0, groups, -1))
    epsilon = w.node.get("epsilon")
    if w.graph.values[scale].shape == (groups,) != shape[1:2]:
        normal = w.add("InstanceNormalization", parted, scale, bias, epsilon=epsilon)
        w.add("Reshape", normal, w.add("Shape", x), last=True)
        return
    ones, zeros = w.constant(np.ones(groups)), w.constant(np.zeros(groups))
    normal = w.add("InstanceNormalization", parted, ones, zeros, epsilon=epsilon)
    y = w.add("Reshape", normal, w.add("Shape", x))
    column = w.integers(-1, *[1] * (len(shape) - 2))
    y = w.add("Mul", y, w.add("Reshape", scale, column))
    w.add("Add", y, w.add("Reshape", bias, column), last=True)


def _split(w: _Writer, x: str, sizes: str = "") -> None:
    """Equal parts were the default before there was a number of them."""
    if sizes:
        w.nodes.append(w.node)
        return
    length = (w.graph.values[x].shape or ())[w.node.get("axis")]
    count = len(w.node.outputs)
    if not isinstance(length, int):
        raise ValueError(f"export: {w.node.name} (Split): the split axis must have a fixed size")
    part = -(-length // count)
    parts = [min(part, length - part * k) for k in range(count)]
    attributes = {k: v for k, v in w.node.attributes.items() if k != "num_outputs"}
    w.nodes.append(w.node.but(inputs=(x, w.integers(*parts)), attributes=attributes))


def _pad(w: _Writer, x: str, pads: str, value: str = "", axes: str = "") -> None:
    """Pads of all axes: those of some need opset 18."""
    if not axes:
        w.nodes.append(w.node)
        return
    shape, found, some = w.graph.values[x].shape, w.graph.array(pads), w.graph.array(axes)
    if shape is None or found is None or some is None:
        raise ValueError(f"export: {w.node.name} (Pad): its pads and axes must be constants")
    every = np.zeros((2, len(shape)), np.int64)
    every[:, some] = found.reshape(2, -1)
    w.nodes.append(w.node.but(inputs=(x, w.integers(*every.reshape(-1).tolist()), value)))


def _resize(w: _Writer, x: str, roi: str = "", scales: str = "", sizes: str = "") -> None:
    """Scales or sizes of all axes: those of some, the last ones, need opset 18."""
    axes, shape = w.node.get("axes"), w.graph.values[x].shape
    attributes = {k: v for k, v in w.node.attributes.items() if k != "axes"}
    if axes is None:
        w.nodes.append(w.node)
        return
    if (
        shape is None
        or tuple(a % len(shape) for a in axes) != tuple(range(len(shape)))[-len(axes) :]
    ):
        raise ValueError(f"export: {w.node.name} (Resize): axes={axes} must be the last ones")
    others = len(shape) - len(axes)
    if scales:
        scales = w.add("Concat", w.constant([1.0] * others, np.float32), scales, axis=0)
    if sizes:
        first = w.add("Slice", w.add("Shape", x), w.integers(0), w.integers(others))
        sizes = w.add("Concat", first, sizes, axis=0)
    inputs = (x, roi, scales, sizes) if sizes else (x, roi, scales)
    w.nodes.append(w.node.but(inputs=inputs, attributes=attributes))


_Rule = Callable[..., None]
_RULES: dict[str, tuple[int, _Rule]] = {  # the first opset that needs no rule
    "Gelu": (20, _gelu),
    "GroupNormalization": (21, _group_norm),
    "HardSwish": (14, _hard_swish),
    "LayerNormalization": (17, _layer_norm),
    "Mish": (18, _mish),
    "Pad": (18, _pad),
    "Resize": (18, _resize),
    "Split": (18, _split),
}
