"""Images to columns of windows (im2col), and columns summed to images (col2im)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.array_function import ArrayFunction
from ..kernels.window import Window
from ..tensor.tensor import Tensor
from .checks import check_tensor
from .geometry import Pair, fitting_window, from_images, pair, to_images

if TYPE_CHECKING:
    from ..tensor.types import Array, Shape, Size2d


class Unfold(ArrayFunction):
    """y[n, (c, i, j), (oh, ow)] = x[n, c, oh sh + i dh - ph, ow sw + j dw - pw], 0 outside.

    x (N, C, H, W) -> y (N, C KH KW, OH OW)
    """

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, window: Window) -> Array:
        ctx.window, ctx.size = window, x.shape[2:]
        (top, bottom), (left, right) = window.padding
        padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
        output = window.output_size(*x.shape[2:])
        y = np.empty((*x.shape[:2], *window.kernel, *output), x.dtype, like=x)
        for i, j, at in _taps(window, output):
            y[:, :, i, j] = padded[at]
        n, c = x.shape[:2]
        return y.reshape(n, c * math.prod(window.kernel), math.prod(output))

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return Fold.apply(gy, window=ctx.window, size=ctx.size)


class Fold(ArrayFunction):
    """y = zeros, with each window added at its position: the adjoint of Unfold.

    x (N, C KH KW, OH OW) -> y (N, C, *size)
    """

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, window: Window, size: Shape) -> Array:
        ctx.window = window
        (top, bottom), (left, right) = window.padding
        kh, kw = window.kernel
        output = window.output_size(*size)
        n, c = x.shape[0], x.shape[1] // (kh * kw)
        x = x.reshape(n, c, kh, kw, *output)
        height, width = size
        y = np.zeros((n, c, height + top + bottom, width + left + right), x.dtype, like=x)
        for i, j, at in _taps(window, output):
            y[at] += x[:, :, i, j]
        return y[:, :, top : top + height, left : left + width].copy()

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return Unfold.apply(gy, window=ctx.window)


def _taps(window: Window, output: Pair) -> Iterator[tuple[int, int, Any]]:
    """Each position (i, j) in the window, with the slices of the padded image that it reads."""
    (sh, sw), (dh, dw), (oh, ow) = window.stride, window.dilation, output
    for i in range(window.kernel[0]):
        for j in range(window.kernel[1]):
            rows = slice(i * dh, i * dh + (oh - 1) * sh + 1, sh)
            columns = slice(j * dw, j * dw + (ow - 1) * sw + 1, sw)
            yield i, j, (slice(None), slice(None), rows, columns)


def unfold(
    input: Tensor,
    kernel_size: Size2d,
    dilation: Size2d = 1,
    padding: Size2d = 0,
    stride: Size2d = 1,
) -> Tensor:
    """Extract the windows of images as columns, in the order of a convolution's weights.

    x (N, C, H, W) or (C, H, W) -> y (N, C KH KW, L) or (C KH KW, L), L = OH OW windows, row by row

    Raises: ValueError for an input with another number of axes or smaller than a window.
    """
    check_tensor("unfold", input=input)
    x = to_images("unfold", input, spatial=2)
    window = _window("unfold", x.shape[2:], kernel_size, dilation, padding, stride)
    y = Unfold.apply(x, window=window)
    return y if input.ndim == 4 else y.squeeze(0)


def fold(
    input: Tensor,
    output_size: Size2d,
    kernel_size: Size2d,
    dilation: Size2d = 1,
    padding: Size2d = 0,
    stride: Size2d = 1,
) -> Tensor:
    """Sum columns of windows into images of `output_size`; the adjoint of unfold.

    x (N, C KH KW, L) or (C KH KW, L) -> y (N, C, H, W) or (C, H, W)

    Raises: ValueError for an input with another number of axes, or sizes that do not fit.
    """
    check_tensor("fold", input=input)
    if input.ndim not in (2, 3):
        raise ValueError(f"fold: input of shape {input.shape} must be (N, C*KH*KW, L) or without N")
    size = pair("fold", "output_size", output_size, 1, 2)
    window = _window("fold", size, kernel_size, dilation, padding, stride)
    taps, windows = math.prod(window.kernel), math.prod(window.output_size(*size))
    if input.shape[-2] % taps or input.shape[-1] != windows:
        raise ValueError(
            f"fold: input of shape {input.shape} must have a multiple of {taps} rows and "
            f"{windows} columns for output_size={output_size} and these windows"
        )
    x = input if input.ndim == 3 else input.unsqueeze(0)
    y = Fold.apply(x, window=window, size=size)
    return from_images(y, input.ndim + 1, spatial=2)


def _window(
    name: str, size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> Window:
    kernel = pair(name, "kernel_size", kernel_size, 1, 2)
    dilation = pair(name, "dilation", dilation, 1, 2)
    padding = pair(name, "padding", padding, 0, 2)
    stride = pair(name, "stride", stride, 1, 2)
    return fitting_window(name, tuple(size), kernel, stride, padding, dilation)
