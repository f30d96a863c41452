"""Convolutions and pooling of a graph, by the framework's operators over a Window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..functional.avg_pool import AvgPool2d
from ..functional.conv import Conv2d, ConvTranspose2d
from ..functional.max_pool import MaxPool2d
from ..kernels.window import Window
from ..tensor import Tensor, zeros
from ..tensor.padding import pad
from .window_shapes import pads_of, settings_of

if TYPE_CHECKING:
    from .ir import Node


def _images(node: Node, x: Tensor) -> Tensor:
    """x as (N, C, H, W): a signal gets the height 1."""
    if x.ndim not in (3, 4):
        raise ValueError(
            f"{node.name} ({node.operator}): an input of shape {x.shape} must have one or two "
            "spatial axes"
        )
    return x.unsqueeze(-2) if x.ndim == 3 else x


def _window(
    node: Node,
    kernel: Sequence[int],
    pads: Sequence[tuple[int, int]],
    strides: Sequence[int],
    ceil: bool = False,
) -> Window:
    dilations = node.get("dilations") or (1,) * len(kernel)
    if len(kernel) == 1:
        kernel, strides, dilations = (1, *kernel), (1, *strides), (1, *dilations)
        pads = ((0, 0), *pads)
    settings: Any = tuple(kernel), tuple(strides), tuple(pads), tuple(dilations), ceil
    return Window(*settings)


def conv(node: Node, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    """Conv: x (N, C, *), w (O, C/group, *), b (O,) -> y (N, O, *)"""
    kernel = w.shape[2:]
    strides, spans = settings_of(node.get, len(kernel), kernel)
    pads = pads_of(node.get, x.shape[2:], strides, spans)
    crop = [min(n, 0) for pair in reversed(pads) for n in pair]
    if min(crop) < 0:
        x = pad(x, crop)
        pads = [(max(a, 0), max(c, 0)) for a, c in pads]
    images, w = _images(node, x), w if w.ndim == 4 else w.unsqueeze(-2)
    window = _window(node, kernel, pads, strides)
    y = Conv2d.apply(images, w, b, window=window, groups=node.get("group"))
    return y if x.ndim == 4 else y.squeeze(-2)


def conv_transpose(node: Node, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    """ConvTranspose: x (N, C, *), w (C, O/group, *), b (O,) -> y (N, O, *)"""
    kernel, sizes = w.shape[2:], x.shape[2:]
    strides, spans = settings_of(node.get, len(kernel), kernel)
    extra = tuple(node.get("output_padding") or (0,) * len(kernel))
    auto = node.get("auto_pad") or "NOTSET"
    wanted = node.get("output_shape")
    if auto.startswith("SAME") and not wanted:
        wanted = [n * s for n, s in zip(sizes, strides, strict=True)]
    if wanted:
        pads = []
        for n, s, k, e, out in zip(
            sizes, strides, spans, extra, wanted[-len(kernel) :], strict=True
        ):
            total = s * (n - 1) + e + k - out
            small, large = total // 2, total - total // 2
            pads.append((small, large) if auto == "SAME_UPPER" else (large, small))
    else:
        pads = pads_of(node.get, sizes, strides, spans)
    # output_padding takes padding away behind; what the window does not reach then is zeros.
    ends = [(a, c - e) for (a, c), e in zip(pads, extra, strict=True)]
    cut = [(max(a, 0), max(c, 0)) for a, c in ends]
    beyond = [max(-n, 0) for pair in reversed(ends) for n in pair]
    out = tuple(
        (n - 1) * s + k - sum(p) for n, s, k, p in zip(sizes, strides, spans, cut, strict=True)
    )
    images, w = _images(node, x), w if w.ndim == 4 else w.unsqueeze(-2)
    size: Any = (1,) * (2 - len(out)) + out
    settings = {"groups": node.get("group"), "output_size": size}
    y = ConvTranspose2d.apply(
        images, w, None, window=_window(node, kernel, cut, strides), **settings
    )
    y = y if x.ndim == 4 else y.squeeze(-2)
    if any(beyond):
        y = pad(y, beyond)
    return y if b is None else y + b.reshape((-1,) + (1,) * len(kernel))


def _pool_window(node: Node, x: Tensor, ceil: bool) -> Window:
    kernel = node.get("kernel_shape")
    strides, spans = settings_of(node.get, len(kernel), kernel)
    pads = pads_of(node.get, x.shape[2:], strides, spans)
    return _window(node, kernel, pads, strides, ceil)


def max_pool(node: Node, x: Tensor) -> tuple[Tensor, ...]:
    """MaxPool, and the position of each maximum in the whole input if that is wanted."""
    images = _images(node, x)
    window = _pool_window(node, x, bool(node.get("ceil_mode")))
    integer = images.dtype.kind not in dtypes.FLOATS
    wide = images.to("float32") if integer else images
    y, at = MaxPool2d.apply(wide, window=window)
    y = y.to(x.dtype) if integer else y
    if x.ndim == 3:
        y, at = y.squeeze(-2), at.squeeze(-2)
    if len(node.outputs) == 1:
        return (y,)
    planes = x.shape[0] * x.shape[1]
    size = x.numel() // max(planes, 1)
    lead = (*x.shape[:2], *(1,) * (x.ndim - 2))
    first = Tensor(np.arange(planes, like=x.array).reshape(lead) * size)
    if node.get("storage_order"):
        h, w = images.shape[2:]
        at = at % w * h + at.div(w, rounding_mode="floor")
    return y, at.to("int64") + first


def average_pool(node: Node, x: Tensor) -> Tensor:
    """AveragePool, whose windows may be dilated."""
    images, ceil = _images(node, x), bool(node.get("ceil_mode"))
    window = _pool_window(node, x, ceil)
    include = bool(node.get("count_include_pad"))
    if window.dilation == (1, 1):
        settings = {"count_include_pad": include, "divisor_override": None}
        y = AvgPool2d.apply(images, window=window, **settings)
    else:
        y = _dilated_average(images, window, include)
    return y if x.ndim == 4 else y.squeeze(-2)


def _dilated_average(x: Tensor, window: Window, include: bool) -> Tensor:
    """Averages of dilated windows: a sum by convolution, divided by the number of pixels."""
    channels, (kh, kw) = x.shape[1], window.kernel
    ones = Tensor(np.ones((1, 1, kh, kw), x.dtype, like=x.array))
    plain = Window(window.kernel, window.stride, window.padding, window.dilation)
    weight = ones.expand(channels, 1, kh, kw)
    total = Conv2d.apply(x, weight, None, window=plain, groups=channels)
    if include:
        return total / (kh * kw)
    seen = zeros(1, 1, *x.shape[2:], dtype=x.dtype, device=x.device) + 1
    return total / Conv2d.apply(seen, ones, None, window=plain, groups=1)
