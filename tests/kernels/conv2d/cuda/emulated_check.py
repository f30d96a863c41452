"""The check of a convolution kernel, in the emulator or on a GPU: three products against the NumPy
implementation's.
"""

from typing import NamedTuple

import numpy as np
import pytest

from minitorch_cnn.kernels import Window, conv2d, dispatch, use
from minitorch_cnn.kernels.cuda.array import has_gpu, to_emulator, to_host

needs_compiler = pytest.mark.skipif(
    "emulator" not in dispatch.available("conv2d"), reason="the emulator needs g++"
)
needs_gpu = pytest.mark.skipif(not has_gpu(), reason="there is no GPU, or no CuPy")
DEVICES = [
    pytest.param("emulator", marks=needs_compiler),
    pytest.param("cuda", marks=[pytest.mark.gpu, needs_gpu]),
]
on_both_devices = pytest.mark.parametrize("device", DEVICES)
TOLERANCE = {np.dtype(np.float32): 3e-5, np.dtype(np.float64): 1e-11}


class Layer(NamedTuple):
    """A convolution of random images.

    Integers make float32 products and sums exact, in TF32 too: results must then be equal.
    """

    batch: int
    channels: int
    out_channels: int
    groups: int
    size: tuple[int, int]
    window: Window
    dtype: type = np.float64
    integers: bool = False

    def arrays(self):
        """x, w, b, gy."""
        rng = np.random.default_rng(0)
        y_size = self.window.output_size(*self.size)
        shapes = (
            (self.batch, self.channels, *self.size),
            (self.out_channels, self.channels // self.groups, *self.window.kernel),
            (self.out_channels,),
            (self.batch, self.out_channels, *y_size),
        )
        if self.integers:
            return [rng.integers(-4, 5, shape).astype(self.dtype) for shape in shapes]
        return [rng.standard_normal(shape).astype(self.dtype) for shape in shapes]


def to_device(array, device):
    """A copy of a host array on "emulator" or "cuda"."""
    if device == "emulator":
        return to_emulator(array)
    import cupy

    return cupy.asarray(array)


def products(kernel, layer, device="emulator"):
    """The results of a kernel that has forward, input_grad and weight_grad, on the host."""
    x, w, b, gy = (to_device(array, device) for array in layer.arrays())
    window, groups = layer.window, layer.groups
    results = {
        "forward": kernel.forward(x, w, window, groups),
        "forward, bias, relu": kernel.forward(x, w, window, groups, b, True),
        "input_grad": kernel.input_grad(gy, w, window, layer.size, groups),
    }
    if hasattr(kernel, "weight_grad"):
        results["weight_grad"] = kernel.weight_grad(x, gy, window, groups)
    if hasattr(kernel, "gradients"):
        both = kernel.gradients(x, w, gy, window, groups)
        results |= dict(zip(("input_grad of both", "weight_grad of both"), both, strict=True))
    return {name: to_host(result) for name, result in results.items()}


def assert_agrees(kernel, layer, device="emulator"):
    """Raise AssertionError, naming the product, where one is not the NumPy implementation's."""
    x, w, b, gy = layer.arrays()
    window, groups = layer.window, layer.groups
    with use("numpy"):
        expected = {
            "forward": conv2d.conv2d_forward(x, w, window, groups),
            "forward, bias, relu": conv2d.conv2d_forward(x, w, window, groups, b, True),
            "input_grad": conv2d.conv2d_input_grad(gy, w, window, layer.size, groups),
            "weight_grad": conv2d.conv2d_weight_grad(x, gy, window, groups),
        }
    for name, got in products(kernel, layer, device).items():
        want = expected[name.removesuffix(" of both")]
        assert (got.shape, got.dtype) == (want.shape, want.dtype), name
        scale = np.abs(want).max() if want.size else 1
        tolerance = 0 if layer.integers else TOLERANCE[want.dtype] * scale
        close = np.abs(got - want) <= tolerance  # false for NaN, which nothing here should make
        assert close.all(), f"{name} of {layer}: first wrong at {tuple(np.argwhere(~close)[0])}"
