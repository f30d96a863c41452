"""Winograd's convolution against the direct sums, in all three directions."""

import numpy as np
import pytest

from minitorch_cnn.kernels import set_num_threads, use
from minitorch_cnn.kernels.conv2d import (
    conv2d_forward,
)
from minitorch_cnn.kernels.window import Window
from tests.kernels.conv2d.products import drawn_products

pytest.importorskip("numba")
ERROR = {np.float32: 5e-5, np.float64: 1e-10}  # relative to the largest result

# batch, channels, outputs, size, padding: tiles that are not full on any side, one pixel, no image
LAYERS = [
    (2, 3, 4, (7, 9), 1),
    (1, 16, 16, (12, 12), 0),
    (3, 5, 8, (4, 4), ((0, 1), (2, 1))),
    (0, 3, 4, (5, 5), 1),
    (2, 64, 64, (17, 30), 1),
    (1, 33, 70, (5, 6), 2),
    (1, 1, 1, (3, 3), 0),
    (5, 40, 24, (56, 53), 1),
]


def results(implementation, batch, channels, outputs, size, padding, dtype=np.float32):
    shapes = (batch, channels, *size), (outputs, channels, 3, 3)
    return drawn_products(implementation, *shapes, Window(3, padding=padding), dtype=dtype)


@pytest.mark.parametrize("dtype", ERROR)
@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_all_directions_agree_with_the_direct_sums(layer, dtype):
    exact = results("numpy", *layer, dtype=np.float64)
    for got, want in zip(results("winograd", *layer, dtype=dtype), exact, strict=True):
        assert got.shape == want.shape and got.dtype == dtype
        scale = np.abs(want).max() if want.size else 1.0
        np.testing.assert_allclose(got, want, rtol=0, atol=ERROR[dtype] * scale)


def test_results_are_bitwise_independent_of_the_number_of_threads():
    found = []
    for count in (1, 2, 5):
        set_num_threads(count)
        found.append(results("winograd", *LAYERS[-1]))
    for one, two, five in zip(*found, strict=True):
        assert np.array_equal(one, two) and np.array_equal(one, five)


@pytest.mark.parametrize(
    ("window", "groups", "dtype"),
    [
        (Window(3, 2, 1), 1, np.float32),
        (Window(3, 1, 2, 2), 1, np.float32),
        (Window((3, 1)), 1, np.float32),
        (Window(3), 2, np.float32),
    ],
)
def test_other_layers_are_refused(window, groups, dtype):
    x = np.zeros((1, 4, 8, 8), dtype)
    w = np.zeros((4, 4 // groups, *window.kernel), dtype)
    with use("winograd"), pytest.raises(RuntimeError, match="implementation 'winograd' cannot do"):
        conv2d_forward(x, w, window, groups)
