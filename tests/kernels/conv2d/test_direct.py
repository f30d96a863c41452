"""The direct convolution: tiles, vectors and parts of them, beyond the implementation test."""

import numpy as np
import pytest

from minitorch_cnn.kernels import set_num_threads, use
from minitorch_cnn.kernels.conv2d import conv2d_forward, conv2d_weight_grad
from minitorch_cnn.kernels.machine import machine
from minitorch_cnn.kernels.window import Window
from tests.kernels.conv2d.products import drawn_products

pytest.importorskip("numba")

LANES = machine().lanes(4)

# groups, channels and outputs a group, size, window: rows of several vectors and parts of one,
# planes of several tiles and parts of one, padding on all sides, on none, and more than the kernel
# reaches, every stride
LAYERS = [
    (20, 1, 1, (45, 67), Window(3, padding=1)),
    (17, 1, 2, (31, 70), Window(3, 2, 1)),
    (16, 1, 1, (35, 75), Window((7, 5), (1, 2), 3)),
    (9, 4, 4, (20, 45), Window(3, (2, 1), 1)),
    (9, 4, 4, (20, 45), Window(3)),
    (5, 1, 2, (7, 40), Window((7, 5), 1, 3)),
    (5, 2, 1, (40, 50), Window(3, 1, ((2, 0), (0, 3)), 2)),
    (3, 8, 3, (17, 23), Window((1, 2), 1, ((2, 0), (0, 3)), 2)),
    (3, 1, 2, (29, 64), Window(5, 2, 2)),
    (3, 1, 2, (28, 33), Window((4, 6), 2, (2, 3))),
    (3, 2, 1, (30, 41), Window(3, 3, 1)),
    (3, 2, 8, (20, 30), Window(1)),
    (4, 1, 1, (21, 22), Window(1, 2)),
    (4, 1, 4, (3, 16), Window(2, padding=((0, 4), (5, 0)))),
    (4, 1, 1, (5, 2), Window(3, padding=1)),
    (1, 1, 1, (1, 1), Window(5, 2, 2)),
    (2, 1, 2, (41, 1), Window((6, 5), 1, 2)),
]
# Rows of outputs, and of inputs with stride 2, around one and two vectors.
AROUND = [
    (2, 1, 1, (9, width), Window(kernel, stride, kernel // 2))
    for kernel in (3, 5, 4)
    for stride in (1, 2)
    for width in {
        max(1, vectors * LANES * stride // 2 + by) for vectors in (1, 2, 4) for by in (-1, 0, 1)
    }
]
# One channel per group and kernels of known size: planes of all small heights, of several bands of
# rows, and padding that is even, odd and none.
STRIPS = [
    (2, 1, 2, (height, 7), Window(kernel, stride, padding))
    for kernel in (2, 3, 5)
    for stride in (1, 2)
    for padding in (0, kernel // 2, kernel - 1)
    for height in range(max(1, kernel - 2 * padding), 9)
] + [
    (2, 1, 1, (150, 40), Window(kernel, stride, padding))
    for kernel, padding in ((2, 0), (3, 1), (5, 3))
    for stride in (1, 2)
]


def results(implementation, groups, channels, outputs, size, window, dtype=np.float64):
    shapes = (3, groups * channels, *size), (groups * outputs, channels, *window.kernel)
    return drawn_products(implementation, *shapes, window, groups, dtype)


def check(layer, dtype, error):
    exact = results("numpy", *layer)
    for got, want in zip(results("direct", *layer, dtype=dtype), exact, strict=True):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, want, rtol=0, atol=error * np.abs(want).max())


@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize(("dtype", "error"), [(np.float32, 5e-6), (np.float64, 1e-12)])
def test_all_directions_agree_with_numpy(layer, dtype, error):
    check(layer, dtype, error)


@pytest.mark.parametrize(("dtype", "error"), [(np.float32, 5e-6), (np.float64, 1e-12)])
def test_rows_around_the_width_of_vectors_agree_with_numpy(dtype, error):
    for layer in AROUND:
        check(layer, dtype, error)


@pytest.mark.parametrize(("dtype", "error"), [(np.float32, 5e-6), (np.float64, 1e-12)])
def test_planes_of_any_height_agree_with_numpy(dtype, error):
    for layer in STRIPS:
        check(layer, dtype, error)


def test_results_are_bitwise_independent_of_the_number_of_threads():
    for layer in LAYERS[1:4]:
        found = []
        for count in (1, 2, 5):
            set_num_threads(count)
            found.append(results("direct", *layer, dtype=np.float32))
        for one, two, five in zip(*found, strict=True):
            assert np.array_equal(one, two) and np.array_equal(one, five)


def test_old_contents_of_scratch_memory_do_not_affect_results():
    results("direct", 4, 1, 1, (40, 90), Window(3, padding=1))
    x, gy = np.ones((1, 1, 20, 20)), np.ones((1, 1, 18, 18))
    with use("direct"):
        gw = conv2d_weight_grad(x, gy, Window(3))
    assert np.array_equal(gw, np.full((1, 1, 3, 3), 18.0**2))


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


@pytest.mark.parametrize(("kernel", "stride", "size"), [(3, 1, 9), (3, 2, 18), (5, 2, 12)])
def test_an_infinite_input_affects_only_the_weights_that_read_it(kernel, stride, size):
    window = Window(kernel, stride, kernel // 2)
    x = np.ones((2, 3, size, size))
    gy = np.ones((2, 3, *window.output_size(size, size)))
    x[0, 1, size - 1, 2] = np.inf
    with use("direct"):
        gw = conv2d_weight_grad(x, gy, window, 3)
    rows, columns = (
        [0 <= out < gy.shape[2] and out * stride + k - kernel // 2 == place
         for k in range(kernel) for out in [(place - k + kernel // 2) // stride]]
        for place in (size - 1, 2)
    )  # fmt: skip
    assert np.array_equal(np.isinf(gw[1, 0]), np.outer(rows, columns))
    assert np.isfinite(gw[1, 0][~np.outer(rows, columns)]).all()
    assert np.isfinite(gw[[0, 2]]).all()
