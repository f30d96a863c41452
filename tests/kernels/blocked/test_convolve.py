"""Convolutions in the channel-blocked layout, beside the definition in float64."""

import numpy as np
import pytest

pytest.importorskip("numba")

from minitorch_cnn.kernels.blocked.convolve import (
    can_convolve,
    convolution,
    pack_bias,
    pack_weights,
)
from minitorch_cnn.kernels.blocked.layout import blocked, lanes
from minitorch_cnn.kernels.blocked.tile import RUNS
from minitorch_cnn.kernels.window import Window
from tests.kernels.blocked.arrays import called, empty, places, stored
from tests.oracle import conv2d

V = lanes(4)
R = RUNS[0]
SHAPES = [  # x, O, kernel, stride, padding, dilation, groups
    ((2, V, 5, 9), V, 3, 1, 1, 1, 1),
    ((1, 2 * V, 6, R), 3 * V, 3, 1, 1, 1, 1),  # rows of one run, an odd number of blocks
    ((1, 2 * V, 5, 2 * R), 2 * V, 1, 1, 0, 1, 1),  # flat
    ((1, 3, 11, 13), V, 7, 2, 3, 1, 1),  # a narrow block
    ((2, 1, 8, 8), V, 5, 1, 2, 1, 1),
    ((1, V + 3, 9, 8), V + 5, 3, 2, 1, 1, 1),  # channels that do not fill blocks
    ((1, V, 12, 11), V, 3, 3, 2, 2, 1),  # no literal stride
    ((1, V, 7, 9), V, (3, 5), (2, 1), ((0, 2), (1, 2)), (2, 1), 1),
    ((1, V, 3, 1), V, 3, 1, 1, 1, 1),  # fewer columns than the shortest run
    ((1, V, 4, 2), V, 3, 1, 1, 1, 1),
    ((1, 3 * V, 6, 9), 3 * V, 3, 1, 1, 1, 3 * V),  # depthwise
    ((2, V + 4, 9, 7), V + 4, 5, 2, 2, 1, V + 4),
    ((1, 4 * V, 6, 8), 4 * V, 3, 1, 1, 1, 2),  # groups of whole blocks
    ((1, 4 * V, 6, 8), 2 * V, 3, 1, 1, 1, 2),
    ((1, 2 * V, 6, 8), 2 * V, 3, 1, 1, 1, V),  # groups of two channels in a block
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", SHAPES, ids=str)
@pytest.mark.parametrize("columns", [0, 1, -1])
def test_a_convolution_and_its_epilogue_are_those_of_the_definition(case, columns, dtype, rng):
    shape, O, kernel, stride, padding, dilation, groups = case
    shape = (*shape[:3], max(shape[3] + columns, 1))
    window = Window(kernel, stride, padding, dilation)
    w_shape = (O, shape[1] // groups, *window.kernel)
    x, w, bias = (rng.standard_normal(s).astype(dtype) for s in (shape, w_shape, O))
    border = tuple(max(pads) for pads in window.padding)
    at = blocked(shape, x.itemsize, border, narrow=2 * shape[1] < V)
    if groups not in (1, O) and not can_convolve(w_shape, groups, at.width, x.itemsize):
        pytest.skip("blocks of this dtype mix the groups")
    if groups == O and at.width < lanes(x.itemsize):
        pytest.skip("one narrow block")
    to = blocked((len(x), O, *window.output_size(*shape[2:])), x.itemsize, (1, 2))
    residual = rng.standard_normal(to.shape).astype(dtype)
    weights, more = pack_weights(w, groups, at.width), pack_bias(bias, O, dtype)
    for extra in (None, residual):
        settings = window.stride, window.padding, window.dilation, groups
        wanted = conv2d(*(a.astype(float) for a in (x, w)), *settings)
        wanted = wanted + bias.astype(float)[:, None, None] + (0 if extra is None else extra)
        given = np.zeros(0, dtype) if extra is None else stored(extra, to)
        y = empty(to, dtype)
        call = convolution(at, to, w_shape, window, groups, -0.5, 2.0, dtype)
        called(call, stored(x, at), weights.reshape(-1), more, given, y)
        tolerance = 2e-5 if dtype == np.float32 else 1e-12
        np.testing.assert_allclose(y[places(to)], wanted.clip(-0.5, 2), tolerance, tolerance)
        written = ~np.isnan(y)
        inside = np.zeros(to.size, bool)
        inside[places(to._replace(shape=(len(x), to.blocks * to.width, *to.shape[2:])))] = True
        assert not (written & ~inside).any()  # neither the border nor another block


def test_a_window_that_leaves_the_border_is_refused():
    at, to = blocked((1, V, 8, 8)), blocked((1, V, 8, 8))
    with pytest.raises(ValueError, match="exceeds the border"):
        convolution(at, to, (V, V, 3, 3), Window(3, 1, 1), 1, -np.inf, np.inf, np.float32)


def test_groups_that_blocks_would_mix_are_refused():
    at = blocked((1, 3 * V, 8, 8), border=(1, 1))
    with pytest.raises(ValueError, match="3 groups"):
        shape = (3 * (V + 1), V, 3, 3)
        to = blocked((1, shape[0], 8, 8))
        convolution(at, to, shape, Window(3, 1, 1), 3, -np.inf, np.inf, np.float32)


@pytest.mark.parametrize("threads", [1, 3])
def test_results_do_not_depend_on_the_number_of_threads(threads, rng):
    from minitorch_cnn.kernels import get_num_threads, set_num_threads

    window, at = Window(3, 1, 1), blocked((2, 2 * V, 30, 30), border=(1, 1))
    to = blocked((2, 2 * V, 30, 30))
    x = stored(rng.standard_normal(at.shape, dtype=np.float32), at)
    w = pack_weights(rng.standard_normal((2 * V, 2 * V, 3, 3), dtype=np.float32), 1, V)
    call = convolution(at, to, (2 * V, 2 * V, 3, 3), window, 1, -np.inf, np.inf, np.float32)
    results = []
    before = get_num_threads()
    try:
        for count in (2, threads):
            set_num_threads(count)
            y = empty(to, np.float32)
            called(call, x, w.reshape(-1), pack_bias(None, 2 * V, x.dtype), x[:0], y)
            results.append(y)
    finally:
        set_num_threads(before)
    np.testing.assert_array_equal(*results)
