"""Convolution, transposed convolution and the weight's gradient: each is the adjoint of the others.

The three products are linear in each factor, and each is the adjoint of the others:

    y  = conv2d(x, w)               (N, C, H, W), (O, C/groups, KH, KW) -> (N, O, OH, OW)
    gx = conv_transpose2d(gy, w)    (N, O, OH, OW), (O, C/groups, KH, KW) -> (N, C, H, W)
    gw = conv2d_weight_grad(x, gy)  (N, C, H, W), (N, O, OH, OW) -> (O, C/groups, KH, KW)

so the backward of each uses the other two, with the same window and groups, and gradients of every
order follow. (Dumoulin, Visin 2016, A guide to convolution arithmetic for deep learning.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import devices
from ..autograd import autocast
from ..autograd.array_function import ArrayFunction
from ..autograd.modes import is_grad_enabled
from ..kernels.conv2d import (
    conv2d_forward,
    conv2d_gradients,
    conv2d_input_grad,
    conv2d_weight_grad,
    conv2d_with_moments,
)
from ..kernels.conv2d.checks import check_channels
from ..kernels.window import Window
from ..tensor.activation import through_relu
from ..tensor.padding import pad
from ..tensor.tensor import Tensor
from .checks import check_float
from .geometry import Pair, conv_window, from_images, is_int, pair, to_images

if TYPE_CHECKING:
    from ..kernels.batch_norm import Moments
    from ..tensor.types import Array, Size1d, Size2d


class Conv2d(ArrayFunction):
    """y = x * w + b, with relu max(y, 0).

    x (N, C, H, W), w (O, C/groups, KH, KW), b (O,) or None -> y (N, O, OH, OW)
    moments: a list for those of y, in place of relu.
    """

    in_float32 = True

    @staticmethod
    def forward(
        ctx: ArrayFunction,
        x: Array,
        w: Array,
        b: Array | None,
        window: Window,
        groups: int,
        relu: bool = False,
        moments: list[Moments] | None = None,
    ) -> Array:
        need_x, need_w, _ = ctx.needs_input_grad
        if moments is None:
            y = conv2d_forward(x, w, window, groups, b, relu, checked=True)
        else:
            y, found = conv2d_with_moments(x, w, window, groups, b)
            moments += [] if found is None else [found]
        ctx.save_for_backward(x if need_w else None, w if need_x else None, y if relu else None)
        ctx.window, ctx.groups, ctx.input_size, ctx.relu = window, groups, x.shape[2:], relu
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        # In each group, k = (c, kh, kw), p = (n, oh, ow), x[k, p] is the input that weight k meets
        # at output p:
        #   y [o, p] = w [o, k] x [k, p] + b [o]
        #   gx [k, p] = w' [k, o] gy [o, p]   gw [o, k] = gy [o, p] x' [p, k]   gb [o] = gy [o, p] 1
        x, w, y = ctx.saved_tensors
        if ctx.relu:
            gy = through_relu(gy, y)
        need_x, need_w, need_b = ctx.needs_input_grad
        settings = {"window": ctx.window, "groups": ctx.groups}
        gx = gw = gb = None
        if need_x and need_w and devices.elsewhere and not is_grad_enabled():
            gx, gw = Conv2dGradients.apply(x, w, gy, **settings)
            need_x = need_w = False
        if need_x:
            gx = ConvTranspose2d.apply(gy, w, None, output_size=ctx.input_size, **settings)
        if need_w:
            gw = Conv2dWeightGrad.apply(x, gy, **settings)
        if need_b:
            gb = gy.sum((0, 2, 3))
        return gx, gw, gb


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size2d = 1,
    padding: Size2d | str = 0,
    dilation: Size2d = 1,
    groups: int = 1,
) -> Tensor:
    """Convolve images with kernels (cross-correlation), and add a bias per output channel.

    x (N, C, H, W) or (C, H, W), w (O, C/groups, KH, KW), b (O,) -> y (N, O, OH, OW) or (O, OH, OW),
    OH = (H + 2*padding - dilation*(KH - 1) - 1) // stride + 1, and likewise OW;
    y[n, o, i, j] = b[o] + sum of w[o, c, kh, kw] x[n, c, h, w] over c of o's group, kh and kw,
    h = i*stride + kh*dilation - padding, and likewise w, with x = 0 outside the image.

    padding="same" keeps H and W (stride 1 only; an odd row or column of padding is at the bottom or
    right), "valid" is 0.

    Raises: ValueError for shapes or settings that do not fit, TypeError unless all are floats of
    one dtype.
    """
    settings = stride, padding, dilation, groups
    return _conv2d("conv2d", input, weight, bias, *settings, relu=False)


def conv2d_relu(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size2d = 1,
    padding: Size2d | str = 0,
    dilation: Size2d = 1,
    groups: int = 1,
) -> Tensor:
    """Compute relu(conv2d(...)) in one pass: bias and ReLU act on sums that are still in cache.

    Arguments, shapes and errors are those of conv2d.
    """
    settings = stride, padding, dilation, groups
    return _conv2d("conv2d_relu", input, weight, bias, *settings, relu=True)


def conv2d_with_moments_of(moments: list[Moments], *arguments: Any) -> Tensor:
    """conv2d(*arguments), which appends the moments of its result where a device sums them.

    Of 16 bits there are none: the result is rounded after they would be summed.
    """
    return _conv2d("conv2d", *arguments, relu=False, moments=moments)


def _conv2d(
    name: str,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    relu: bool,
    moments: list[Moments] | None = None,
) -> Tensor:
    if autocast.active:
        input, weight, bias = autocast.lower(input, weight, bias)
    check_conv(name, input, weight, bias, groups, spatial=2)
    x = to_images(name, input, spatial=2)
    window = conv_window(name, x, weight, stride, padding, dilation)
    sums = moments is not None and input.array.dtype.char in "fd"
    known = {"moments": moments} if sums else {}
    y = Conv2d.apply(x, weight, bias, window=window, groups=groups, relu=relu, **known)
    return from_images(y, input.ndim, spatial=2)


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size1d = 1,
    padding: Size1d | str = 0,
    dilation: Size1d = 1,
    groups: int = 1,
) -> Tensor:
    """Convolve signals with kernels, as conv2d does with images of height 1.

    x (N, C, L) or (C, L), w (O, C/groups, K), b (O,) -> y (N, O, OL) or (O, OL)

    Raises: as conv2d.
    """
    if autocast.active:
        input, weight, bias = autocast.lower(input, weight, bias)
    check_conv("conv1d", input, weight, bias, groups, spatial=1)
    x = to_images("conv1d", input, spatial=1)
    window = conv_window("conv1d", x, weight, stride, padding, dilation)
    y = Conv2d.apply(x, weight.unsqueeze(-2), bias, window=window, groups=groups)
    return from_images(y, input.ndim, spatial=1)


class ConvTranspose2d(ArrayFunction):
    """The adjoint of Conv2d with respect to x, plus b.

    x (N, C, H, W), w (C, O/groups, KH, KW), b (O,) or None -> y (N, O, *output_size)
    """

    in_float32 = True

    @staticmethod
    def forward(
        ctx: ArrayFunction,
        x: Array,
        w: Array,
        b: Array | None,
        window: Window,
        groups: int,
        output_size: Pair,
    ) -> Array:
        need_x, need_w, _ = ctx.needs_input_grad
        ctx.save_for_backward(x if need_w else None, w if need_x else None)
        ctx.window, ctx.groups = window, groups
        y = conv2d_input_grad(x, w, window, output_size, groups, checked=True)
        if b is not None:
            y += b[:, None, None]
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        # As in Conv2d.backward with the roles of x and y exchanged, k = (o, kh, kw), p = (n, h, w):
        #   y [k, p] = w' [k, c] x [c, p]    and b [o] once per output
        #   gx [c, p] = w [c, k] gy [k, p]   gw [c, k] = x [c, p] gy' [p, k]
        x, w = ctx.saved_tensors
        need_x, need_w, need_b = ctx.needs_input_grad
        settings = {"window": ctx.window, "groups": ctx.groups}
        gx = gw = gb = None
        if need_x:
            gx = Conv2d.apply(gy, w, None, **settings)
        if need_w:
            gw = Conv2dWeightGrad.apply(gy, x, **settings)
        if need_b:
            gb = gy.sum((0, 2, 3))
        return gx, gw, gb


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size2d = 1,
    padding: Size2d = 0,
    output_padding: Size2d = 0,
    groups: int = 1,
    dilation: Size2d = 1,
) -> Tensor:
    """Apply the adjoint of conv2d: each input element adds a scaled kernel to the output.

    x (N, C, H, W) or (C, H, W), w (C, O/groups, KH, KW), b (O,) -> y (N, O, OH, OW) or (O, OH, OW),
    OH = (H - 1)*stride - 2*padding + dilation*(KH - 1) + output_padding + 1, and likewise OW.

    Several input sizes of conv2d give the same output size; output_padding selects one by adding
    rows at the bottom and columns on the right of the smallest.

    Raises: ValueError for shapes or settings that do not fit, TypeError unless all are floats of
    one dtype.
    """
    name = "conv_transpose2d"
    if autocast.active:
        input, weight, bias = autocast.lower(input, weight, bias)
    check_conv(name, input, weight, bias, groups, spatial=2, transposed=True)
    return _conv_transpose(
        name, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size1d = 1,
    padding: Size1d = 0,
    output_padding: Size1d = 0,
    groups: int = 1,
    dilation: Size1d = 1,
) -> Tensor:
    """Apply the adjoint of conv1d, as conv_transpose2d does to images of height 1.

    x (N, C, L) or (C, L), w (C, O/groups, K), b (O,) -> y (N, O, OL) or (O, OL)

    Raises: as conv_transpose2d.
    """
    name = "conv_transpose1d"
    if autocast.active:
        input, weight, bias = autocast.lower(input, weight, bias)
    check_conv(name, input, weight, bias, groups, spatial=1, transposed=True)
    return _conv_transpose(
        name, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def _conv_transpose(
    name: str,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Tensor:
    spatial = weight.ndim - 2
    x = to_images(name, input, spatial)
    w = weight if spatial == 2 else weight.unsqueeze(-2)
    stride = pair(name, "stride", stride, 1, spatial)
    dilation = pair(name, "dilation", dilation, 1, spatial)
    padding = pair(name, "padding", padding, 0, spatial)
    extra = pair(name, "output_padding", output_padding, 0, spatial)
    for e, s, d in zip(extra, stride, dilation, strict=True):
        if e >= max(s, d):
            raise ValueError(
                f"{name}: output_padding={e} must be smaller than stride={s} or dilation={d}"
            )
    window = Window((w.shape[2], w.shape[3]), stride, padding, dilation)
    output_size = tuple(n + e for n, e in zip(window.input_size(*x.shape[2:]), extra, strict=True))
    if min(output_size) < 1:
        raise ValueError(f"{name}: padding={padding} leaves an output of size {output_size}")
    # With output_padding >= stride conv2d would give more rows than x has: x is padded with zeros.
    below, right = (e // s for e, s in zip(extra, stride, strict=True))
    if below or right:
        x = pad(x, (0, right, 0, below))
    y = ConvTranspose2d.apply(x, w, bias, window=window, groups=groups, output_size=output_size)
    return from_images(y, input.ndim, spatial)


class Conv2dWeightGrad(ArrayFunction):
    """The adjoint of Conv2d with respect to w.

    x (N, C, H, W), gy (N, O, OH, OW) -> gw (O, C/groups, KH, KW)
    """

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, gy: Array, window: Window, groups: int) -> Array:
        need_x, need_gy = ctx.needs_input_grad
        ctx.save_for_backward(x if need_gy else None, gy if need_x else None)
        ctx.window, ctx.groups, ctx.input_size = window, groups, x.shape[2:]
        return conv2d_weight_grad(x, gy, window, groups, checked=True)

    @staticmethod
    def backward(ctx: ArrayFunction, ggw: Any) -> tuple[Tensor | None, ...]:
        # In the notation of Conv2d.backward:  gw [o, k] = gy [o, p] x' [p, k]
        #   d/dx [k, p] = ggw' [k, o] gy [o, p]    d/dgy [o, p] = ggw [o, k] x [k, p]
        x, gy = ctx.saved_tensors
        settings = {"window": ctx.window, "groups": ctx.groups}
        gx = ggy = None
        if ctx.needs_input_grad[0]:
            gx = ConvTranspose2d.apply(gy, ggw, None, output_size=ctx.input_size, **settings)
        if ctx.needs_input_grad[1]:
            ggy = Conv2d.apply(x, ggw, None, **settings)
        return gx, ggy


class Conv2dGradients(ArrayFunction):
    """Both gradients of Conv2d at once, in passes that record nothing.

    x (N, C, H, W), w (O, C/groups, KH, KW), gy (N, O, OH, OW) -> gx, gw
    """

    @staticmethod
    def forward(
        ctx: ArrayFunction, x: Array, w: Array, gy: Array, window: Window, groups: int
    ) -> tuple[Array, Array]:
        return conv2d_gradients(x, w, gy, window, groups)


def check_conv(
    name: str,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    groups: int,
    spatial: int,
    transposed: bool = False,
) -> None:
    """Refuse tensors whose shapes do not fit together."""
    check_float(name, input=input, weight=weight, bias=bias)
    if weight.ndim != spatial + 2 or 0 in weight.shape[2:]:
        channels = "C, O/groups" if transposed else "O, C/groups"
        kernel = "KH, KW" if spatial == 2 else "K"
        raise ValueError(f"{name}: weight of shape {weight.shape} must be ({channels}, {kernel})")
    if not is_int(groups):
        raise TypeError(f"{name}: groups={groups!r} must be an int")
    channels = input.shape[-spatial - 1] if input.ndim > spatial else 0
    check_channels(name, input.shape, channels, weight.shape, groups, transposed, "input", "weight")
    out_channels = weight.shape[1] * groups if transposed else weight.shape[0]
    if bias is not None and bias.shape != (out_channels,):
        raise ValueError(
            f"{name}: bias of shape {bias.shape} must be ({out_channels},), one per output channel"
        )
