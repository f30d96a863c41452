"""Pooling in the channel-blocked layout: windows are cut at the edges, the border is not read."""

import math

import numpy as np

from ..jit import kernel
from ..thread_pool import shared
from ..window import Window
from .calls import Call, recorded
from .layout import Layout

MAX, MEAN, MEAN_OF_ALL = range(3)  # the mean of the numbers inside x, or with zeros of the padding


def max_pooling(x: Layout, y: Layout, window: Window) -> Call:
    """The call of a maximum over windows. Its arrays: x, y. NaN is larger than every number."""
    return _pooling(x, y, window, MAX)


def average_pooling(x: Layout, y: Layout, window: Window, include_padding: bool) -> Call:
    """The call of a mean over windows. Its arrays: x, y.

    include_padding: whether the padding counts as zeros, or the mean is of the numbers inside x.
    """
    return _pooling(x, y, window, MEAN_OF_ALL if include_padding else MEAN)


def global_average(x: Layout, y: Layout) -> Call:
    """The call of the mean over all pixels: y (N, C, 1, 1). Its arrays: x, y."""
    return average_pooling(x, y, Window(x.shape[2:]), False)


def _pooling(x: Layout, y: Layout, window: Window, kind: int) -> Call:
    (top, bottom), (left, right) = window.padding
    settings: tuple[int, ...] = (
        *x.shape[2:], *y.shape[2:], *window.kernel, *window.stride, *window.dilation,
        top, left, bottom, right, kind,
    )  # fmt: skip
    places = (
        x.start, x.image, x.block, x.row, y.start, y.image, y.block, y.row, y.blocks, y.width,
    )  # fmt: skip
    size = math.prod(y.shape) * math.prod(window.kernel)
    return Call(pool_windows, (settings, places), y.shape[0] * y.blocks, size)


@kernel
def pool_windows(x, y, settings, places, pool, first, last):
    """The largest x of each window, or their mean, for some blocks of channels."""
    if shared(pool, first, last) or recorded(pool, first, last):
        return
    H, W, OH, OW, KH, KW, sh, sw, dh, dw, top, left, bottom, right, kind = settings
    x_start, x_image, x_block, x_row, y_start, y_image, y_block, y_row, blocks, width = places
    for k in range(first, last):
        x_at = x_start + k // blocks * x_image + k % blocks * x_block
        y_at = y_start + k // blocks * y_image + k % blocks * y_block
        for i in range(OH):
            to = y[y_at + i * y_row : y_at + i * y_row + OW * width]
            to[:] = -np.inf if kind == MAX else 0
            for kh in range(KH):
                h = i * sh + kh * dh - top
                if h < 0 or h >= H:
                    continue
                for kw in range(KW):
                    j0, j1 = inside(kw * dw - left, sw, W, OW)
                    source = x_at + h * x_row + (j0 * sw + kw * dw - left) * width
                    for j in range(j0, j1):
                        row = x[source : source + width]
                        take(row, to[j * width : (j + 1) * width], kind)
                        source += sw * width
            if kind == MAX:
                continue
            rows = counted(i * sh - top, KH, dh, H, bottom, kind == MEAN_OF_ALL)
            for j in range(OW):
                columns = counted(j * sw - left, KW, dw, W, right, kind == MEAN_OF_ALL)
                for l in range(j * width, (j + 1) * width):
                    to[l] /= rows * columns


@kernel(inline=True)
def take(row, result, kind):
    """Take a pixel into the results: the larger, of which NaN is the largest, or the sum."""
    if kind == MAX:
        for l in range(len(row)):
            result[l] = row[l] if row[l] > result[l] or row[l] != row[l] else result[l]
    else:
        for l in range(len(row)):
            result[l] += row[l]


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
