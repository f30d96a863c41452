"""ONNX files made by the onnx package, as other programs make them."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
helper, numpy_helper = onnx.helper, onnx.numpy_helper
FLOAT = onnx.TensorProto.FLOAT


def typed(name, shape, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes, inputs, outputs, weights=None, opset=18, **extra):
    """A ModelProto. weights: arrays by name."""
    tensors = [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()]
    graph = helper.make_graph(nodes, "net", inputs, outputs, tensors)
    ids = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=ids, ir_version=8, **extra)


def conv_net(rng):
    """x (N, 3, 8, 8) -> Conv, BatchNormalization, Relu, GlobalAveragePool, Flatten, Gemm (N, 5)."""
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "stem/conv.w", "stem/conv.b"], ["c"], name="stem", pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["c", "bn.g", "bn.b", "bn.m", "bn.v"], ["n"], name="bn"),
        node("Relu", ["n"], ["r"], name="relu"),
        node("GlobalAveragePool", ["r"], ["p"], name="pool"),
        node("Flatten", ["p"], ["f"], name="flatten"),
        node("Gemm", ["f", "head.w", "head.b"], ["y"], name="head", transB=1),
    ]
    draw = lambda *shape: rng.standard_normal(shape).astype(np.float32)  # noqa: E731
    weights = {
        "stem/conv.w": draw(4, 3, 3, 3),
        "stem/conv.b": draw(4),
        "bn.g": draw(4),
        "bn.b": draw(4),
        "bn.m": draw(4),
        "bn.v": np.exp(draw(4)),
        "head.w": draw(5, 4),
        "head.b": draw(5),
    }
    return model(nodes, [typed("x", ["N", 3, 8, 8])], [typed("y", ["N", 5])], weights)
