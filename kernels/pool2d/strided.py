"""Pooling in NumPy: combines strided views of x, one for each position in the kernel (tap).

This takes KH * KW vectorised passes over the output, for any number of windows. Blocks of images
and channels stay in cache for all taps.
"""

import numpy as np

from ..window import adaptive_spans, taps
from ..workspace import plane_blocks, scratch
from .loops import index_type

BLOCK = 2**18  # bytes of output planes


def max_pool2d_forward(x, window):
    """x (N, C, H, W) -> y, argmax (N, C, OH, OW)."""
    N, C, H, W = x.shape
    OH, OW = window.output_size(H, W)
    views = taps(window, H, W, (0, OH), (0, OW))
    first = _first_taps(views, OH, OW)
    corners, offsets = _indices(window, views, W, OH, OW)
    y = np.full((N, C, OH, OW), -np.inf, x.dtype)
    argmax = np.empty(y.shape, index_type(H, W))
    for block in plane_blocks(N, C, OH * OW * x.itemsize, BLOCK):
        winners = scratch("winners", y[block].shape, first.dtype)
        winners[...] = first
        _raise_to_largest(y[block], winners, x[block], views)
        # without mode="clip", np.take with out= makes a copy in order to check the indices
        np.take(offsets, winners, out=argmax[block], mode="clip")
        argmax[block] += corners
    return y, argmax


def _first_taps(views, OH, OW):
    """The first tap of each window inside the input: the argmax where all values are -inf."""
    first = np.zeros((OH, OW), np.min_scalar_type(len(views)))
    for k, tap in reversed(list(enumerate(views))):
        first[tap.y] = k
    return first


def _indices(window, views, W, OH, OW):
    """The flat index of each window's corner (may be in the padding), and the taps' offsets."""
    (top, _), (left, _) = window.padding
    rows = np.arange(OH)[:, None] * window.stride[0] - top
    columns = np.arange(OW) * window.stride[1] - left
    offsets = [tap.kh * window.dilation[0] * W + tap.kw * window.dilation[1] for tap in views]
    return rows * W + columns, np.array(offsets)


def _raise_to_largest(y, winners, x, views):
    """Raise y from -inf to the maximum over its taps, and winners to the tap of the maximum.

    A later winner has a higher index, so np.maximum records it: much faster than a masked write.
    """
    for k, tap in enumerate(views):
        best, winner = y[tap.y], winners[tap.y]
        value = scratch("value", best.shape, x.dtype)
        value[...] = x[tap.x]
        wins = np.greater(value, best, out=scratch("wins", best.shape, bool))
        _record(winner, wins, k)
        np.maximum(best, value, out=best)
    if np.isnan(y).any():
        for k, tap in enumerate(views):
            _record(winners[tap.y], np.isnan(x[tap.x]), k)


def _record(winner, wins, k):
    number = np.multiply(
        wins.view(np.uint8), winner.dtype.type(k), out=scratch("number", wins.shape, winner.dtype)
    )
    np.maximum(winner, number, out=winner)


def adaptive_max_pool2d_forward(x, output_size):
    """x (N, C, H, W) -> y, argmax (N, C, OH, OW)."""
    N, C, H, W = x.shape
    y = np.empty((N, C, *output_size), x.dtype)
    argmax = np.empty(y.shape, index_type(H, W))
    for i, (top, bottom) in enumerate(adaptive_spans(H, output_size[0])):
        for j, (left, right) in enumerate(adaptive_spans(W, output_size[1])):
            count = (bottom - top) * (right - left)
            cells = x[:, :, top:bottom, left:right].reshape(N, C, count)
            y[:, :, i, j] = cells.max(axis=2)
            last_nan = count - 1 - np.isnan(cells)[:, :, ::-1].argmax(axis=2)
            winner = np.where(np.isnan(y[:, :, i, j]), last_nan, cells.argmax(axis=2))
            argmax[:, :, i, j] = (
                (top + winner // (right - left)) * W + left + winner % (right - left)
            )
    return y, argmax


def max_pool2d_input_grad(gy, argmax, input_size, window=None):
    """gy, argmax (N, C, OH, OW) -> gx (N, C, H, W)."""
    gx = np.zeros((*gy.shape[:2], *input_size), gy.dtype)
    np.add.at(gx.reshape(-1), _index_into_all_planes(argmax, *input_size), gy.reshape(-1))
    return gx


def max_pool2d_gather(x, argmax):
    """x (N, C, H, W), argmax (N, C, OH, OW) -> y (N, C, OH, OW)."""
    return np.take(x, _index_into_all_planes(argmax, *x.shape[2:])).reshape(argmax.shape)


def _index_into_all_planes(argmax, H, W):
    N, C = argmax.shape[:2]
    return (argmax + (np.arange(N * C) * (H * W)).reshape(N, C, 1, 1)).reshape(-1)


def avg_pool2d_forward(x, window, count_include_pad=True, divisor_override=None):
    """x (N, C, H, W) -> y (N, C, OH, OW)."""
    N, C, H, W = x.shape
    OH, OW = window.output_size(H, W)
    divisor = divisors(window, H, W, count_include_pad, divisor_override).astype(x.dtype)
    y = np.zeros((N, C, OH, OW), x.dtype)
    for block in plane_blocks(N, C, OH * OW * x.itemsize, BLOCK):
        part, source = y[block], x[block]
        for tap in taps(window, H, W, (0, OH), (0, OW)):
            part[tap.y] += source[tap.x]
        part /= divisor
    return y


def avg_pool2d_input_grad(gy, window, input_size, count_include_pad=True, divisor_override=None):
    """gy (N, C, OH, OW) -> gx (N, C, H, W)."""
    N, C, OH, OW = gy.shape
    H, W = input_size
    divisor = divisors(window, H, W, count_include_pad, divisor_override).astype(gy.dtype)
    gx = np.zeros((N, C, H, W), gy.dtype)
    for block in plane_blocks(N, C, OH * OW * gy.itemsize, BLOCK):
        part, share = gx[block], gy[block] / divisor
        for tap in taps(window, H, W, (0, OH), (0, OW)):
            part[tap.x] += share[tap.y]
    return gx


def divisors(window, H, W, count_include_pad, divisor_override):
    """The divisor of each window's sum, (OH, OW), at least 1."""
    if divisor_override is not None:
        return np.full(window.output_size(H, W), divisor_override)
    rows, columns = (
        _cells_along(window, axis, size, outputs, count_include_pad)
        for axis, (size, outputs) in enumerate(zip((H, W), window.output_size(H, W), strict=True))
    )
    return np.maximum(rows[:, None] * columns, 1)


def _cells_along(window, axis, size, outputs, count_include_pad):
    """The number of taps of each output that count: never those beyond the padding (ceil_mode)."""
    before, after = window.padding[axis] if count_include_pad else (0, 0)
    first = np.arange(outputs)[:, None] * window.stride[axis] - window.padding[axis][0]
    positions = first + np.arange(window.kernel[axis]) * window.dilation[axis]
    return ((-before <= positions) & (positions < size + after)).sum(axis=1)


def adaptive_avg_pool2d_forward(x, output_size):
    """x (N, C, H, W) -> y (N, C, OH, OW)."""
    N, C, H, W = x.shape
    OH, OW = output_size
    bands = np.empty((N, C, OH, W), x.dtype)
    for i, (top, bottom) in enumerate(adaptive_spans(H, OH)):
        np.mean(x[:, :, top:bottom], axis=2, out=bands[:, :, i])
    y = np.empty((N, C, OH, OW), x.dtype)
    for j, (left, right) in enumerate(adaptive_spans(W, OW)):
        np.mean(bands[:, :, :, left:right], axis=3, out=y[:, :, :, j])
    return y


def adaptive_avg_pool2d_input_grad(gy, input_size):
    """gy (N, C, OH, OW) -> gx (N, C, H, W)."""
    N, C, OH, OW = gy.shape
    H, W = input_size
    bands = np.zeros((N, C, OH, W), gy.dtype)
    for j, (left, right) in enumerate(adaptive_spans(W, OW)):
        bands[:, :, :, left:right] += gy[:, :, :, j, None] / (right - left)
    gx = np.zeros((N, C, H, W), gy.dtype)
    for i, (top, bottom) in enumerate(adaptive_spans(H, OH)):
        gx[:, :, top:bottom] += bands[:, :, i, None] / (bottom - top)
    return gx
