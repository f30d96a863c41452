from pathlib import Path

import numpy as np
import pytest

from minitorch_cnn.kernels import Window, use
from minitorch_cnn.kernels.cuda.array import has_compiler
from minitorch_cnn.kernels.cuda.emulator import ORDERS, emulated
from minitorch_cnn.kernels.pool2d import cuda, max_pool2d_forward, max_pool2d_input_grad

pytestmark = pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")
rng = np.random.default_rng(7)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", [(3, 5, 2, 2), (1, 2, 30, 40), (2, 1, 1, 1), (2, 9, 5, 7)])
def test_gradients_of_one_input_are_added_in_the_order_of_the_outputs(shape, order):
    gy = rng.standard_normal(shape).astype(np.float32)
    argmax = rng.integers(0, 7 * 9, shape)
    with use("loops"):
        expected = max_pool2d_input_grad(gy, argmax, (7, 9))
    with use("emulator"), emulated(order=order, guards=True):
        got = max_pool2d_input_grad(gy, argmax, (7, 9))
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "window",
    [
        Window(3, 2, 1),
        Window(2),
        Window(3, 1, 1),
        Window((3, 2), (1, 3), (1, 0), (2, 1)),
        Window(2, 3),
        Window(3, 2, ((1, 2), (0, 1))),
    ],
    ids=str,
)
def test_every_pixel_gathers_from_the_windows_that_contain_it(window, order):
    x = rng.integers(0, 3, (2, 3, 9, 8)).astype(np.float32)  # ties in most windows
    x[0, 0, 3, 3] = np.nan
    with use("loops"):
        y, argmax = max_pool2d_forward(x, window)
        gy = rng.integers(-9, 10, y.shape).astype(np.float32)
        expected = max_pool2d_input_grad(gy, argmax, (9, 8))
    with use("emulator"), emulated(order=order, guards=True):
        got = max_pool2d_input_grad(gy, argmax, (9, 8), window)
    assert np.array_equal(got, expected)


def test_no_kernel_of_pooling_adds_atomically():
    assert "atomic" not in (Path(cuda.__file__).parent / "pool.cu").read_text(encoding="utf-8")
