"""Convolution on the GPU and on the emulator: which kernel runs, and why.

The table is read from the top: the first kernel that suits a layer computes it. The reasons count
bytes and multiply-adds for an H200 (4.3 TB/s, 67 TFLOP/s in float32, 495 in TF32); they are not
measured times. Below about 16 flops per byte moved, memory bandwidth is the limit, and a kernel
should read and write everything only once.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...cuda.launch import address
from ...cuda.tf32 import allow_tf32
from ...window import Window
from . import depthwise, grouped, im2col, implicit_gemm, pointwise
from .product import library_refuses


class Layer(NamedTuple):
    """The properties by which the kernel is chosen."""

    function: str
    tf32: bool  # whether factors may be rounded to TF32, and the GPU has tensor cores for it
    IN: int  # input channels of a group
    OUT: int  # output channels of a group
    groups: int
    window: Window


class Choice(NamedTuple):
    """A kernel, the layers that it suits, and the reason."""

    kernel: Any  # has forward, input_grad and weight_grad
    suits: Callable[[Layer], bool]
    why: str


def _is_common(layer) -> bool:
    """Whether the window has a common size, so that many layers share one compiled kernel."""
    return layer.window.kernel in ((3, 3), (5, 5), (7, 7)) and max(layer.window.span) <= 32


def _is_first(layer) -> bool:
    """Whether the layer has too few input channels for a piece of TF32, but enough with its taps.

    Of its input gradient tensor cores would mostly compute padding.
    """
    KH, KW = layer.window.kernel
    enough = layer.IN * KH * KW >= 16 and layer.OUT >= 16
    gathered = implicit_gemm.TF32.gathers_rows(layer.IN, KH * KW)
    return layer.groups == 1 and layer.function != "input_grad" and enough and gathered


CHOICES = (
    Choice(
        depthwise,
        lambda layer: layer.groups > 1 and layer.IN == 1 and _is_common(layer),
        "only K * K multiply-adds per 8 bytes: reads and writes everything once",
    ),
    Choice(
        grouped,
        lambda layer: layer.groups > 1 and max(layer.IN, layer.OUT) < 16 and _is_common(layer),
        "would leave half of a 16 x 8 tensor-core tile empty, and have few flops per byte",
    ),
    Choice(
        implicit_gemm.TF32,
        lambda layer: layer.tf32 and min(layer.IN, layer.OUT) >= 16,
        "seven times the arithmetic of float32; fewer channels would mostly multiply padding",
    ),
    Choice(
        implicit_gemm.TF32,
        lambda layer: layer.tf32 and _is_first(layer),
        "images of three channels: sums over channels and taps together fill the tensor cores",
    ),
    Choice(
        grouped,
        lambda layer: layer.groups > 1 and max(layer.IN, layer.OUT) <= 32 and _is_common(layer),
        "a group fills half a tile of 64 rows at most, and its input is read for every tile",
    ),
    Choice(
        pointwise,
        lambda layer: pointwise.can(layer.window) and layer.function != "weight_grad",
        "x itself is the column matrix, for the library's matrix product",
    ),
    Choice(
        implicit_gemm.PLAIN,
        lambda layer: layer.groups == 1 or min(layer.IN, layer.OUT) >= 32,
        "avoids writing and reading columns of KH * KW times the input",
    ),
    Choice(im2col, lambda layer: True, "computes every case"),
)


def conv2d_forward(x, w, window, groups=1, bias=None, relu=False):
    """x (N, C, H, W), w (O, C/groups, KH, KW), bias (O,) or None -> y (N, O, OH, OW)."""
    kernel = choose("forward", x, w.shape, window, groups)
    bias = bias if bias is None else _ready(bias)
    return kernel.forward(_ready(x), _ready(w), window, groups, bias, relu)


def conv2d_with_moments(x, w, window, groups=1, bias=None):
    """As conv2d_forward -> y, and its Moments where the kernel sums them, else None."""
    kernel = choose("forward", x, w.shape, window, groups)
    bias = bias if bias is None else _ready(bias)
    if hasattr(kernel, "forward_with_moments"):
        return kernel.forward_with_moments(_ready(x), _ready(w), window, groups, bias)
    return kernel.forward(_ready(x), _ready(w), window, groups, bias), None


def conv2d_input_grad(gy, w, window, input_size, groups=1):
    """gy (N, O, OH, OW), w (O, C/groups, KH, KW) -> gx (N, C, H, W)."""
    kernel = choose("input_grad", gy, w.shape, window, groups)
    return kernel.input_grad(_ready(gy), _ready(w), window, tuple(input_size), groups)


def conv2d_weight_grad(x, gy, window, groups=1):
    """x (N, C, H, W), gy (N, O, OH, OW) -> gw (O, C/groups, KH, KW)."""
    shape = gy.shape[1], x.shape[1] // groups, *window.kernel
    kernel = choose("weight_grad", x, shape, window, groups)
    return kernel.weight_grad(_ready(x), _ready(gy), window, groups)


def conv2d_gradients(x, w, gy, window, groups=1):
    """x, w, gy -> gx, gw, with a launch less where one kernel computes both."""
    kernel = choose("input_grad", gy, w.shape, window, groups)
    other = choose("weight_grad", x, w.shape, window, groups)
    x, w, gy = _ready(x), _ready(w), _ready(gy)
    if kernel is other and hasattr(kernel, "gradients"):
        return kernel.gradients(x, w, gy, window, groups)
    gx = kernel.input_grad(gy, w, window, tuple(x.shape[2:]), groups)
    return gx, other.weight_grad(x, gy, window, groups)


def choose(function, x, w_shape, window, groups):
    """The first kernel of CHOICES that suits the function "forward", "input_grad"..."""
    layer = Layer(function, _may_be_tf32(x), w_shape[1], w_shape[0] // groups, groups, window)
    kernel = next(choice.kernel for choice in CHOICES if choice.suits(layer))
    if kernel in (pointwise, im2col) and library_refuses(x):
        return implicit_gemm.PLAIN  # computes every case
    return kernel


def _may_be_tf32(x) -> bool:
    if not allow_tf32.convolution or x.dtype != np.float32:
        return False
    return isinstance(x, np.ndarray) or int(x.device.compute_capability) >= 80  # from Ampere on


def _ready(x):
    """x itself if it is C-contiguous and aligned to 16 bytes, else a copy that is.

    Kernels read 16 bytes at once, which must be aligned.
    """
    return x if x.flags.c_contiguous and address(x) % 16 == 0 else x.copy()
