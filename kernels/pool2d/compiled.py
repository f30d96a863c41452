"""Pooling in Numba: a row of outputs at a time, tap by tap, so that the windows of a row are
compared or added up side by side. Threads share out the planes (image, channel).
"""

import numpy as np

from ..jit import kernel
from ..threads import parallel_ranges
from ..window import adaptive_spans, tap_ranges
from .loops import index_type
from .strided import divisors


def max_pool2d_forward(x, window):
    """x (N, C, H, W) -> y, argmax (N, C, OH, OW)."""
    N, C, H, W = x.shape
    y = np.empty((N, C, *window.output_size(H, W)), x.dtype)
    argmax = np.empty(y.shape, index_type(H, W))
    rows, columns = _taps(window, H, W)
    arrays = _planes(x), _planes(y), _planes(argmax)
    parallel_ranges(_max_forward, N * C, x.size, *arrays, rows, columns, *window.stride)
    return y, argmax


def adaptive_max_pool2d_forward(x, output_size):
    """x (N, C, H, W) -> y, argmax (N, C, OH, OW)."""
    N, C, H, W = x.shape
    y = np.empty((N, C, *output_size), x.dtype)
    argmax = np.empty(y.shape, index_type(H, W))
    arrays = _planes(x), _planes(y), _planes(argmax)
    parallel_ranges(
        _adaptive_max_forward, N * C, x.size, *arrays, *_adaptive(x.shape[2:], output_size)
    )
    return y, argmax


def max_pool2d_input_grad(gy, argmax, input_size):
    """gy, argmax (N, C, OH, OW) -> gx (N, C, H, W)."""
    gx = np.empty((*gy.shape[:2], *input_size), gy.dtype)
    planes = gy.shape[0] * gy.shape[1]
    parallel_ranges(_scatter, planes, gx.size, _flat(gy), _flat(argmax), _flat(gx))
    return gx


def max_pool2d_gather(x, argmax):
    """x (N, C, H, W), argmax (N, C, OH, OW) -> y (N, C, OH, OW)."""
    y = np.empty(argmax.shape, x.dtype)
    parallel_ranges(_gather, x.shape[0] * x.shape[1], y.size, _flat(x), _flat(argmax), _flat(y))
    return y


def avg_pool2d_forward(x, window, count_include_pad=True, divisor_override=None):
    """x (N, C, H, W) -> y (N, C, OH, OW)."""
    N, C, H, W = x.shape
    y = np.empty((N, C, *window.output_size(H, W)), x.dtype)
    shares = _shares(window, H, W, count_include_pad, divisor_override, x.dtype)
    rows, columns = _taps(window, H, W)
    arrays = _planes(x), _planes(y), shares, rows, columns
    parallel_ranges(_avg_forward, N * C, x.size, *arrays, *window.stride)
    return y


def avg_pool2d_input_grad(gy, window, input_size, count_include_pad=True, divisor_override=None):
    """gy (N, C, OH, OW) -> gx (N, C, H, W)."""
    N, C = gy.shape[:2]
    gx = np.empty((N, C, *input_size), gy.dtype)
    shares = _shares(window, *input_size, count_include_pad, divisor_override, gy.dtype)
    rows, columns = _taps(window, *input_size)
    arrays = _planes(gy), _planes(gx), shares, rows, columns
    parallel_ranges(_avg_input_grad, N * C, gx.size, *arrays, *window.stride)
    return gx


def adaptive_avg_pool2d_forward(x, output_size):
    """x (N, C, H, W) -> y (N, C, OH, OW)."""
    N, C, H, W = x.shape
    y = np.empty((N, C, *output_size), x.dtype)
    if output_size == (1, 1):  # one long sum instead of H short ones
        x = np.ascontiguousarray(x).reshape(N, C, 1, H * W)
    spans = _adaptive(x.shape[2:], output_size)
    parallel_ranges(_adaptive_avg_forward, N * C, x.size, _planes(x), _planes(y), *spans)
    return y


def adaptive_avg_pool2d_input_grad(gy, input_size):
    """gy (N, C, OH, OW) -> gx (N, C, H, W)."""
    N, C = gy.shape[:2]
    gx = np.empty((N, C, *input_size), gy.dtype)
    spans = _adaptive(input_size, gy.shape[2:])
    parallel_ranges(_adaptive_avg_input_grad, N * C, gx.size, _planes(gy), _planes(gx), *spans)
    return gx


def _planes(x):
    """(N, C, H, W) -> (N * C, H, W), contiguous."""
    return np.ascontiguousarray(x).reshape(x.shape[0] * x.shape[1], *x.shape[2:])


def _flat(x):
    """(N, C, H, W) -> (N * C, H * W), contiguous."""
    return np.ascontiguousarray(x).reshape(x.shape[0] * x.shape[1], x.shape[2] * x.shape[3])


def _taps(window, H, W):
    """(KH, 3), (KW, 3): for each row and column of the kernel its offset, first and last output."""
    return [
        np.array(tap_ranges(window, axis, size, (0, outputs)), np.int64)
        for axis, (size, outputs) in enumerate(zip((H, W), window.output_size(H, W), strict=True))
    ]


def _adaptive(input_size, output_size):
    return [
        np.array(adaptive_spans(*sizes), np.int64).reshape(-1, 2)
        for sizes in zip(input_size, output_size, strict=True)
    ]


def _shares(window, H, W, count_include_pad, divisor_override, dtype):
    """(OH, OW): what the sum under each window is multiplied by."""
    return (1 / divisors(window, H, W, count_include_pad, divisor_override)).astype(dtype)


# Loops start at 0 of a slice, never at an offset that might be negative: Numba would look at each
# index for its sign, as Python does, and the compiler could not take several windows at once. For
# the same reason strides of 1 and 2 are written out as constants.


@kernel
def _max_forward(x, y, argmax, rows, columns, stride_h, stride_w, first, last):
    W, OW, KW = x.shape[2], y.shape[2], len(columns)
    offsets = np.empty(len(rows) * KW, argmax.dtype)  # of each tap from the window's corner
    for k in range(offsets.size):
        offsets[k] = rows[k // KW, 0] * W + columns[k % KW, 0]
    first_tap = np.full(OW, KW, np.int32)  # of each window, within a row of the kernel
    for k in range(KW):
        for j in range(columns[k, 1], columns[k, 2]):
            first_tap[j] = min(first_tap[j], k)
    winner = np.empty(OW, np.int32)
    for plane in range(first, last):
        for i in range(y.shape[1]):
            best = y[plane, i]
            best[:] = -np.inf
            begun = False
            for kh in range(len(rows)):
                offset, top, bottom = rows[kh]
                if not top <= i < bottom:
                    continue
                if not begun:  # where all are -inf, the first wins
                    winner[:] = first_tap + np.int32(kh * KW)
                    begun = True
                row = x[plane, i * stride_h + offset]
                for kw in range(KW):
                    offset, left, right = columns[kw]
                    cells = row[left * stride_w + offset :]
                    k = np.int32(kh * KW + kw)
                    if stride_w == 1:
                        _raise_to(best[left:right], winner[left:right], cells, 1, k)
                    elif stride_w == 2:
                        _raise_to(best[left:right], winner[left:right], cells, 2, k)
                    else:
                        _raise_to(best[left:right], winner[left:right], cells, stride_w, k)
            corner = i * stride_h * W
            for j in range(OW):
                argmax[plane, i, j] = corner + j * stride_w + offsets[winner[j]]


@kernel
def _raise_to(best, winner, cells, stride, k):
    """best and winner after tap k: of equal values the first wins, and NaN over every number."""
    for j in range(best.size):
        value = cells[j * stride]
        wins = (value > best[j]) | (value != value)
        best[j] = value if wins else best[j]
        winner[j] = k if wins else winner[j]


@kernel
def _adaptive_max_forward(x, y, argmax, rows, columns, first, last):
    W = x.shape[2]
    for plane in range(first, last):
        for i, (top, bottom) in enumerate(rows):
            for j, (left, right) in enumerate(columns):
                best, winner = x[plane, top, left], top * W + left
                for h in range(top, bottom):
                    for w in range(left, right):
                        value = x[plane, h, w]
                        if value > best or value != value:
                            best, winner = value, h * W + w
                y[plane, i, j], argmax[plane, i, j] = best, winner


@kernel
def _scatter(gy, argmax, gx, first, last):
    for plane in range(first, last):
        g, at, out = gy[plane], argmax[plane], gx[plane]
        out[:] = 0
        for p in range(g.size):
            out[at[p]] += g[p]


@kernel
def _gather(x, argmax, y, first, last):
    for plane in range(first, last):
        source, at, out = x[plane], argmax[plane], y[plane]
        for p in range(out.size):
            out[p] = source[at[p]]


@kernel
def _avg_forward(x, y, shares, rows, columns, stride_h, stride_w, first, last):
    for plane in range(first, last):
        for i in range(y.shape[1]):
            out = y[plane, i]
            out[:] = 0
            for offset, top, bottom in rows:
                if top <= i < bottom:
                    row = x[plane, i * stride_h + offset]
                    for offset_w, left, right in columns:
                        cells = row[left * stride_w + offset_w :]
                        if stride_w == 1:
                            _add_to(out[left:right], 1, cells, 1, right - left)
                        elif stride_w == 2:
                            _add_to(out[left:right], 1, cells, 2, right - left)
                        else:
                            _add_to(out[left:right], 1, cells, stride_w, right - left)
            out *= shares[i]


@kernel
def _avg_input_grad(gy, gx, shares, rows, columns, stride_h, stride_w, first, last):
    for plane in range(first, last):
        gx[plane] = 0
        for i in range(gy.shape[1]):
            share = gy[plane, i] * shares[i]
            for offset, top, bottom in rows:
                if top <= i < bottom:
                    row = gx[plane, i * stride_h + offset]
                    for offset_w, left, right in columns:
                        cells = row[left * stride_w + offset_w :]
                        if stride_w == 1:
                            _add_to(cells, 1, share[left:right], 1, right - left)
                        elif stride_w == 2:
                            _add_to(cells, 2, share[left:right], 1, right - left)
                        else:
                            _add_to(cells, stride_w, share[left:right], 1, right - left)


@kernel
def _add_to(y, y_stride, x, x_stride, count):
    for j in range(count):
        y[j * y_stride] += x[j * x_stride]


@kernel(any_order=True)
def _adaptive_avg_forward(x, y, rows, columns, first, last):
    for plane in range(first, last):
        for i, (top, bottom) in enumerate(rows):
            for j, (left, right) in enumerate(columns):
                total = 0.0
                for h in range(top, bottom):
                    part = x.dtype.type(0)
                    for w in range(left, right):
                        part += x[plane, h, w]
                    total += part
                y[plane, i, j] = total / ((bottom - top) * (right - left))


@kernel
def _adaptive_avg_input_grad(gy, gx, rows, columns, first, last):
    for plane in range(first, last):
        gx[plane] = 0
        for i, (top, bottom) in enumerate(rows):
            for j, (left, right) in enumerate(columns):
                share = gy[plane, i, j] / gx.dtype.type((bottom - top) * (right - left))
                for h in range(top, bottom):
                    for w in range(left, right):
                        gx[plane, h, w] += share
