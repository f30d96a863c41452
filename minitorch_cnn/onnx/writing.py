"""From a Graph to an ONNX file of any opset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph import UNKNOWN, Graph, Node, Value
from ..graph.operators import OPERATORS
from .package import onnx
from .tensors import number_of, write_array

IR_VERSIONS = ((15, 8), (18, 8), (19, 9), (21, 10), (23, 11), (25, 12))  # (newest opset, version)
LARGEST = 2**31 - 2**20  # bytes of a file: more need external data


def model_of(graph: Graph, opset: int) -> Any:
    """The ModelProto of a graph whose operators all exist in `opset`.

    Raises: ValueError that names the node for an attribute that the opset lacks, and for a model
    of 2 GiB.
    """
    size = sum(tensor.numel() * tensor.dtype.itemsize for tensor in graph.constants.values())
    if size > LARGEST:
        raise ValueError(f"export: the weights have {size:,} bytes; a file holds {LARGEST:,}")
    proto = onnx().GraphProto(name=graph.name)
    proto.node.extend(_node(node, graph, opset) for node in graph.nodes)
    read = {name for node in graph.nodes for name in node.inputs}
    read |= {value.name for value in graph.outputs}
    for name, tensor in graph.constants.items():
        if name in read:
            proto.initializer.append(write_array(tensor.detach().cpu().numpy(), name))
    proto.input.extend(_value(value) for value in graph.inputs)
    proto.output.extend(_value(value) for value in graph.outputs)
    ids = [onnx().helper.make_opsetid("", opset)]
    version = next((ir for newest, ir in IR_VERSIONS if opset <= newest), onnx().IR_VERSION)
    return onnx().helper.make_model(
        proto,
        opset_imports=ids,
        ir_version=version,
        producer_name="minitorch_cnn",
    )


def _node(node: Node, graph: Graph, opset: int) -> Any:
    schema = _schema(node, opset)
    inputs = list(node.inputs)
    attributes = dict(node.attributes)
    if node.operator.startswith("Reduce") and "axes" in schema.attributes and len(inputs) > 1:
        attributes["axes"] = _numbers(graph, node, 1)  # an attribute before opset 13 or 18
        inputs = inputs[:1]
        attributes.pop("noop_with_empty_axes", None)
    proto = onnx().NodeProto(
        op_type=node.operator, name=node.name, input=inputs, output=list(node.outputs)
    )
    for name, value in sorted(attributes.items()):
        default = OPERATORS[node.operator].attributes.get(name)
        if value is None or (name not in schema.attributes and value == default):
            continue
        if name not in schema.attributes and name != "axes":
            raise ValueError(
                f"export: {node.name} ({node.operator}): opset {opset} has no attribute {name!r}"
            )
        proto.attribute.append(_attribute(name, value))
    return proto


def _schema(node: Node, opset: int) -> Any:
    try:
        return onnx().defs.get_schema(node.operator, opset)
    except onnx().defs.SchemaError:
        raise ValueError(
            f"export: {node.name}: opset {opset} has no operator {node.operator}"
        ) from None


def _numbers(graph: Graph, node: Node, i: int) -> list[int]:
    array = graph.array(node.inputs[i])
    if array is None:
        raise ValueError(
            f"export: {node.name} ({node.operator}): its input {node.inputs[i]!r} must be a "
            "constant in this opset"
        )
    return [int(number) for number in np.atleast_1d(array)]


def _attribute(name: str, value: Any) -> Any:
    if isinstance(value, np.dtype) or (isinstance(value, type) and name == "to"):
        value = number_of(value)
    if isinstance(value, np.ndarray):
        value = write_array(value)
    if isinstance(value, (bool, np.bool_)):
        value = int(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        value = list(value)
    return onnx().helper.make_attribute(name, value)


def _value(value: Value) -> Any:
    dtype = number_of(value.dtype) if value.dtype is not None else 0
    shape = None
    if value.shape is not None:
        shape = [
            size if isinstance(size, int) else None if size == UNKNOWN else str(size)
            for size in value.shape
        ]
    return onnx().helper.make_tensor_value_info(value.name, dtype, shape)
