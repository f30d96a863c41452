"""The direct convolution of large planes: strips and blocks beyond the implementation test."""

import numpy as np
import pytest

from minitorch_cnn.kernels import set_num_threads, use
from minitorch_cnn.kernels.conv2d import (
    conv2d_forward,
)
from minitorch_cnn.kernels.window import Window
from tests.kernels.conv2d.products import drawn_products

pytest.importorskip("numba")

# groups, channels and outputs a group, size, window: many strips of rows, blocks of groups not full
LARGE = [
    (20, 1, 1, (90, 131), Window(3, padding=1)),
    (17, 1, 2, (61, 140), Window(3, 2, 1)),
    (16, 1, 1, (70, 150), Window((7, 5), (1, 2), 3)),
    (9, 4, 4, (40, 90), Window(3, (2, 1), 1)),
    (33, 2, 1, (40, 100), Window(3, 1, ((2, 0), (0, 3)), 2)),
]


def results(implementation, groups, channels, outputs, size, window, dtype=np.float64):
    shapes = (3, groups * channels, *size), (groups * outputs, channels, *window.kernel)
    return drawn_products(implementation, *shapes, window, groups, dtype)


@pytest.mark.parametrize("layer", LARGE, ids=str)
def test_large_planes_agree_with_numpy(layer):
    for got, want in zip(results("direct", *layer), results("numpy", *layer), strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-11 * np.abs(want).max())


def test_float32_is_as_accurate_as_its_sums_allow():
    layer = LARGE[0]
    exact = results("direct", *layer)
    for got, want in zip(results("direct", *layer, dtype=np.float32), exact, strict=True):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, rtol=0, atol=2e-6 * np.abs(want).max())


def test_results_are_bitwise_independent_of_the_number_of_threads():
    found = []
    for count in (1, 2, 5):
        set_num_threads(count)
        found.append(results("direct", *LARGE[1], dtype=np.float32))
    for one, two, five in zip(*found, strict=True):
        assert np.array_equal(one, two) and np.array_equal(one, five)


def test_infinities_and_nans_affect_only_their_windows():
    x = np.ones((1, 16, 12, 12))
    x[0, 3, 5, 6], x[0, 4, 0, 0] = np.inf, np.nan
    w = np.ones((16, 1, 3, 3))
    with use("direct"):
        y = conv2d_forward(x, w, Window(3, padding=1), 16)
    infinite, undefined = np.zeros((2, 12, 12), bool)
    infinite[4:7, 5:8] = undefined[:2, :2] = True
    assert np.array_equal(np.isinf(y[0, 3]), infinite)
    assert np.array_equal(np.isnan(y[0, 4]), undefined)
    assert np.isfinite(np.delete(y[0], [3, 4], axis=0)).all()
