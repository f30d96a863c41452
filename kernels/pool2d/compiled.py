"""Pooling in Numba: one plane at a time, tap by tap, vectorised over the windows of the plane.

Threads divide the planes (image, channel).
"""

import numpy as np

from ..conv2d import direct
from ..jit import kernel
from ..sums import added
from ..thread_pool import shared
from ..threads import get_num_threads, parallel_ranges
from ..window import adaptive_spans
from ..workspace import thread_scratch
from . import maxima, strided
from .loops import index_type
from .phases import merge_phases, phases_of, split_phases
from .strided import divisors
from .tiles import are_tiles, average_tiles, spread_over_tiles


def max_pool2d_forward(x, window):
    """x (N, C, H, W) -> y, argmax (N, C, OH, OW)."""
    N, C, H, W = x.shape
    if index_type(H, W) != np.int32:
        return strided.max_pool2d_forward(x, window)
    y = np.empty((N, C, *window.output_size(H, W)), x.dtype)
    argmax = np.empty(y.shape, np.int32)
    arrays = _planes(x).reshape(-1), *maxima.settings(window, H, W, x.dtype)
    parallel_ranges(maxima.max_planes, N * C, x.size, *arrays, y.reshape(-1), argmax.reshape(-1))
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


def max_pool2d_input_grad(gy, argmax, input_size, window=None):
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
    if are_tiles(window, H, W):
        arrays = _planes(x), _flat(y), *_tiles(window, y, divisor_override)
        parallel_ranges(average_tiles, N * C, x.size, *arrays, threads=len(arrays[2]))
        return y
    shares = _shares(window, H, W, count_include_pad, divisor_override, x.dtype)
    if _are_equal(shares):
        shape, zeros = direct.forward(window, 1, (H, W), (1, 1, *window.kernel), x.dtype)
        _sum(x, zeros, shares, shape, y)
        return y
    arrays = _planes(x), _planes(y), shares
    parallel_ranges(_avg_forward, N * C, x.size, *arrays, *_phases(window, H, W))
    return y


def avg_pool2d_input_grad(
    gy, window, input_size: tuple[int, int], count_include_pad=True, divisor_override=None
):
    """gy (N, C, OH, OW) -> gx (N, C, H, W)."""
    N, C = gy.shape[:2]
    gx = np.empty((N, C, *input_size), gy.dtype)
    if are_tiles(window, *input_size):
        arrays = _flat(gy), _planes(gx), *_tiles(window, gy, divisor_override)
        parallel_ranges(spread_over_tiles, N * C, gx.size, *arrays, threads=len(arrays[2]))
        return gx
    shares = _shares(window, *input_size, count_include_pad, divisor_override, gy.dtype)
    if window.stride == (1, 1) and _are_equal(shares):
        kernel = 1, 1, *window.kernel
        shape, zeros = direct.backward(window, 1, input_size, gy.shape[2:], kernel, gy.dtype)
        _sum(gy, zeros, shares, shape, gx)
        return gx
    arrays = _planes(gy), _planes(gx), shares
    parallel_ranges(_avg_input_grad, N * C, gx.size, *arrays, *_phases(window, *input_size))
    return gx


def adaptive_avg_pool2d_forward(x, output_size):
    """x (N, C, H, W) -> y (N, C, OH, OW)."""
    N, C = x.shape[:2]
    y = np.empty((N, C, *output_size), x.dtype)
    if output_size == (1, 1):
        parallel_ranges(_mean, N * C, x.size, _flat(x), y.reshape(N * C))
        return y
    spans = _adaptive(x.shape[2:], output_size)
    parallel_ranges(_adaptive_avg_forward, N * C, x.size, _planes(x), _planes(y), *spans)
    return y


def adaptive_avg_pool2d_input_grad(gy, input_size):
    """gy (N, C, OH, OW) -> gx (N, C, H, W)."""
    N, C = gy.shape[:2]
    gx = np.empty((N, C, *input_size), gy.dtype)
    if gy.shape[2:] == (1, 1):
        share = np.ascontiguousarray(gy).reshape(N * C)
        parallel_ranges(_spread, N * C, gx.size, share, _flat(gx))
        return gx
    spans = _adaptive(input_size, gy.shape[2:])
    parallel_ranges(_adaptive_avg_input_grad, N * C, gx.size, _planes(gy), _planes(gx), *spans)
    return gx


def _planes(x):
    """(N, C, H, W) -> (N * C, H, W), contiguous."""
    return np.ascontiguousarray(x).reshape(x.shape[0] * x.shape[1], *x.shape[2:])


def _flat(x):
    """(N, C, H, W) -> (N * C, H * W), contiguous."""
    return np.ascontiguousarray(x).reshape(x.shape[0] * x.shape[1], x.shape[2] * x.shape[3])


def _phases(window, H, W):
    """The phases of a plane, as arguments of the kernels."""
    size, *rest = phases_of(window, H, W)
    return size, *rest, *window.stride, window.padding[0][0], window.padding[1][0]


def _adaptive(input_size, output_size):
    return [
        np.array(adaptive_spans(*sizes), np.int64).reshape(-1, 2)
        for sizes in zip(input_size, output_size, strict=True)
    ]


def _tiles(window, y, divisor_override):
    """Memory for bands, OW, KH, KW and the divisor of windows that are tiles."""
    (OH, OW), (KH, KW) = y.shape[2:], window.kernel
    divisor = KH * KW if divisor_override is None else divisor_override
    bands = thread_scratch("bands", get_num_threads(), OH * OW * KW, y.dtype)
    return bands, OW, KH, KW, y.dtype.type(divisor)


def _are_equal(shares):
    return shares.size > 0 and shares.min() == shares.max()


def _sum(x, zeros, shares, shape, y):
    """Each output the sum of its window times its share: a convolution with ones."""
    ones = np.ones(shape.KH * shape.KW, x.dtype)
    arrays = _planes(x).reshape(-1), ones, zeros, zeros[:0], shares[0, 0], False, shape
    planes = x.shape[0] * x.shape[1]
    parallel_ranges(direct.sum_kernel(shape), planes, x.size + y.size, *arrays, y.reshape(-1))


def _shares(window, H, W, count_include_pad, divisor_override, dtype):
    """The reciprocal of each window's divisor, (OH, OW)."""
    return (1 / divisors(window, H, W, count_include_pad, divisor_override)).astype(dtype)


# Loops start at index 0 of a slice, not at an offset that might be negative: Numba would test the
# sign of each index, as Python does, and LLVM could not vectorise the loop.


@kernel
def _adaptive_max_forward(x, y, argmax, rows, columns, pool, first, last):
    if shared(pool, first, last):
        return
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
def _scatter(gy, argmax, gx, pool, first, last):
    if shared(pool, first, last):
        return
    for plane in range(first, last):
        g, at, out = gy[plane], argmax[plane], gx[plane]
        out[:] = 0
        for p in range(g.size):
            out[at[p]] += g[p]


@kernel
def _gather(x, argmax, y, pool, first, last):
    if shared(pool, first, last):
        return
    for plane in range(first, last):
        source, at, out = x[plane], argmax[plane], y[plane]
        for p in range(out.size):
            out[p] = source[at[p]]


@kernel(allocates=True)
def _avg_forward(
    x, y, shares, size, height, width, run, taps, sh, sw, top, left, pool, first, last
):
    if shared(pool, first, last):
        return
    phases, total = np.zeros(size, x.dtype), np.empty(run, x.dtype)
    for plane in range(first, last):
        split_phases(x[plane], phases, height, width, sh, sw, top, left)
        total[:] = 0
        for k in range(taps.size):
            _add_to(total, phases[taps[k] :], run)
        for i in range(y.shape[1]):
            out, row, share = y[plane, i], total[i * width :], shares[i]
            for j in range(out.size):
                out[j] = row[j] * share[j]


@kernel(allocates=True)
def _avg_input_grad(
    gy, gx, shares, size, height, width, run, taps, sh, sw, top, left, pool, first, last
):
    if shared(pool, first, last):
        return
    phases, share = np.empty(size, gy.dtype), np.zeros(run, gy.dtype)
    for plane in range(first, last):
        for i in range(gy.shape[1]):
            out, row, part = share[i * width :], gy[plane, i], shares[i]
            for j in range(row.size):
                out[j] = row[j] * part[j]
        phases[:] = 0
        for k in range(taps.size):
            _add_to(phases[taps[k] :], share, run)
        merge_phases(phases, gx[plane], height, width, sh, sw, top, left)


@kernel
def _add_to(y, x, count):
    for j in range(count):
        y[j] += x[j]


@kernel
def _mean(x, y, pool, first, last):
    if shared(pool, first, last):
        return
    for plane in range(first, last):
        row, total = x[plane], x.dtype.type(0)
        for k in range(row.size):
            total = added(total, row[k])
        y[plane] = total / x.dtype.type(row.size)


@kernel
def _spread(gy, gx, pool, first, last):
    if shared(pool, first, last):
        return
    for plane in range(first, last):
        gx[plane] = gy[plane] / gy.dtype.type(gx.shape[1])


@kernel
def _adaptive_avg_forward(x, y, rows, columns, pool, first, last):
    if shared(pool, first, last):
        return
    for plane in range(first, last):
        for i, (top, bottom) in enumerate(rows):
            for j, (left, right) in enumerate(columns):
                total = 0.0
                for h in range(top, bottom):
                    part = x.dtype.type(0)
                    for w in range(left, right):
                        part = added(part, x[plane, h, w])
                    total += part
                y[plane, i, j] = total / ((bottom - top) * (right - left))


@kernel
def _adaptive_avg_input_grad(gy, gx, rows, columns, pool, first, last):
    if shared(pool, first, last):
        return
    for plane in range(first, last):
        gx[plane] = 0
        for i, (top, bottom) in enumerate(rows):
            for j, (left, right) in enumerate(columns):
                share = gy[plane, i, j] / gx.dtype.type((bottom - top) * (right - left))
                for h in range(top, bottom):
                    for w in range(left, right):
                        gx[plane, h, w] += share
