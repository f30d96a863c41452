"""mt.onnx.load: a module that computes an ONNX file's graph, with its weights as parameters."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from .. import dtypes
from ..graph.interpreter import GraphModule
from ..nn import Parameter
from ..tensor import Tensor
from .reading import Contents, read


def load(f: str | os.PathLike[str] | BinaryIO) -> GraphModule:
    """The network of an ONNX file as a module, in evaluation mode.

    f: a path, or an open binary file. Operators: those of `mt.graph`, of any opset that the onnx
    package knows; older ones are converted by it.

    Floating-point initializers with an axis are Parameters, except the statistics of batch norm;
    these, the others and integers are buffers. The keys of `state_dict` are the file's names. The
    module takes the graph's inputs in the file's order, or by their names, and returns one Tensor,
    or a tuple of several.

    Files are data: nothing in them is executed, and external data is read only from files in the
    model's folder.

    Raises: ValueError that names the file, and the node where one is wrong, for what is no ONNX
    file or holds what a graph cannot; OSError for a file that cannot be read; ImportError without
    the package onnx.
    """
    contents = contents_of(f)
    module = GraphModule(contents.graph)
    # Constants that are no initializers move with the module but are no state of it.
    module._non_persistent.update(set(contents.graph.constants) - set(contents.weights))
    return module.eval()


def contents_of(f: str | os.PathLike[str] | BinaryIO) -> Contents:
    """What a file holds, its weights as Parameters. Raises: as `load`."""
    if isinstance(f, (str, os.PathLike)):
        path = Path(f)
        name, data, folder = str(f), path.read_bytes(), path.parent
    else:
        name, data, folder = getattr(f, "name", "the file"), f.read(), None
    try:
        contents = read(data, folder)
    except ValueError as error:
        raise ValueError(f"load: {name}: {error}") from None
    contents.graph = contents.graph.but(constants=_with_parameters(contents))
    return contents


def _with_parameters(contents: Contents) -> dict[str, Tensor]:
    graph = contents.graph
    statistics = {
        name
        for node in graph.nodes
        if node.operator == "BatchNormalization"
        for name in node.inputs[3:5]
    }
    constants = dict(graph.constants)
    weights = set(contents.weights)
    for name, tensor in constants.items():
        if name in weights - statistics and tensor.dtype.kind in dtypes.FLOATS and tensor.ndim:
            constants[name] = Parameter(tensor)
    return constants
