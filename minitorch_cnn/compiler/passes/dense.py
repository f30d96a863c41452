"""Let a linear layer on a flattened image be the convolution that covers the image.

    Gemm(Flatten(x), w)  =  Flatten(Conv(x, w'))     x (N, C, H, W), w (O, C H W), w' (O, C, H, W)

So the layers at the end of a small network work on the same arrays as those before. A flattening
moves behind what computes each element by itself.
"""

from __future__ import annotations

from math import prod

from ...graph import Graph, Node, fresh, infer
from ...tensor import Tensor

# A large matrix is read from memory at the same speed in any form, and is not copied.
LARGEST = 2**18  # elements

# By the names of flat values: the image, and its shape.
Images = dict[str, tuple[str, tuple[int, ...]]]

UNARY = ("Clip", "HardSigmoid", "HardSwish", "LeakyRelu", "Relu", "Sigmoid", "Tanh")
WITH_NUMBER = ("Add", "Mul", "Sub")


def dense_as_convolutions(graph: Graph) -> Graph:
    """The graph in which small Gemm nodes on flattened images are convolutions."""
    if not any(node.operator == "Gemm" for node in graph.nodes):
        return graph
    images: Images = {}
    constants, taken = dict(graph.constants), set(graph.values) | set(graph.constants)
    nodes: list[Node] = []

    def add(node: Node, image: str, shape: tuple[int, ...], constant: str = "") -> None:
        """The node on an image, and a flattening that makes the node's own output."""
        made = fresh(f"{node.outputs[0]}:image", taken)
        taken.add(made)
        inputs = tuple(image if name in images else name for name in node.inputs)
        if constant:
            inputs = (image, constant, *node.inputs[2:])
        nodes.append(node.but(inputs=inputs, outputs=(made,)))
        flatten = Node("Flatten", (made,), node.outputs, {"axis": 1}, f"{node.name}:flatten")
        nodes.append(flatten)
        images[node.outputs[0]] = made, shape

    for node in graph.nodes:
        image, shape = _image(graph, node, images)
        if image and _is_flattening(graph, node):
            images[node.outputs[0]] = image, shape
            nodes.append(node)
        elif image and _is_elementwise(graph, node, images):
            add(node, image, shape)
        elif image and _is_dense(graph, node):
            w = graph.array(node.inputs[1])
            assert w is not None
            name = fresh(f"{node.inputs[1]}:kernel", taken)
            taken.add(name)
            O = len(w) if node.get("transB") else w.shape[1]
            w = w if node.get("transB") else w.T
            constants[name] = Tensor(w.reshape(O, *shape[1:]))
            conv = node.but(operator="Conv", attributes={"kernel_shape": shape[2:]})
            add(conv, image, (shape[0], O, 1, 1), name)
        else:
            nodes.append(node)
    return infer(graph.but(nodes=_needed(graph, nodes), constants=constants))


def _image(graph: Graph, node: Node, images: Images) -> tuple[str, tuple[int, ...]]:
    """The image that a node reads, itself or flattened, and its shape; "" if there is none."""
    for name in node.inputs:
        if name in images:
            return images[name]
    name = node.inputs[0] if node.inputs else ""
    shape = graph.values[name].shape if name else None
    if shape is None or len(shape) != 4 or not all(isinstance(n, int) for n in shape):
        return "", ()
    return name, tuple(int(n) for n in shape)  # pyright: ignore[reportArgumentType]


def _is_flattening(graph: Graph, node: Node) -> bool:
    shape, made = graph.values[node.inputs[0]].shape, graph.values[node.outputs[0]].shape
    if node.operator not in ("Flatten", "Reshape") or shape is None or made is None:
        return False
    return len(shape) == 4 and len(made) == 2 and made[0] == shape[0]


def _is_elementwise(graph: Graph, node: Node, images: Images) -> bool:
    """Whether a node computes each element of a flat value by itself."""
    if not any(name in images for name in node.inputs):
        return False
    if node.operator in UNARY:
        return True
    numbers = [name for name in node.inputs if name in graph.constants]
    return (
        node.operator in WITH_NUMBER
        and len(numbers) == 1
        and graph.constants[numbers[0]].numel() == 1
        and graph.constants[numbers[0]].ndim <= 2
    )


def _is_dense(graph: Graph, node: Node) -> bool:
    if node.operator != "Gemm" or not all(n in graph.constants for n in node.inputs[1:]):
        return False
    w, bias = graph.constants[node.inputs[1]], [graph.constants[n] for n in node.inputs[2:]]
    plain = not node.get("transA") and node.get("alpha") == node.get("beta") == 1
    return plain and prod(w.shape) <= LARGEST and all(b.ndim == 1 for b in bias)


def _needed(graph: Graph, nodes: list[Node]) -> list[Node]:
    """The nodes whose outputs are read or are results."""
    read, needed = {value.name for value in graph.outputs}, []
    for node in reversed(nodes):
        if read & set(node.outputs):
            read.update(node.inputs)
            needed.append(node)
    return needed[::-1]
