"""From an ONNX file to a Graph. Files are untrusted: sizes are checked before anything is made."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ..graph import Free, Graph, Node, Value, verify
from ..graph.ir import fresh
from ..graph.operators import OPERATORS
from ..graph.sizes import UNKNOWN, Size
from ..tensor import Tensor
from .crowd import check_crowd
from .opsets import raised
from .package import newest_opset, onnx
from .tensors import Files, dtype_of, read_array

GRAPH_OPSET = 18  # the form of the operators in a Graph


class Contents:
    """A parsed file: its graph, the names of the initializers, which are the weights, and the
    file's notes by name.
    """

    def __init__(self, graph: Graph, weights: list[str]):
        self.graph, self.weights = graph, weights
        self.metadata: dict[str, str] = {}


def read(data: bytes, folder: Path | None) -> Contents:
    """The graph of a file's bytes. folder: where external data may lie.

    Raises: ValueError that says what is wrong with the file, and names the node.
    """
    model = _parsed(data)
    _check_model(model)
    files = None if folder is None else Files(folder)
    arrays = {
        tensor.name: read_array(tensor, files, f"the initializer {tensor.name!r}")
        for tensor in model.graph.initializer
    }
    if len(arrays) != len(model.graph.initializer):
        raise ValueError("two initializers have the same name")
    metadata = {note.key: note.value for note in model.metadata_props}
    model = raised(model, _opset(model), GRAPH_OPSET)
    contents = _contents(model.graph, arrays)
    contents.metadata = metadata
    return contents


def _parsed(data: bytes) -> Any:
    """The message of a file's bytes."""
    check_crowd(data)
    model = onnx().ModelProto()
    try:
        model.ParseFromString(data)
    except Exception as error:  # of the protobuf package, whose errors have no common name
        raise ValueError(f"this is no ONNX file, or it is truncated ({error})") from None
    if not model.HasField("graph") or not model.graph.output:
        raise ValueError("this is no ONNX file: it holds no graph with outputs")
    return model


def _opset(model: Any) -> int:
    """The version of the file's operators."""
    for used in model.opset_import:
        if used.domain in ("", "ai.onnx"):
            if not 1 <= used.version <= newest_opset():
                raise ValueError(
                    f"opset {used.version}: the installed onnx package knows 1 to {newest_opset()}"
                )
            return int(used.version)
    raise ValueError("the file names no version of ONNX's own operators")


def _check_model(model: Any) -> None:
    """Refuse what a Graph cannot hold, before any other code sees the file."""
    if model.functions:
        names = ", ".join(function.name for function in model.functions)
        raise ValueError(f"the file defines functions of its own: {names}")
    if model.graph.sparse_initializer:
        raise ValueError("the file holds sparse initializers")
    for index, node in enumerate(model.graph.node):
        what = _node_words(node, index)
        if node.domain not in ("", "ai.onnx"):
            raise ValueError(f"{what} is an operator of {node.domain!r}, not of ONNX")
        if node.op_type not in OPERATORS and node.op_type not in ("Upsample", "Scatter"):
            raise ValueError(f"{what}: the operator is not supported")
        for attribute in node.attribute:
            if attribute.HasField("g") or attribute.graphs or attribute.ref_attr_name:
                raise ValueError(f"{what}: its attribute {attribute.name!r} is a graph")
    known = {value.name for value in model.graph.input}
    known |= {tensor.name for tensor in model.graph.initializer}
    made = {name for node in model.graph.node for name in node.output}
    for index, node in enumerate(model.graph.node):
        for name in node.input:
            if name and name not in known:
                why = "a later node makes it: a cycle, or a wrong order" if name in made else (
                    "nothing makes it"
                )  # fmt: skip
                raise ValueError(f"{_node_words(node, index)} reads {name!r}, but {why}")
        known.update(node.output)


def _node_words(node: Any, index: int) -> str:
    return f"node {node.name or index!r} ({node.op_type})"


def _contents(proto: Any, arrays: dict[str, np.ndarray]) -> Contents:
    """The Graph of a GraphProto whose operators have the form of GRAPH_OPSET."""
    weights = list(arrays)
    # The conversion to a newer version may have added constants.
    for tensor in proto.initializer:
        if tensor.name not in arrays:
            arrays[tensor.name] = read_array(tensor, None, f"the initializer {tensor.name!r}")
    nodes: list[Node] = []
    names: set[str] = set()
    for index, node in enumerate(proto.node):
        what = _node_words(node, index)
        if node.op_type == "Constant":
            arrays[node.output[0]] = _constant(node, what)
            continue
        name = fresh(node.name or f"{node.op_type}_{index}", names)
        names.add(name)
        attributes = _attributes(node, what)
        nodes.append(
            Node(node.op_type, tuple(node.input), tuple(node.output), attributes, name=name)
        )
    inputs = [_value(value) for value in proto.input if value.name not in arrays]
    outputs = [_stated(_value(value)) for value in proto.output]
    constants = {name: Tensor(array) for name, array in arrays.items()}
    graph = Graph(nodes, inputs, outputs, constants, name=proto.name or "graph")
    return Contents(verify(graph), weights)


def _attributes(node: Any, what: str) -> dict[str, Any]:
    known = OPERATORS[node.op_type].attributes
    found: dict[str, Any] = {}
    for attribute in node.attribute:
        value = _attribute(attribute, f"{what}: its attribute {attribute.name!r}")
        if attribute.name == "to":
            value = dtype_of(value, f"{what}: its attribute 'to'")
        if attribute.name in known:
            found[attribute.name] = value
        elif attribute.name not in _WITHOUT_EFFECT:
            raise ValueError(f"{what}: the attribute {attribute.name!r} is not supported")
    return found


# Attributes of other versions that change no result of inference.
_WITHOUT_EFFECT = frozenset({"consumed_inputs", "is_test", "spatial", "stash_type", "round_mode"})


def _attribute(attribute: Any, what: str) -> Any:
    """A number, string, tuple of them or array."""
    kinds = onnx().AttributeProto
    if attribute.type == kinds.TENSOR:
        return read_array(attribute.t, None, what)
    if attribute.type == kinds.STRING:
        return attribute.s.decode(errors="replace")
    if attribute.type == kinds.STRINGS:
        return tuple(text.decode(errors="replace") for text in attribute.strings)
    for kind, field in ((kinds.FLOAT, "f"), (kinds.INT, "i")):
        if attribute.type == kind:
            return getattr(attribute, field)
    for kind, field in ((kinds.FLOATS, "floats"), (kinds.INTS, "ints")):
        if attribute.type == kind:
            return tuple(getattr(attribute, field))
    raise ValueError(f"{what} is of a type that is not supported")


def _constant(node: Any, what: str) -> np.ndarray:
    """The array of a Constant, in whichever of its attributes."""
    dtypes = {"value": None, "value_float": "f4", "value_floats": "f4"}
    dtypes |= {"value_int": "i8", "value_ints": "i8"}
    if len(node.attribute) != 1 or node.attribute[0].name not in dtypes:
        names = ", ".join(attribute.name for attribute in node.attribute)
        raise ValueError(f"{what}: it must have one of {', '.join(dtypes)}, not {names or 'none'}")
    value = _attribute(node.attribute[0], what)
    return np.array(value, dtypes[node.attribute[0].name])


def _value(proto: Any) -> Value:
    """An input or output of the file's graph."""
    if not proto.type.HasField("tensor_type"):
        if proto.type.WhichOneof("value"):
            raise ValueError(f"{proto.name!r} is no tensor")
        return Value(proto.name)
    kind = proto.type.tensor_type
    dtype = dtype_of(kind.elem_type, repr(proto.name)) if kind.elem_type else None
    shape = tuple(_sizes(kind.shape.dim)) if kind.HasField("shape") else None
    return Value(proto.name, dtype, shape)


def _stated(value: Value) -> Value:
    """An output without its sizes, which follow from the graph: what programs write is a guess."""
    return value._replace(shape=None)


def _sizes(dims: Iterable[Any]) -> Iterable[Size]:
    for dim in dims:
        if dim.HasField("dim_value") and dim.dim_value >= 0:  # -1 is some programs' free size
            yield int(dim.dim_value)
        elif dim.dim_param and dim.dim_param != "?":
            yield Free(dim.dim_param)
        else:
            yield UNKNOWN
