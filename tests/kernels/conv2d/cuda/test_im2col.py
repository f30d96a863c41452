import numpy as np
import pytest

from minitorch_cnn.kernels import Window
from minitorch_cnn.kernels.conv2d.cuda import im2col, pointwise
from minitorch_cnn.kernels.cuda.array import to_emulator, to_host
from minitorch_cnn.kernels.cuda.emulator import ORDERS, emulated
from tests.kernels.conv2d.cuda.emulated_check import (
    Layer,
    assert_agrees,
    needs_compiler,
    on_both_devices,
)
from tests.kernels.implementation_check import CONV_CASES


@on_both_devices
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_case_agrees_with_numpy_and_stays_within_its_arrays(dtype, device):
    with emulated(guards=True):
        for case in CONV_CASES:
            assert_agrees(im2col, Layer(*case[:6], dtype), device)


@on_both_devices
def test_images_are_processed_in_blocks(monkeypatch, device):
    monkeypatch.setattr(im2col, "BLOCK", 2000)
    monkeypatch.setattr(im2col, "MAX_PLANES", 3)
    assert_agrees(im2col, Layer(5, 4, 6, 2, (6, 5), Window((3, 2), 2, 1)), device)


@needs_compiler
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("stride", [1, 2])
def test_col2im_is_the_adjoint_of_im2col(order, stride):
    rng = np.random.default_rng(1)
    window = Window(3, stride, 1)
    x = rng.standard_normal((2, 3, 6, 7))
    with emulated(order=order):
        columns = to_host(im2col.im2col(to_emulator(x), window))
        g = rng.standard_normal(columns.shape)
        gx = to_emulator(np.full_like(x, np.nan))
        im2col.col2im(to_emulator(g), gx, window, columns.shape[4:])
    assert np.isclose(np.vdot(columns, g), np.vdot(x, to_host(gx)))


@on_both_devices
@pytest.mark.parametrize("groups", [1, 2])
def test_a_pointwise_convolution_is_one_product(groups, device):
    assert_agrees(pointwise, Layer(3, 4, 6, groups, (5, 4), Window(1)), device)
