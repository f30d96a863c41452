from types import SimpleNamespace

import numpy as np
import pytest

from minitorch_cnn.kernels import Window
from minitorch_cnn.kernels.conv2d import conv2d_forward, conv2d_input_grad, conv2d_weight_grad, cuda
from minitorch_cnn.kernels.conv2d.cuda import depthwise, grouped, im2col, pointwise
from minitorch_cnn.kernels.conv2d.cuda.implicit_gemm import PLAIN, TF32
from minitorch_cnn.kernels.cuda import allow_tf32
from minitorch_cnn.kernels.cuda.array import EmulatorArray, to_emulator, to_host
from tests import oracle
from tests.kernels.conv2d.cuda.emulated_check import needs_compiler

SAME = Window(3, padding=1)


@pytest.fixture
def without_tf32(monkeypatch):
    before = allow_tf32.convolution
    allow_tf32.convolution = False
    yield
    allow_tf32.convolution = before


@pytest.mark.parametrize(
    ("channels", "out_channels", "groups", "window", "dtype", "kernel"),
    [
        (32, 32, 32, SAME, np.float32, depthwise),
        (32, 64, 32, Window(5, 2, 2), np.float64, depthwise),
        (128, 128, 32, SAME, np.float32, grouped),
        (512, 512, 32, SAME, np.float32, TF32),
        (512, 512, 32, SAME, np.float64, grouped),
        (64, 64, 1, SAME, np.float32, TF32),
        (64, 256, 1, Window(1), np.float32, TF32),
        (64, 256, 1, Window(1), np.float64, pointwise),
        (3, 64, 1, Window(7, 2, 3), np.float32, TF32),
        (3, 64, 1, Window(7, 2, 3), np.float64, PLAIN),
        (1, 16, 1, SAME, np.float32, PLAIN),  # 9 numbers in a sum
        (3, 8, 1, SAME, np.float32, PLAIN),
        (3, 64, 1, Window(9), np.float32, PLAIN),
        (6, 6, 3, Window((3, 2)), np.float32, im2col),
        (6, 6, 6, Window(3, dilation=40, padding=40), np.float32, im2col),
    ],
)
def test_a_layer_gets_the_kernel_that_the_table_names(
    channels, out_channels, groups, window, dtype, kernel
):
    shape = out_channels, channels // groups, *window.kernel
    assert cuda.choose("forward", np.empty(0, dtype), shape, window, groups) is kernel


@pytest.mark.parametrize(
    ("function", "kernel"), [("forward", TF32), ("input_grad", PLAIN), ("weight_grad", TF32)]
)
def test_of_a_first_layer_only_the_input_gradient_keeps_float32(function, kernel):
    x = np.empty(0, np.float32)
    assert cuda.choose(function, x, (32, 3, 3, 3), Window(3, 2, 1), 1) is kernel


@pytest.mark.parametrize("groups", [1, 32])
def test_tf32_is_not_used_where_it_is_not_allowed(without_tf32, groups):
    shape = 512, 512 // groups, 3, 3
    assert cuda.choose("forward", np.empty(0, np.float32), shape, SAME, groups) is not TF32


@pytest.mark.parametrize(("capability", "kernel"), [("75", PLAIN), ("80", TF32), ("100", TF32)])
def test_tf32_is_not_used_where_the_gpu_has_none(capability, kernel):
    class OnGPU:
        dtype = np.dtype(np.float32)
        device = SimpleNamespace(compute_capability=capability)

    assert cuda.choose("forward", OnGPU, (64, 64, 3, 3), SAME, 1) is kernel


@needs_compiler
def test_emulated_arrays_are_convolved_on_the_emulator():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 4, 5, 6)), rng.standard_normal((3, 4, 3, 3))
    y = conv2d_forward(to_emulator(x), to_emulator(w), SAME)
    assert type(y) is EmulatorArray
    settings = SAME.stride, SAME.padding, SAME.dilation, 1
    assert np.allclose(to_host(y), oracle.conv2d(x, w, *settings))
    gy = rng.standard_normal(y.shape)
    gx = conv2d_input_grad(to_emulator(gy), to_emulator(w), SAME, (5, 6))
    gw = conv2d_weight_grad(to_emulator(x), to_emulator(gy), SAME)
    assert type(gx) is type(gw) is EmulatorArray
    want = oracle.adjoint(lambda x: oracle.conv2d(x, w, *settings), x.shape, gy)
    assert np.allclose(to_host(gx), want)
    want = oracle.adjoint(lambda w: oracle.conv2d(x, w, *settings), w.shape, gy)
    assert np.allclose(to_host(gw), want)


@needs_compiler
def test_an_array_that_is_not_aligned_to_16_bytes_is_copied():
    x = np.arange(2 * 8 * 8 + 1, dtype=np.float32)
    w = np.ones((2, 1, 3, 3), np.float32)
    unaligned = to_emulator(x)[1:].reshape(1, 2, 8, 8)
    assert unaligned.ctypes.data % 16
    y = conv2d_forward(unaligned, to_emulator(w), SAME, 2)
    want = conv2d_forward(x[1:].reshape(1, 2, 8, 8), w, SAME, 2)
    assert np.allclose(to_host(y), want)
