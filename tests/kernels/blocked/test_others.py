"""Pooling, sums, gates, activations and reordering in the channel-blocked layout."""

import math

import numpy as np
import pytest

pytest.importorskip("numba")

from minitorch_cnn.kernels.blocked import elementwise, norm, pool, reorder
from minitorch_cnn.kernels.blocked.layout import blocked, lanes
from minitorch_cnn.kernels.window import Window
from tests.kernels.blocked.arrays import called, empty, places, stored

V = lanes(4)
SHAPES = [(2, V, 7, 9), (1, 2 * V + 3, 6, 5), (1, 3, 4, 8), (1, V, 2, 2)]
WINDOWS = [
    Window(2, 2),
    Window(3, 2, 1),
    Window(3, 1, 1),
    Window((3, 2), (1, 2), ((1, 0), (0, 1))),
    Window(3, 2, 1, ceil_mode=True),
    Window(2, 1, 1, dilation=2),
]


def pooled(x, window, size, kind):
    """The definition: a loop over windows, which may reach beyond the padding in ceil mode."""
    (top, bottom), (left, right) = window.padding
    H, W = x.shape[2:]
    y = np.empty((*x.shape[:2], *size))
    for i, j in np.ndindex(*size):
        rows = [
            i * window.stride[0] + k * window.dilation[0] - top for k in range(window.kernel[0])
        ]
        columns = [
            j * window.stride[1] + k * window.dilation[1] - left for k in range(window.kernel[1])
        ]
        inside = [(h, w) for h in rows for w in columns if 0 <= h < H and 0 <= w < W]
        parts = np.array([x[:, :, h, w] for h, w in inside], float)
        if kind == "max":
            y[:, :, i, j] = parts.max(0)
            continue
        counted = [(h, w) for h in rows for w in columns if h < H + bottom and w < W + right]
        y[:, :, i, j] = parts.sum(0) / len(inside if kind == "mean" else counted)
    return y


@pytest.fixture(params=SHAPES, ids=str)
def x(request, rng):
    return rng.standard_normal(request.param).astype(np.float32)


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("kind", ["max", "mean", "mean of all"])
def test_pooling_is_that_of_the_definition(x, window, kind):
    try:
        size = window.output_size(*x.shape[2:])
    except ValueError:
        pytest.skip("the window does not fit")
    at, to = blocked(x.shape, border=(1, 1)), blocked((*x.shape[:2], *size), border=(0, 2))
    if kind == "max":
        call = pool.max_pooling(at, to, window)
    else:
        call = pool.average_pooling(at, to, window, kind == "mean of all")
    y = empty(to, np.float32)
    called(call, stored(x, at), y)
    np.testing.assert_allclose(y[places(to)], pooled(x, window, size, kind), 1e-6, 1e-6)


def test_a_maximum_keeps_nan():
    at, to = blocked((1, V, 2, 2)), blocked((1, V, 1, 1))
    x = np.ones((1, V, 2, 2), np.float32)
    x[0, 1, 1, 0] = np.nan
    y = empty(to, np.float32)
    called(pool.max_pooling(at, to, Window(2)), stored(x, at), y)
    assert np.isnan(y[places(to)]).ravel().tolist() == [c == 1 for c in range(V)]


def test_the_global_average_is_the_mean_of_all_pixels(x):
    at, to = blocked(x.shape, border=(2, 1)), blocked((*x.shape[:2], 1, 1))
    y = empty(to, np.float32)
    called(pool.global_average(at, to), stored(x, at), y)
    wanted = x.mean((2, 3), dtype=float, keepdims=True)
    np.testing.assert_allclose(y[places(to)], wanted, 1e-6, 1e-6)


def test_sums_are_clamped(x):
    one, other, to = blocked(x.shape), blocked(x.shape, border=(1, 1)), blocked(x.shape)
    y = empty(to, np.float32)
    call = elementwise.addition(one, other, to, 0.0, 1.0, x.dtype)
    called(call, stored(x, one), stored(2 * x, other), y)
    np.testing.assert_allclose(y[places(to)], (3 * x).clip(0, 1), 1e-6)


def test_a_gate_scales_its_channel(x, rng):
    gate = rng.standard_normal((*x.shape[:2], 1, 1)).astype(np.float32)
    at, small, to = blocked(x.shape, border=(1, 0)), blocked(gate.shape), blocked(x.shape)
    y = empty(to, np.float32)
    called(elementwise.gating(at, small, to, x.dtype), stored(x, at), stored(gate, small), y)
    np.testing.assert_array_equal(y[places(to)], x * gate)


FUNCTIONS = {
    "Clip": (-0.3, 0.7, lambda x: x.clip(-0.3, 0.7)),
    "Sigmoid": (0, 0, lambda x: 1 / (1 + np.exp(-x))),
    "HardSigmoid": (0.2, 0.5, lambda x: (0.2 * x + 0.5).clip(0, 1)),
    "HardSwish": (0, 0, lambda x: x * (x + 3).clip(0, 6) / 6),
    "Silu": (0, 0, lambda x: x / (1 + np.exp(-x))),
    "LeakyRelu": (0.1, 0, lambda x: np.where(x < 0, 0.1 * x, x)),
    "Tanh": (0, 0, np.tanh),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_those_of_their_formulas(name, x):
    a, b, formula = FUNCTIONS[name]
    at, to = blocked(x.shape), blocked(x.shape, border=(1, 1))
    y = empty(to, np.float32)
    called(elementwise.function(name, at, to, a, b, x.dtype), stored(5 * x, at), y)
    wanted = formula(5 * x.astype(float))
    np.testing.assert_allclose(y[places(to)], wanted, 1e-6, 1e-6)


@pytest.mark.parametrize("size, beta, bias", [(5, 0.75, 1.0), (4, 0.5, 2.0), (1, 0.75, 0.0),
                                               (2**40, 1.0, 1.0)])  # fmt: skip
def test_a_local_response_norm_is_that_of_its_formula(x, size, beta, bias):
    at, to = blocked(x.shape, border=(1, 1)), blocked(x.shape, border=(0, 2))
    C, alpha = x.shape[1], size / 4
    before, after = (size - 1) // 2, size // 2
    near = [slice(max(0, c - before), c + after + 1) for c in range(C)]
    sums = np.stack([(x[:, s].astype(float) ** 2).sum(1) for s in near], 1)
    y = empty(to, np.float32)
    call = norm.local_response_norm(at, to, size, alpha, beta, bias, x.dtype)
    called(call, stored(x, at), y)
    np.testing.assert_allclose(y[places(to)], x * (bias + sums / 4) ** -beta, 2e-6, 1e-6)
    all_channels = to._replace(shape=(to.shape[0], to.blocks * V, *to.shape[2:]))
    assert not y[places(all_channels)][:, C:].any()


def test_arrays_go_into_blocks_and_back(x):
    at = blocked(x.shape, border=(1, 2), narrow=x.shape[1] < V)
    flat = empty(at, np.float32)
    called(reorder.to_blocks(at), x.reshape(-1), flat)
    called(reorder.border(at), flat)
    np.testing.assert_array_equal(flat, stored(x, at))
    back = np.empty_like(x)
    called(reorder.from_blocks(at), flat, back.reshape(-1))
    np.testing.assert_array_equal(back, x)


def test_a_part_of_the_channels_is_a_layout_of_its_own(rng):
    x = rng.standard_normal((2, 3 * V, 4, 5)).astype(np.float32)
    at = blocked(x.shape, border=(1, 1))
    part = at.part(V, 2 * V)
    np.testing.assert_array_equal(stored(x, at)[places(part)], x[:, V:])
    to = blocked(part.shape)
    y = empty(to, np.float32)
    called(elementwise.copy(part, to, x.dtype), stored(x, at), y)
    np.testing.assert_array_equal(y[places(to)], x[:, V:])
    with pytest.raises(ValueError, match=f"multiple of {V}"):
        at.part(1, V)
    assert math.prod(at.shape) < at.size
