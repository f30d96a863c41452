"""Max pooling: the largest element of each window with its position, and its adjoint.

For fixed positions these operations are linear: the adjoint of reading at them (gather) is adding
at them (scatter), and vice versa.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from ..autograd.array_function import ArrayFunction
from ..kernels.pool2d import (
    adaptive_max_pool2d_forward,
    max_pool2d_forward,
    max_pool2d_gather,
    max_pool2d_input_grad,
)
from ..tensor.tensor import Tensor
from .checks import check_float
from .geometry import Pair, adaptive_size, from_images, pool_window, to_images

if TYPE_CHECKING:
    from ..kernels.window import Window
    from ..tensor.types import Array, Size1d, Size2d


class MaxPool2d(ArrayFunction):
    """y = max of each window, with its position.    x (N, C, H, W) -> y, argmax (N, C, OH, OW)"""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, window: Window) -> tuple[Array, Array]:
        ctx.window, ctx.input_size = window, x.shape[2:]
        y, argmax = max_pool2d_forward(x, window)
        ctx.save_for_backward(argmax)
        ctx.mark_non_differentiable(argmax)
        return y, argmax

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor, _: Any) -> Tensor:
        # y[p] = x[argmax[p]]:  gx[argmax[p]] += gy[p]
        (argmax,) = ctx.saved_tensors
        settings = {"size": ctx.input_size, "window": ctx.window}
        return ScatterMax2d.apply(gy, argmax=argmax.array, **settings)


class AdaptiveMaxPool2d(ArrayFunction):
    """MaxPool2d with size windows that cover x.    x (N, C, H, W) -> y, argmax (N, C, *size)"""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, size: Pair) -> tuple[Array, Array]:
        ctx.input_size = x.shape[2:]
        y, argmax = adaptive_max_pool2d_forward(x, size)
        ctx.save_for_backward(argmax)
        ctx.mark_non_differentiable(argmax)
        return y, argmax

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor, _: Any) -> Tensor:
        (argmax,) = ctx.saved_tensors
        return ScatterMax2d.apply(gy, argmax=argmax.array, size=ctx.input_size)


class ScatterMax2d(ArrayFunction):
    """x = 0, x[argmax[p]] += y[p].    y, argmax (N, C, OH, OW) -> x (N, C, *size)"""

    in_float32 = True

    @staticmethod
    def forward(
        ctx: ArrayFunction, y: Array, argmax: Array, size: Pair, window: Window | None = None
    ) -> Array:
        ctx.keep(argmax)
        return max_pool2d_input_grad(y, argmax, size, window)

    @staticmethod
    def backward(ctx: ArrayFunction, gx: Any) -> Tensor:
        (argmax,) = ctx.kept
        return GatherMax2d.apply(gx, argmax=argmax)


class GatherMax2d(ArrayFunction):
    """y[p] = x[argmax[p]].    x (N, C, H, W), argmax (N, C, OH, OW) -> y (N, C, OH, OW)"""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, argmax: Array) -> Array:
        ctx.keep(argmax)
        ctx.size = x.shape[2:]
        return max_pool2d_gather(x, argmax)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (argmax,) = ctx.kept
        return ScatterMax2d.apply(gy, argmax=argmax, size=ctx.size)


@overload
def max_pool2d(
    input: Tensor,
    kernel_size: Size2d,
    stride: Size2d | None = None,
    padding: Size2d = 0,
    dilation: Size2d = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
) -> Tensor: ...
@overload
def max_pool2d(
    input: Tensor,
    kernel_size: Size2d,
    stride: Size2d | None = None,
    padding: Size2d = 0,
    dilation: Size2d = 1,
    ceil_mode: bool = False,
    *,
    return_indices: Literal[True],
) -> tuple[Tensor, Tensor]: ...
@overload
def max_pool2d(
    input: Tensor,
    kernel_size: Size2d,
    stride: Size2d | None = None,
    padding: Size2d = 0,
    dilation: Size2d = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]: ...
def max_pool2d(
    input: Tensor,
    kernel_size: Size2d,
    stride: Size2d | None = None,
    padding: Size2d = 0,
    dilation: Size2d = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Take the largest element of each window.

    x (N, C, H, W) or (C, H, W) -> y (N, C, OH, OW) or (C, OH, OW),
    OH = (H + 2*padding - dilation*(KH - 1) - 1) / stride + 1 rounded down (up with ceil_mode), and
    likewise OW.

    Of equal elements the first is taken, never padding, and NaN if the window has one. With
    return_indices it also returns the position h*W + w of each maximum in its plane, int64.
    stride=None means kernel_size.

    Raises: ValueError for a shape or setting that does not fit (padding must be at most half of
    kernel_size, no window may cover only padding), TypeError for dtypes other than floats.
    """
    return _max_pool(
        "max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


@overload
def max_pool1d(
    input: Tensor,
    kernel_size: Size1d,
    stride: Size1d | None = None,
    padding: Size1d = 0,
    dilation: Size1d = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
) -> Tensor: ...
@overload
def max_pool1d(
    input: Tensor,
    kernel_size: Size1d,
    stride: Size1d | None = None,
    padding: Size1d = 0,
    dilation: Size1d = 1,
    ceil_mode: bool = False,
    *,
    return_indices: Literal[True],
) -> tuple[Tensor, Tensor]: ...
@overload
def max_pool1d(
    input: Tensor,
    kernel_size: Size1d,
    stride: Size1d | None = None,
    padding: Size1d = 0,
    dilation: Size1d = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]: ...
def max_pool1d(
    input: Tensor,
    kernel_size: Size1d,
    stride: Size1d | None = None,
    padding: Size1d = 0,
    dilation: Size1d = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Take the largest element of each window of a signal.

    x (N, C, L) or (C, L) -> y (N, C, OL) or (C, OL); otherwise as max_pool2d.
    """
    return _max_pool(
        "max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


def _max_pool(
    name: str,
    spatial: int,
    input: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    check_float(name, input=input)
    x = to_images(name, input, spatial)
    window = pool_window(name, x, spatial, kernel_size, stride, padding, dilation, ceil_mode)
    y, argmax = MaxPool2d.apply(x, window=window)
    y = from_images(y, input.ndim, spatial)
    return (y, from_images(argmax.long(), input.ndim, spatial)) if return_indices else y


@overload
def adaptive_max_pool2d(
    input: Tensor,
    output_size: int | tuple[int | None, int | None],
    return_indices: Literal[False] = False,
) -> Tensor: ...
@overload
def adaptive_max_pool2d(
    input: Tensor,
    output_size: int | tuple[int | None, int | None],
    *,
    return_indices: Literal[True],
) -> tuple[Tensor, Tensor]: ...
@overload
def adaptive_max_pool2d(
    input: Tensor, output_size: int | tuple[int | None, int | None], return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]: ...
def adaptive_max_pool2d(
    input: Tensor, output_size: int | tuple[int | None, int | None], return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """Take the maxima of OH x OW windows that cover the input.

    x (N, C, H, W) or (C, H, W) -> y (N, C, OH, OW) or (C, OH, OW)

    Window i has the rows floor(i H / OH) to ceil((i + 1) H / OH) - 1, and likewise columns; None in
    output_size keeps that side. With return_indices it also returns the maxima's positions
    h*W + w, int64.

    Raises: ValueError for a shape or size that does not fit, TypeError for dtypes other than
    floats.
    """
    return _adaptive_max_pool("adaptive_max_pool2d", 2, input, output_size, return_indices)


@overload
def adaptive_max_pool1d(
    input: Tensor, output_size: Size1d, return_indices: Literal[False] = False
) -> Tensor: ...
@overload
def adaptive_max_pool1d(
    input: Tensor, output_size: Size1d, *, return_indices: Literal[True]
) -> tuple[Tensor, Tensor]: ...
@overload
def adaptive_max_pool1d(
    input: Tensor, output_size: Size1d, return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]: ...
def adaptive_max_pool1d(
    input: Tensor, output_size: Size1d, return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """Take the maxima of OL windows that cover a signal.

    x (N, C, L) or (C, L) -> y (N, C, OL) or (C, OL); otherwise as adaptive_max_pool2d.
    """
    return _adaptive_max_pool("adaptive_max_pool1d", 1, input, output_size, return_indices)


def _adaptive_max_pool(
    name: str, spatial: int, input: Tensor, output_size: Any, return_indices: bool
) -> Any:
    check_float(name, input=input)
    x = to_images(name, input, spatial)
    y, argmax = AdaptiveMaxPool2d.apply(x, size=adaptive_size(name, x, output_size, spatial))
    y = from_images(y, input.ndim, spatial)
    return (y, from_images(argmax.long(), input.ndim, spatial)) if return_indices else y


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Size2d,
    stride: Size2d | None = None,
    padding: Size2d = 0,
    dilation: Size2d = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """max_pool2d with return_indices=True, whatever the argument."""
    return max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices=True)


def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: Size1d,
    stride: Size1d | None = None,
    padding: Size1d = 0,
    dilation: Size1d = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """max_pool1d with return_indices=True, whatever the argument."""
    return max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices=True)


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: int | tuple[int | None, int | None], return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """adaptive_max_pool2d with return_indices=True, whatever the argument."""
    return adaptive_max_pool2d(input, output_size, return_indices=True)


def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: Size1d, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """adaptive_max_pool1d with return_indices=True, whatever the argument."""
    return adaptive_max_pool1d(input, output_size, return_indices=True)
