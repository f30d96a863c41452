"""Pooling in the channel-blocked layout: windows are cut at the edges, the border is not read."""

import math
from typing import Any

import numpy as np

from ..jit import kernel
from ..thread_pool import shared
from ..window import Window
from .convolve import Call
from .layout import Layout


def max_pooling(x: Layout, y: Layout, window: Window) -> Call:
    """The call of a maximum over windows. Its arrays: x, y. NaN is larger than every number."""
    return _pooling(max_pool, x, y, window, 0)


def average_pooling(x: Layout, y: Layout, window: Window, include_padding: bool) -> Call:
    """The call of a mean over windows. Its arrays: x, y.

    include_padding: whether the padding counts as zeros, or the mean is of the numbers inside x.
    """
    return _pooling(average_pool, x, y, window, int(include_padding))


def global_average(x: Layout, y: Layout) -> Call:
    """The call of the mean over all pixels: y (N, C, 1, 1). Its arrays: x, y."""
    return average_pooling(x, y, Window(x.shape[2:]), False)


def _pooling(fill: Any, x: Layout, y: Layout, window: Window, include: int) -> Call:
    (top, bottom), (left, right) = window.padding
    settings: tuple[int, ...] = (
        *x.shape[2:], *y.shape[2:], *window.kernel, *window.stride, *window.dilation,
        top, left, bottom, right, include,
    )  # fmt: skip
    places = (
        x.start, x.image, x.block, x.row, y.start, y.image, y.block, y.row, y.blocks, y.width,
    )  # fmt: skip
    size = math.prod(y.shape) * math.prod(window.kernel)
    return Call(fill, (settings, places), y.shape[0] * y.blocks, size)


@kernel
def max_pool(x, y, settings, places, pool, first, last):
    """The largest x of each window, for some blocks of channels."""
    if shared(pool, first, last):
        return
    H, W, OH, OW, KH, KW, sh, sw, dh, dw, top, left, _, _, _ = settings
    x_start, x_image, x_block, x_row, y_start, y_image, y_block, y_row, blocks, width = places
    for k in range(first, last):
        x_at = x_start + k // blocks * x_image + k % blocks * x_block
        y_at = y_start + k // blocks * y_image + k % blocks * y_block
        for i in range(OH):
            to = y[y_at + i * y_row : y_at + i * y_row + OW * width]
            to[:] = -np.inf
            for kh in range(KH):
                h = i * sh + kh * dh - top
                if h < 0 or h >= H:
                    continue
                for kw in range(KW):
                    j0, j1 = inside(kw * dw - left, sw, W, OW)
                    source = x_at + h * x_row + (j0 * sw + kw * dw - left) * width
                    for j in range(j0, j1):
                        row = x[source : source + width]
                        best = to[j * width : (j + 1) * width]
                        for l in range(width):
                            best[l] = row[l] if row[l] > best[l] or row[l] != row[l] else best[l]
                        source += sw * width


@kernel
def average_pool(x, y, settings, places, pool, first, last):
    """The mean of each window, for some blocks of channels."""
    if shared(pool, first, last):
        return
    H, W, OH, OW, KH, KW, sh, sw, dh, dw, top, left, bottom, right, include = settings
    x_start, x_image, x_block, x_row, y_start, y_image, y_block, y_row, blocks, width = places
    for k in range(first, last):
        x_at = x_start + k // blocks * x_image + k % blocks * x_block
        y_at = y_start + k // blocks * y_image + k % blocks * y_block
        for i in range(OH):
            to = y[y_at + i * y_row : y_at + i * y_row + OW * width]
            to[:] = 0
            for kh in range(KH):
                h = i * sh + kh * dh - top
                if h < 0 or h >= H:
                    continue
                for kw in range(KW):
                    j0, j1 = inside(kw * dw - left, sw, W, OW)
                    source = x_at + h * x_row + (j0 * sw + kw * dw - left) * width
                    for j in range(j0, j1):
                        row = x[source : source + width]
                        total = to[j * width : (j + 1) * width]
                        for l in range(width):
                            total[l] += row[l]
                        source += sw * width
            rows = counted(i * sh - top, KH, dh, H, bottom, include)
            for j in range(OW):
                count = rows * counted(j * sw - left, KW, dw, W, right, include)
                for l in range(j * width, (j + 1) * width):
                    to[l] /= count


@kernel
def inside(shift, stride, size, count):
    """The outputs j in range(count) for which j * stride + shift is in range(size)."""
    first = max(0, -(shift // stride))
    return first, max(first, min(count, (size - 1 - shift) // stride + 1))


@kernel
def counted(first, taps, dilation, size, after, include):
    """The number of taps that count along one axis: inside x, or its padding, too."""
    end = size + after if include else size
    count = 0
    for k in range(taps):
        at = first + k * dilation
        if (include or at >= 0) and at < end:
            count += 1
    return count
