"""mt.onnx.export: a model as an ONNX file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from ..graph import Free, Graph, Value, infer
from ..graph.capture import captured
from ..interop import write_atomically
from ..nn import Module
from .lowering import lowered
from .package import newest_opset, onnx
from .writing import model_of

OLDEST = 13  # the oldest opset of exports

Axes = Mapping[str, "Mapping[int, str] | Sequence[int]"]


def export(
    model: Module,
    args: Any,
    f: str | os.PathLike[str] | BinaryIO,
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    dynamic_axes: Axes | None = None,
    opset_version: int = 18,
) -> None:
    """Write a model in evaluation mode as an ONNX file, checked by the onnx package.

    args: what the model is called with, as for `mt.graph.capture`: a Tensor, a tuple of arguments,
    or a dict of them by name. Only shapes and dtypes count.
    f: a path, which is replaced when all is written, or an open binary file.
    input_names, output_names: names of the graph's inputs and outputs, in order.
    dynamic_axes: the batch axis, axis 0, of inputs and outputs by name: {"x": {0: "N"}} or
    {"x": [0]}. Without it every axis has the size that it has in args.
    opset_version: the version of ONNX's operators, from 13 to the newest of the onnx package.

    Raises: CaptureError, a RuntimeError that names the module, for what a graph cannot hold;
    ValueError for names, axes or a version that cannot be; ImportError without the package onnx.
    """
    proto = model_proto(model, args, input_names, output_names, dynamic_axes, opset_version)
    data = proto.SerializeToString()
    if isinstance(f, (str, os.PathLike)):
        write_atomically(os.fspath(f), data)
    else:
        f.write(data)


def model_proto(
    model: Module,
    args: Any,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    dynamic_axes: Axes | None = None,
    opset_version: int = 18,
) -> Any:
    """The checked ModelProto of an `export`. Raises: as `export`."""
    if not OLDEST <= opset_version <= newest_opset():
        raise ValueError(
            f"export: opset_version={opset_version} must be from {OLDEST} to {newest_opset()}"
        )
    found = captured(model, args, "export", free=bool(dynamic_axes)).graph
    graph = _renamed(found, input_names, output_names)
    if dynamic_axes:
        graph = _with_axes(graph, dynamic_axes)
    graph = infer(lowered(infer(graph), opset_version))
    proto = model_of(graph, opset_version)
    onnx().checker.check_model(proto, full_check=True)
    return proto


def _renamed(graph: Graph, inputs: Sequence[str] | None, outputs: Sequence[str] | None) -> Graph:
    """The graph with other names of its inputs and outputs."""
    names: dict[str, str] = {}
    for what, values, wanted in (
        ("input_names", graph.inputs, inputs), ("output_names", graph.outputs, outputs)
    ):  # fmt: skip
        if wanted is None:
            continue
        if len(wanted) != len(values):
            raise ValueError(f"export: {what}={list(wanted)} must be {len(values)} names")
        names.update(zip((value.name for value in values), wanted, strict=True))
    others = (set(graph.values) | set(graph.constants)) - set(names)
    taken = [name for name in names.values() if name in others]
    if taken or len(set(names.values())) < len(names):
        raise ValueError(
            f"export: the names {sorted(names.values())} must differ from each other and from "
            f"those of parameters{', as ' + repr(taken[0]) + ' does not' if taken else ''}"
        )

    def new(name: str) -> str:
        return names.get(name, name)

    def moved(value: Value) -> Value:
        return value._replace(name=new(value.name))

    nodes = [
        node.but(inputs=tuple(map(new, node.inputs)), outputs=tuple(map(new, node.outputs)))
        for node in graph.nodes
    ]
    values = {new(name): moved(value) for name, value in graph.values.items()}
    ends = [list(map(moved, values)) for values in (graph.inputs, graph.outputs)]
    return graph.but(nodes=nodes, values=values, inputs=ends[0], outputs=ends[1])


def _with_axes(graph: Graph, axes: Axes) -> Graph:
    """The graph whose free batch has the name that was given for it."""
    known = {value.name: value for value in (*graph.inputs, *graph.outputs)}
    names = set()
    for name, chosen in axes.items():
        if name not in known:
            raise ValueError(
                f"export: dynamic_axes names {name!r}; the graph has {', '.join(known)}"
            )
        wrong = [axis for axis in chosen if axis != 0]
        shape = known[name].shape
        if wrong or not shape or isinstance(shape[0], int):
            raise ValueError(
                f"export: axis {wrong[0] if wrong else 0} of {name!r} cannot be free: only the "
                "batch can be, of a model that does not depend on its size"
            )
        names |= set(chosen.values()) if isinstance(chosen, Mapping) else {f"{name}_axis_0"}
    listed = {value.name for value in graph.inputs if value.name in axes}
    free = {v.name for v in graph.inputs if v.shape and not isinstance(v.shape[0], int)}
    if listed != free:
        raise ValueError(
            f"export: dynamic_axes must name all inputs with the batch, {sorted(free)}"
        )
    batch = min(names)
    inputs = [
        value._replace(
            shape=tuple(
                Free(batch, size.times, size.plus) if isinstance(size, Free) else size
                for size in value.shape or ()
            )
        )
        for value in graph.inputs
    ]
    return graph.but(inputs=inputs, outputs=[v._replace(shape=None) for v in graph.outputs])
