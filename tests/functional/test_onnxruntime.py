"""A second opinion by onnxruntime, where it is installed, on the functions that ONNX has too."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import functional as F

# ONNX's operator, its attributes and the shapes of its inputs, beside our function of the same.
CASES = {
    "conv2d, grouped, strided and dilated": (
        "Conv",
        {"strides": [2, 1], "pads": [1, 2, 1, 2], "dilations": [1, 2], "group": 2},
        [(2, 4, 9, 8), (6, 2, 3, 3), (6,)],
        lambda x, w, b: F.conv2d(x, w, b, (2, 1), (1, 2), (1, 2), 2),
    ),
    "conv2d, same padding of an even kernel": (
        "Conv",
        {"auto_pad": "SAME_UPPER"},
        [(1, 2, 7, 6), (3, 2, 2, 4), (3,)],
        lambda x, w, b: F.conv2d(x, w, b, padding="same"),
    ),
    "conv_transpose2d with output_padding": (
        "ConvTranspose",
        {"strides": [2, 3], "pads": [1, 0, 1, 0], "output_padding": [1, 2], "group": 2},
        [(2, 4, 5, 4), (4, 3, 3, 2), (6,)],
        lambda x, w, b: F.conv_transpose2d(x, w, b, (2, 3), (1, 0), (1, 2), 2),
    ),
    "max_pool2d in ceil mode": (
        "MaxPool",
        {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 1, 1, 1], "ceil_mode": 1},
        [(2, 3, 8, 7)],
        lambda x: F.max_pool2d(x, (3, 2), 2, 1, ceil_mode=True),
    ),
    "avg_pool2d that leaves the padding out": (
        "AveragePool",
        {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "count_include_pad": 0},
        [(2, 3, 8, 7)],
        lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    ),
    "batch_norm in evaluation": (
        "BatchNormalization",
        {"epsilon": 1e-3},
        [(2, 3, 4, 5), (3,), (3,), (3,), (3,)],
        lambda x, w, b, mean, var: F.batch_norm(x, mean, var, w, b, eps=1e-3),
    ),
    "local_response_norm": (
        "LRN",
        {"size": 5, "alpha": 0.3, "beta": 0.75, "bias": 2.0},
        [(2, 7, 3, 4)],
        lambda x: F.local_response_norm(x, 5, 0.3, 0.75, 2.0),
    ),
    "softmax": ("Softmax", {"axis": 1}, [(3, 5, 2)], lambda x: F.softmax(x, 1)),
    "gelu": ("Gelu", {}, [(3, 5)], F.gelu),
}


def in_onnxruntime(operator, attributes, arrays):
    """What onnxruntime computes in a graph of one node."""
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    names = [f"x{i}" for i in range(len(arrays))]
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(operator, names, ["y"], **attributes)],
        "one node",
        [value(n, onnx.TensorProto.FLOAT, a.shape) for n, a in zip(names, arrays, strict=True)],
        [value("y", onnx.TensorProto.FLOAT, None)],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=9
    )
    session = runtime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, dict(zip(names, arrays, strict=True)))[0]


@pytest.mark.parametrize("case", CASES)
def test_onnxruntime_computes_the_same(case):
    operator, attributes, shapes, ours = CASES[case]
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(0.1, 1.0, shape).astype(np.float32) for shape in shapes]
    arrays[0] -= np.float32(0.5)
    expected = in_onnxruntime(operator, attributes, arrays)
    y = ours(*map(mt.tensor, arrays))
    assert y.shape == expected.shape
    np.testing.assert_allclose(y.array, expected, rtol=2e-5, atol=2e-6)
