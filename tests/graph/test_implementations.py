"""Operators that no capture makes in these forms, against their definitions in NumPy."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.graph import Graph, Node, Value, infer, run
from minitorch_cnn.graph.implementations import IMPLEMENTATIONS
from minitorch_cnn.graph.operators import OPERATORS

RNG = np.random.default_rng(0)


def one(operator, *inputs, outputs=1, **attributes):
    """The results of one node, whose inferred types are those of the results."""
    given = {f"x{i}": np.asarray(x) for i, x in enumerate(inputs) if x is not None}
    names = tuple(f"x{i}" if x is not None else "" for i, x in enumerate(inputs))
    made = tuple(f"y{i}" for i in range(outputs))
    node = Node(operator, names, made, attributes, "node")
    constants = {k: mt.Tensor(x) for k, x in given.items() if x.ndim < 2 and k != "x0"}
    inputs = [Value(k, x.dtype, x.shape) for k, x in given.items() if k not in constants]
    graph = infer(Graph([node], inputs, [Value(name) for name in made], constants))
    found = run(graph, *(mt.Tensor(given[v.name]) for v in inputs))
    found = found if isinstance(found, tuple) else (found,)
    for y, value in zip(found, graph.outputs, strict=True):
        assert (y.dtype, y.shape) == (value.dtype, value.shape)
    return [y.detach().numpy() for y in found]


def floats(*shape):
    return RNG.normal(size=shape).astype("f4")


def convolved(x, w, strides, pads):
    (top, left, bottom, right), (sh, sw) = pads, strides
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], (2, 3))[:, :, ::sh, ::sw]
    return np.einsum("nchwij,ocij->nohw", windows, w)


def test_every_operator_has_an_implementation():
    assert set(IMPLEMENTATIONS) == set(OPERATORS)


@pytest.mark.parametrize("auto, pads", [
    ("SAME_UPPER", (0, 1, 1, 1)), ("SAME_LOWER", (1, 1, 0, 1)), ("VALID", (0, 0, 0, 0)),
])  # fmt: skip
def test_auto_pad_is_around_or_more_on_one_side(auto, pads):
    x, w = floats(2, 3, 8, 9), floats(4, 3, 3, 3)
    (y,) = one("Conv", x, w, auto_pad=auto, strides=(2, 1))
    np.testing.assert_allclose(y, convolved(x, w, (2, 1), pads), atol=1e-5)


def test_a_convolution_may_have_unequal_padding():
    x, w = floats(1, 2, 5, 6), floats(3, 2, 2, 3)
    (y,) = one("Conv", x, w, pads=(0, 2, 1, 3))
    np.testing.assert_allclose(y, convolved(x, w, (1, 1), (0, 2, 1, 3)), atol=1e-5)


@pytest.mark.parametrize("attributes", [
    {"pads": (0, 1, 1, 0)}, {"output_padding": (2, 1), "strides": (3, 2)},
    {"output_shape": (9, 8), "strides": (2, 2)}, {"auto_pad": "SAME_UPPER", "strides": (2, 3)},
])  # fmt: skip
def test_a_transposed_convolution_is_the_adjoint_cut_to_its_output(attributes):
    x, w = floats(1, 2, 4, 3), floats(2, 3, 3, 3)
    (y,) = one("ConvTranspose", x, w, **attributes)
    sh, sw = attributes.get("strides", (1, 1))
    whole = np.zeros((1, 3, 3 * sh + 3 + 9, 2 * sw + 3 + 9), "f4")
    for i in range(4):
        for j in range(3):
            whole[0, :, i * sh : i * sh + 3, j * sw : j * sw + 3] += np.einsum(
                "c,cohw->ohw", x[0, :, i, j], w
            )
    size = np.array([3 * sh + 3, 2 * sw + 3])
    total = size - y.shape[2:]
    top, left = {"pads": (0, 1), "output_padding": (0, 0), "auto_pad": total // 2}.get(
        next(iter(attributes)), total - np.maximum(total, 0) // 2
    )
    h, w_ = y.shape[2:]
    top, left = max(int(top), 0), max(int(left), 0)
    np.testing.assert_allclose(y, whole[:, :, top : top + h, left : left + w_], atol=1e-5)


def test_positions_of_maxima_are_in_the_whole_input():
    x = floats(2, 3, 6, 6)
    y, at = one("MaxPool", x, outputs=2, kernel_shape=(2, 2), strides=(2, 2))
    np.testing.assert_array_equal(x.ravel()[at], y)
    _, at = one("MaxPool", x, outputs=2, kernel_shape=(2, 2), strides=(2, 2), storage_order=1)
    np.testing.assert_array_equal(x.transpose(0, 1, 3, 2).ravel()[at], y)


@pytest.mark.parametrize("transform, places", [
    ("asymmetric", lambda o: o / 2), ("half_pixel", lambda o: (o + 0.5) / 2 - 0.5),
    ("align_corners", lambda o: o * 3 / 7),
])  # fmt: skip
def test_linear_resize_reads_where_the_transform_says(transform, places):
    x = floats(1, 1, 3, 4)
    (y,) = one("Resize", x, None, None, np.array([3, 8]), axes=(2, 3), mode="linear",
               coordinate_transformation_mode=transform)  # fmt: skip
    at = np.clip(places(np.arange(8)), 0, 3)
    expected = np.stack([np.interp(at, np.arange(4), row) for row in x[0, 0]])
    np.testing.assert_allclose(y[0, 0], expected, atol=1e-5)


def test_nearest_resize_rounds_as_it_is_told():
    x = np.arange(4, dtype="f4").reshape(1, 1, 1, 4)
    kept = {"coordinate_transformation_mode": "asymmetric"}
    for rule, expected in (
        ("floor", [0, 1, 2]), ("ceil", [0, 2, 3]),
        ("round_prefer_floor", [0, 1, 3]), ("round_prefer_ceil", [0, 1, 3]),
    ):  # fmt: skip
        (y,) = one("Resize", x, None, None, np.array([1, 1, 1, 3]), nearest_mode=rule, **kept)
        assert y.ravel().tolist() == expected


def test_slices_with_negative_steps_and_splits_of_unequal_parts():
    x = floats(3, 7)
    (y,) = one("Slice", x, np.array([5]), np.array([-(2**63) + 1]), np.array([1]), np.array([-2]))
    np.testing.assert_array_equal(y, x[:, 5::-2])
    parts = one("Split", x, outputs=3, axis=1, num_outputs=3)
    assert [p.shape[1] for p in parts] == [3, 3, 1]
    (y,) = one("Gather", x, np.array([[-1, 0]]), axis=1)
    np.testing.assert_array_equal(y, x[:, [[-1, 0]]])


@pytest.mark.parametrize("name, expected", [
    ("ReduceL1", lambda x: np.abs(x).sum(1)), ("ReduceL2", lambda x: np.sqrt((x * x).sum(1))),
    ("ReduceSumSquare", lambda x: (x * x).sum(1)), ("ReduceProd", lambda x: x.prod(1)),
    ("ReduceLogSumExp", lambda x: np.log(np.exp(x).sum(1))), ("ReduceMin", lambda x: x.min(1)),
])  # fmt: skip
def test_reductions(name, expected):
    x = floats(3, 4)
    (y,) = one(name, x, np.array([-1]), keepdims=0)
    np.testing.assert_allclose(y, expected(x), rtol=1e-5)
    assert one("ReduceMax", floats(2, 0), np.array([1]), keepdims=0)[0].tolist() == [-np.inf] * 2


def test_depth_to_space_in_both_orders_and_back():
    x = floats(1, 8, 2, 3)
    (y,) = one("DepthToSpace", x, blocksize=2)
    np.testing.assert_array_equal(y[0, :, 0, 1], x[0, 2:4, 0, 0])
    np.testing.assert_array_equal(one("SpaceToDepth", y, blocksize=2)[0], x)
    (y,) = one("DepthToSpace", x, blocksize=2, mode="CRD")
    np.testing.assert_array_equal(y[0, :, 0, 1], x[0, 1::4, 0, 0])


def test_an_lstm_is_the_layers_with_its_gates_in_onnx_order():
    mt.manual_seed(0)
    layer = nn.LSTM(3, 4, bidirectional=True)
    order = np.r_[0:4, 12:16, 4:8, 8:12]  # i, f, g, o -> i, o, f, g

    def both(name):
        parts = [getattr(layer, f"{name}_l0{s}").detach().numpy()[order] for s in ("", "_reverse")]
        return np.stack(parts)

    x = floats(5, 2, 3)
    b = np.concatenate([both("bias_ih"), both("bias_hh")], 1)
    inputs = x, both("weight_ih"), both("weight_hh"), b
    y, h, c = one("LSTM", *inputs, outputs=3, direction="bidirectional", hidden_size=4)
    expected, (eh, ec) = layer(mt.Tensor(x))
    np.testing.assert_allclose(
        y.transpose(0, 2, 1, 3).reshape(5, 2, 8), expected.detach(), atol=1e-5
    )
    np.testing.assert_allclose(h, eh.detach(), atol=1e-5)
    np.testing.assert_allclose(c, ec.detach(), atol=1e-5)


def test_a_node_that_cannot_run_is_named():
    with pytest.raises(ValueError, match=r"node \(Resize\): .*tf_crop_and_resize"):
        one("Resize", floats(1, 1, 2, 2), None, None, np.array([1, 1, 3, 3]),
            coordinate_transformation_mode="tf_crop_and_resize")  # fmt: skip
    with pytest.raises(ValueError, match=r"node \(LSTM\): clip=1.0"):
        one("LSTM", floats(1, 1, 2), floats(1, 4, 2), floats(1, 4, 1), clip=1.0)
