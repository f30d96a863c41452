"""Winograd's convolution in the channel-blocked layout, beside the definition in float64."""

import numpy as np
import pytest

pytest.importorskip("numba")

from minitorch_cnn.kernels.blocked import pack_bias
from minitorch_cnn.kernels.blocked.layout import blocked, lanes
from minitorch_cnn.kernels.blocked.tile import RUNS
from minitorch_cnn.kernels.blocked.winograd import best_tile, transform_weights, winograd
from minitorch_cnn.kernels.window import Window
from tests.kernels.blocked.arrays import called, empty, places, stored
from tests.oracle import conv2d

V = lanes(4)
SHAPES = [  # x, O, padding
    ((1, V, 8, 8), V, 1),  # whole tiles
    ((2, 2 * V, 9, 7), 3 * V, 1),  # tiles that overlap; an odd number of blocks
    ((1, V + 3, 6, 11), V + 5, 0),  # channels that do not fill blocks
    ((3, V, 4 * RUNS[0], 17), 2 * V, 1),  # several blocks of tiles, through images
    ((1, V, 6, 9), 20 * V, ((0, 1), (1, 1))),  # output channels cut into items
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("tile", [2, 4])
@pytest.mark.parametrize("case", SHAPES, ids=str)
def test_it_and_its_epilogue_are_those_of_the_definition(case, tile, dtype, rng):
    shape, O, padding = case
    window = Window(3, 1, padding)
    w_shape = (O, shape[1], 3, 3)
    x, w, bias = (rng.standard_normal(s).astype(dtype) for s in (shape, w_shape, O))
    at = blocked(shape, x.itemsize, tuple(max(pads) for pads in window.padding))
    to = blocked((len(x), O, *window.output_size(*shape[2:])), x.itemsize, (1, 2))
    residual = rng.standard_normal(to.shape).astype(dtype)
    u, more = transform_weights(w, tile).reshape(-1), pack_bias(bias, O, dtype)
    for extra in (None, residual):
        wanted = conv2d(x.astype(float), w.astype(float), window.stride, window.padding)
        wanted = wanted + bias.astype(float)[:, None, None] + (0 if extra is None else extra)
        given = np.zeros(0, dtype) if extra is None else stored(extra, to)
        y = empty(to, dtype)
        call, size = winograd(at, to, window, tile, -5.0, 20.0, dtype, 4)
        memory = np.full(size, np.nan, dtype)
        called(call, stored(x, at), u, more, given, y, memory)
        tolerance = abs(wanted).max() * (1e-5 if dtype == np.float32 else 1e-13)
        np.testing.assert_allclose(y[places(to)], wanted.clip(-5, 20), 0, tolerance)
        inside = np.zeros(to.size, bool)
        inside[places(to._replace(shape=(len(x), to.blocks * to.width, *to.shape[2:])))] = True
        assert np.isnan(y[~inside]).all()  # neither the border nor another block


def test_it_is_chosen_where_it_takes_fewer_products():
    def tile(C, size, stride=1, kernel=3, groups=1):
        window = Window(kernel, stride, kernel // 2)
        at = blocked((1, C, size, size), border=(1, 1))
        return best_tile(window, groups, at, blocked((1, C, *window.output_size(size, size))), 2)

    assert tile(4 * V, 56) == 4
    assert not tile(4 * V, 56, stride=2)
    assert not tile(4 * V, 56, kernel=5)
    assert not tile(4 * V, 56, groups=2)
    assert not tile(4 * V, 1)
    assert not tile(32 * V, 4)  # its weights are four times as many as those of the definition
