"""Average pooling: the mean of each window, a linear operation and its adjoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..autograd.array_function import ArrayFunction
from ..kernels.pool2d import (
    adaptive_avg_pool2d_forward,
    adaptive_avg_pool2d_input_grad,
    avg_pool2d_forward,
    avg_pool2d_input_grad,
)
from ..tensor.tensor import Tensor
from .checks import check_float
from .geometry import Pair, adaptive_size, from_images, is_int, pool_window, to_images

if TYPE_CHECKING:
    from ..kernels.window import Window
    from ..tensor.types import Array, Size1d, Size2d


class AvgPool2d(ArrayFunction):
    """y = mean of each window.    x (N, C, H, W) -> y (N, C, OH, OW)"""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, **settings: Any) -> Array:
        ctx.size, ctx.settings = x.shape[2:], settings
        return avg_pool2d_forward(x, **settings)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        # y[p] = sum of x[q] / divisor[p] over the q in window p:
        # gx[q] = sum of gy[p] / divisor[p] over the p whose window has q
        return AvgPool2dBackward.apply(gy, size=ctx.size, **ctx.settings)


class AvgPool2dBackward(ArrayFunction):
    """The adjoint of AvgPool2d.    gy (N, C, OH, OW) -> gx (N, C, *size)"""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, gy: Array, size: Pair, window: Window, **divisor: Any) -> Array:
        ctx.settings = {"window": window, **divisor}
        return avg_pool2d_input_grad(gy, window, size, **divisor)

    @staticmethod
    def backward(ctx: ArrayFunction, ggx: Any) -> Tensor:
        return AvgPool2d.apply(ggx, **ctx.settings)


def avg_pool2d(
    input: Tensor,
    kernel_size: Size2d,
    stride: Size2d | None = None,
    padding: Size2d = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Average each window: its sum divided by its size, or by divisor_override.

    x (N, C, H, W) or (C, H, W) -> y (N, C, OH, OW) or (C, OH, OW),
    OH = (H + 2*padding - KH) / stride + 1 rounded down (up with ceil_mode), and likewise OW.
    The size includes cells of the padding if count_include_pad, but never the cells beyond the
    padding that a last window of ceil_mode covers. stride=None means kernel_size.

    Raises: ValueError for a shape or setting that does not fit (padding must be at most half of
    kernel_size), TypeError for dtypes other than floats.
    """
    name = "avg_pool2d"
    if divisor_override is not None and not (is_int(divisor_override) and divisor_override != 0):
        raise ValueError(f"{name}: divisor_override={divisor_override} must be an int other than 0")
    return _avg_pool(
        name, 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def avg_pool1d(
    input: Tensor,
    kernel_size: Size1d,
    stride: Size1d | None = None,
    padding: Size1d = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Average each window of a signal.    x (N, C, L) or (C, L) -> y (N, C, OL) or (C, OL)"""
    return _avg_pool(
        "avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None
    )


def _avg_pool(
    name: str,
    spatial: int,
    input: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:
    check_float(name, input=input)
    x = to_images(name, input, spatial)
    window = pool_window(name, x, spatial, kernel_size, stride, padding, ceil_mode=ceil_mode)
    y = AvgPool2d.apply(
        x, window=window, count_include_pad=count_include_pad, divisor_override=divisor_override
    )
    return from_images(y, input.ndim, spatial)


class AdaptiveAvgPool2d(ArrayFunction):
    """y = mean of each of size windows that cover x.    x (N, C, H, W) -> y (N, C, *size)"""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, size: Pair) -> Array:
        ctx.input_size = x.shape[2:]
        return adaptive_avg_pool2d_forward(x, size)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return AdaptiveAvgPool2dBackward.apply(gy, input_size=ctx.input_size)


class AdaptiveAvgPool2dBackward(ArrayFunction):
    """The adjoint of AdaptiveAvgPool2d.    gy (N, C, OH, OW) -> gx (N, C, *input_size)"""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, gy: Array, input_size: Pair) -> Array:
        ctx.size = gy.shape[2:]
        return adaptive_avg_pool2d_input_grad(gy, input_size)

    @staticmethod
    def backward(ctx: ArrayFunction, ggx: Any) -> Tensor:
        return AdaptiveAvgPool2d.apply(ggx, size=ctx.size)


def adaptive_avg_pool2d(input: Tensor, output_size: int | tuple[int | None, int | None]) -> Tensor:
    """Average OH x OW windows that cover the input.

    x (N, C, H, W) or (C, H, W) -> y (N, C, OH, OW) or (C, OH, OW)

    Window i has the rows floor(i H / OH) to ceil((i + 1) H / OH) - 1, and likewise columns; None in
    output_size keeps that side. 1 is the global average (Lin, Chen, Yan 2013, Network in Network).

    Raises: ValueError for a shape or size that does not fit, TypeError for dtypes other than
    floats.
    """
    return _adaptive_avg_pool("adaptive_avg_pool2d", 2, input, output_size)


def adaptive_avg_pool1d(input: Tensor, output_size: Size1d) -> Tensor:
    """Average OL windows of a signal.    x (N, C, L) or (C, L) -> y (N, C, OL) or (C, OL)"""
    return _adaptive_avg_pool("adaptive_avg_pool1d", 1, input, output_size)


def _adaptive_avg_pool(name: str, spatial: int, input: Tensor, output_size: Any) -> Tensor:
    check_float(name, input=input)
    x = to_images(name, input, spatial)
    size = adaptive_size(name, x, output_size, spatial)
    return from_images(AdaptiveAvgPool2d.apply(x, size=size), input.ndim, spatial)
