"""Between the versions of ONNX's operators: files of other opsets, raised to a Graph's form."""

from __future__ import annotations

from typing import Any

from .package import onnx

LARGE = 1024  # elements, from which an initializer stays out of the conversion


def raised(model: Any, have: int, wanted: int) -> Any:
    """The model with the operators of opset `wanted`, if its own are older.

    Newer ones have the same form wherever a Graph's operators accept their attributes. Large
    initializers become inputs of the graph, so that their numbers are not copied.
    Raises: ValueError where the onnx package cannot convert an operator.
    """
    if have >= wanted:
        return model
    _check_attributes(model, have)
    light = _without_large_initializers(model)
    if have < 7:
        _add_axes_of_slopes(light.graph)
    try:
        return onnx().version_converter.convert_version(light, wanted)
    except Exception as error:  # from C++, of various types
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(f"its opset {have} cannot be converted to {wanted}: {reason}") from None


def _check_attributes(model: Any, opset: int) -> None:
    """Refuse attributes of other types than the operators': the conversion relies on them."""
    check = onnx().checker
    context = check.C.CheckerContext()
    context.ir_version, context.opset_imports = onnx().IR_VERSION, {"": opset}
    for index, node in enumerate(model.graph.node):
        try:
            check.check_node(node, context)
        except check.ValidationError as error:
            reason = str(error).strip().splitlines()[0]
            what = f"node {node.name or index!r} ({node.op_type})"
            raise ValueError(f"{what} is not of opset {opset}: {reason}") from None


def _without_large_initializers(model: Any) -> Any:
    graph = model.graph
    inputs = {value.name for value in graph.input}
    small = []
    for tensor in graph.initializer:
        if tensor.name not in inputs:
            typed = onnx().helper.make_tensor_value_info(
                tensor.name, tensor.data_type, list(tensor.dims)
            )
            graph.input.append(typed)
        is_large = len(tensor.dims) > 1 or any(size > LARGE for size in tensor.dims)
        if not is_large:
            small.append(onnx().TensorProto.FromString(tensor.SerializeToString()))
    del graph.initializer[:]
    graph.initializer.extend(small)
    return model


def _add_axes_of_slopes(graph: Any) -> None:
    """Before opset 7, a PRelu's slopes (C,) were those of channels; now they would broadcast.

    x (N, C, ...) becomes (N, C, *), the slopes (C, 1).
    """
    make, nodes = onnx().helper, []
    for index, node in enumerate(graph.node):
        if node.op_type != "PRelu":
            nodes.append(node)
            continue
        x, slope = node.input
        names = [f"{node.output[0]}/{k}/{index}" for k in ("flat", "sizes", "column", "slope", "y")]
        flat, sizes, column, channel, y = names
        whole = f"{node.output[0]}/shape/{index}"
        for name, values in ((sizes, [0, 0, -1]), (column, [-1, 1])):
            graph.initializer.append(
                make.make_tensor(name, onnx().TensorProto.INT64, [len(values)], values)
            )
            graph.input.append(
                make.make_tensor_value_info(name, onnx().TensorProto.INT64, [len(values)])
            )
        nodes += [
            make.make_node("Shape", [x], [whole]),
            make.make_node("Reshape", [x, sizes], [flat]),
            make.make_node("Reshape", [slope, column], [channel]),
            make.make_node("PRelu", [flat, channel], [y], name=node.name),
            make.make_node("Reshape", [y, whole], list(node.output)),
        ]
    del graph.node[:]
    graph.node.extend(nodes)
