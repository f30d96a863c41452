"""dense_form: apply a classifier at every position of a larger image, in one pass."""

from __future__ import annotations

from typing import Any

from ..autograd import no_grad
from ..graph import Graph, Node, Value, capture, fresh
from ..graph.interpreter import execute
from ..nn import Module
from ..tensor import Tensor, zeros

Sizes = tuple[int, int]

ELEMENTWISE = {
    *("Relu", "Sigmoid", "Tanh", "Elu", "Selu", "Celu", "LeakyRelu", "Gelu", "HardSigmoid"),
    *("HardSwish", "Mish", "Softplus", "Softsign", "Clip", "Neg", "Abs", "Exp", "Log", "Sqrt"),
    *("Reciprocal", "ThresholdedRelu", "Erf", "Add", "Sub", "Mul", "Div", "Pow", "PRelu"),
}
ALONG_CLASSES = {"Softmax", "LogSoftmax", "Concat"}
NOTHING = {"Identity", "Dropout"}
SHAPING = {"Flatten", "Reshape", "Squeeze"}
POOLS = {
    **{"GlobalAveragePool": "AveragePool", "ReduceMean": "AveragePool"},
    **{"GlobalMaxPool": "MaxPool", "ReduceMax": "MaxPool"},
    **{"AveragePool": "AveragePool", "MaxPool": "MaxPool"},
}
# Operators that may hold the size of an image.
SIZED = {"Reshape", "Expand", "Resize", "MatMul", "Slice", "Gather", "Tile", "Pad"}
ONE: Sizes = (1, 1)


class DenseForm(Module):
    """The net of `dense_form`.    x (N, C, H, W) -> scores (N, num_classes, h, w)"""

    def __init__(self, net: Module, image_shape: tuple[int, int, int]):
        super().__init__()
        self.net, self.image_shape = net, tuple(image_shape)
        graph = self._captured(self.image_shape)
        self._features, nodes = _parted(graph)
        self._head = _Head(graph, self._features, nodes)
        self._body = _up_to(graph, self._features)
        self._latest = self.image_shape[1:], self._body
        self.training = False
        with no_grad():  # refuse now what cannot be applied at every position
            self(self._zeros(self.image_shape))

    def _zeros(self, shape: tuple[int, ...]) -> Tensor:
        like = next(self.net.parameters(), None)
        place: Any = {} if like is None else {"dtype": like.dtype, "device": like.device}
        return zeros(1, *shape, **place)

    def _captured(self, shape: tuple[int, ...]) -> Graph:
        return capture(self.net, self._zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        channels, *least = self.image_shape
        if x.ndim != 4 or x.shape[1] != channels or any(map(int.__lt__, x.shape[2:], least)):
            raise ValueError(
                f"dense_form: x of shape {x.shape} must be (N, {channels}, H, W) with H and W at "
                f"least {tuple(least)}"
            )
        size = x.shape[2], x.shape[3]
        if size != self._latest[0]:
            self._latest = size, self._body_for(size)
        body = self._latest[1]
        features = execute(body, {body.inputs[0].name: x})[0]
        return execute(self._head.graph(), {self._features: features})[0]

    def _body_for(self, size: Sizes) -> Graph:
        """The net up to its features, for images of another size."""
        if size == self.image_shape[1:]:
            return self._body
        try:
            graph = self._captured((self.image_shape[0], *size))
        except (ValueError, RuntimeError):
            graph = None  # its linear layers take features of one size, or it checks the image
        if graph is not None and len(_shape(graph, self._features)) == 4:
            return _up_to(graph, self._features)
        for node in self._body.nodes:
            if node.operator in SIZED:
                raise ValueError(
                    f"dense_form: {node.name} ({node.operator}) is made for images of "
                    f"{self.image_shape[1:]}, and the net takes no image of {size}"
                )
        return self._body


def dense_form(net: Module, image_shape: tuple[int, int, int]) -> DenseForm:
    """The convolutional form of a classifier: its scores at every position of a larger image.

    x (N, C, H, W) -> y (N, num_classes, h, w), H and W at least those of `image_shape`

    image_shape: (C, H, W) of the images that the net is made for, which have one position, with the
    scores of the net. The features of a larger image are computed once. What follows them sees each
    window of features of the size that they have there: a linear layer behind k x k features
    becomes a k x k convolution, global pooling becomes pooling of that size with stride 1, and
    later linear layers become 1 x 1 convolutions. The weights are those of the net, in the same
    memory; the form stays in evaluation mode.

    Source: P. Sermanet et al. (2014), "OverFeat", section 3.3; K. Simonyan, A. Zisserman (2015),
    section 3.2.
    Raises: ValueError that names the layer that does not work position by position; as
    `mt.graph.capture`.

        net = mt.models.create_model("alexnet")
        dense = mt.training.dense_form(net, (3, 224, 224))
        dense(mt.randn(1, 3, 288, 256)).shape        # (1, 1000, 3, 2)
    """
    return DenseForm(net, image_shape)


def _shape(graph: Graph, name: str) -> tuple[Any, ...]:
    """The shape of a value, () if there is none."""
    return (graph.values[name].shape or ()) if name in graph.values else ()


def _is_map(shape: tuple[Any, ...]) -> bool:
    """Whether a shape has more than one position."""
    return len(shape) == 4 and shape[2:] != ONE


def _up_to(graph: Graph, name: str) -> Graph:
    """The part of a graph that computes one value."""
    nodes: list[Node] = []
    read = {name}
    for node in reversed(graph.nodes):
        if read & set(node.outputs):
            nodes.append(node)
            read |= set(node.inputs)
    constants = {key: value for key, value in graph.constants.items() if key in read}
    outputs = [graph.values[name]]
    return graph.but(nodes=nodes[::-1], constants=constants, outputs=outputs, gives=None)


def _parted(graph: Graph) -> tuple[str, list[Node]]:
    """The value from which all scores follow, and the nodes from there to the scores."""
    inputs, producers = {value.name for value in graph.inputs}, graph.producers()
    pending, found, taken = [graph.outputs[0].name], set(), set()
    if len(graph.outputs) != 1 or len(_shape(graph, pending[0])) not in (2, 4):
        raise ValueError("dense_form: net must give one tensor of scores (N, num_classes)")
    while pending:
        name = pending.pop()
        if name in graph.constants or name in taken:
            continue
        node = producers.get(name)
        before = _shape(graph, node.inputs[0]) if node and node.inputs else ()
        through = name not in inputs and not _is_map(_shape(graph, name))
        if through and node is not None and _is_map(before):
            through = node.operator in POOLS or node.operator in SHAPING
        if not through or node is None:
            found.add(name)
            continue
        taken.add(name)
        if _is_map(before):
            found.add(_before_identity(graph, node.inputs[0], producers))
        else:
            pending += node.inputs
    if len(found) != 1:
        raise ValueError(
            "dense_form: all scores must follow from one map of features, found "
            f"{', '.join(sorted(found)) or 'none'}"
        )
    (features,) = found
    if len(_shape(graph, features)) != 4:
        raise ValueError(f"dense_form: {features} must be a map of features (N, C, h, w)")
    return features, [node for node in graph.nodes if taken & set(node.outputs)]


def _before_identity(graph: Graph, name: str, producers: dict[str, Node]) -> str:
    """The value before adaptive pooling to the size that the features have anyway."""
    node = producers.get(name)
    if node is None or node.operator not in ("AveragePool", "MaxPool", "MatMul"):
        return name
    if node.operator != "MatMul" and node.get("kernel_shape") == ONE:
        return node.inputs[0]
    if node.operator == "MatMul":
        raise ValueError(
            f"dense_form: {node.module or 'the net'} changes the size of the features; image_shape "
            "must be one for which it does not"
        )
    return name


class _Head:
    """The layers behind the features as those of a map.

    nodes: the converted ones; made: for each constant that is not one of the net's, the net's, the
    new shape and whether it is transposed first. The conversion is in the order of the nodes;
    `window` has the positions that the next linear layer takes together, for each value.
    """

    def __init__(self, graph: Graph, features: str, nodes: list[Node]):
        self.source, self.features = graph, features
        self.size: Sizes = _shape(graph, features)[2:]
        self.nodes: list[Node] = []
        self.made: dict[str, tuple[str, tuple[int, ...], bool]] = {}
        self.alias, self.window = {features: features}, {features: ONE}
        for node in nodes:
            self._convert(node)
        self.result = self.alias[graph.outputs[0].name]
        if self.window[self.result] != ONE:
            raise ValueError("dense_form: the scores are features, without a linear layer")

    def graph(self) -> Graph:
        """The head with the net's weights of now."""
        own = self.source.constants
        constants = dict(own)
        for name, (source, shape, turned) in self.made.items():
            constants[name] = (own[source].T if turned else own[source]).detach().reshape(shape)
        return Graph(self.nodes, [Value(self.features)], [Value(self.result)], constants)

    def _convert(self, node: Node) -> None:
        """Append the form of a node for maps, or make its output another name of its input."""
        given = [self.alias.get(name, name) for name in node.inputs]
        x = next((name for name in given if name in self.window), self.features)
        kernel, operator, plain = self.window[x], node.operator, ONE
        if operator in POOLS and _is_map(_shape(self.source, node.inputs[0])):
            node = self._pooling(node)
            given = [self.features]
        elif operator in SHAPING or operator in NOTHING:
            opens = _is_map(_shape(self.source, node.inputs[0])) and operator in SHAPING
            self.alias[node.outputs[0]] = x
            if opens:
                self.window[x] = self.size
            return
        elif operator in ("Gemm", "MatMul") and given[1] in self.source.constants:
            node, given = self._linear(node, given, kernel)
        elif operator in ELEMENTWISE:
            plain = kernel
            given = [self._by_channel(node, name, kernel) for name in given]
        elif operator in ALONG_CLASSES and kernel == ONE and node.get("axis") in (1, -1):
            node = node.but(attributes={**node.attributes, "axis": 1})
        elif operator not in ("BatchNormalization", "Conv") or kernel != ONE:
            raise self._refusal(node)
        self.nodes.append(node.but(inputs=tuple(given)))
        name = node.outputs[0]
        self.alias[name], self.window[name] = name, plain

    def _pooling(self, node: Node) -> Node:
        """Pooling to one position as pooling of windows, in steps of one position."""
        whole = node.operator not in ("AveragePool", "MaxPool")
        attributes: dict[str, Any] = {"strides": ONE}
        attributes["kernel_shape"] = self.size if whole else node.get("kernel_shape")
        if not whole and any(node.get("pads") or ()):
            attributes["pads"] = node.get("pads")
        outputs = node.outputs[:1]
        return node.but(operator=POOLS[node.operator], outputs=outputs, attributes=attributes)

    def _linear(self, node: Node, given: list[str], kernel: Sizes) -> tuple[Node, list[str]]:
        """w (O, C * kh * kw) as the convolution w (O, C, kh, kw)"""
        weight = self.source.constants[given[1]]
        turned = node.operator == "MatMul" or not node.get("transB")
        if weight.ndim != 2 or (node.operator == "Gemm" and node.get("transA")):
            raise self._refusal(node)
        outputs, inputs = weight.shape[::-1] if turned else weight.shape
        area = kernel[0] * kernel[1]
        name = fresh(f"{given[1]}.dense", self.made)
        self.made[name] = given[1], (outputs, inputs // area, *kernel), turned
        conv = node.but(operator="Conv", attributes={"kernel_shape": kernel})
        return conv, [given[0], name, *given[2:]]

    def _by_channel(self, node: Node, name: str, kernel: Sizes) -> str:
        """A constant with a number for each unit as one with a number for each channel."""
        constant = self.source.constants.get(name)
        if constant is None or constant.numel() == 1:
            return name
        if kernel != ONE or constant.numel() != constant.shape[-1]:
            raise self._refusal(node)
        new = fresh(f"{name}.dense", self.made)
        self.made[new] = name, (constant.numel(), 1, 1), False
        return new

    def _refusal(self, node: Node) -> ValueError:
        return ValueError(
            f"dense_form: {node.name} ({node.operator}), between the features and the scores, "
            "cannot be applied position by position"
        )
