"""Batch normalisation in Numba: one channel at a time, which stays in the cache for all passes.

Threads divide the channels, so results do not depend on the number of threads. With constant
statistics they divide the planes in the order of memory, as convolutions and activations do: each
core then reads what it has written itself.
"""

import math

import numpy as np

from ..jit import kernel
from ..sums import added
from ..thread_pool import shared
from ..threads import parallel_ranges

RUN = 4096  # values of a partial sum in x's precision; partial sums are added in double precision


def batch_norm_statistics(x):
    """x (N, C, *) -> mean (C,), var (C,)."""
    mean, var = np.zeros((2, x.shape[1]), x.dtype)
    if x.size:
        parallel_ranges(_statistics, x.shape[1], x.size, _flatten(x), mean, var)
    return mean, var


def batch_norm_training(x, weight, bias, eps, relu=False, ceiling=math.inf):
    """x (N, C, *), weight and bias (C,) -> y (N, C, *), mean (C,), var (C,)."""
    y = np.empty(x.shape, x.dtype)
    mean, var = np.zeros((2, x.shape[1]), x.dtype)
    if x.size:
        affine = _affine(weight, bias, x)
        parallel_ranges(
            _training,
            x.shape[1],
            x.size,
            _flatten(x),
            *affine,
            x.dtype.type(eps),
            relu,
            x.dtype.type(ceiling),
            _flatten(y),
            mean,
            var,
        )
    return y, mean, var


def batch_norm_forward(x, weight, bias, mean, invstd, relu=False, ceiling=math.inf):
    """x (N, C, *), all others (C,) -> y (N, C, *)."""
    y = np.empty(x.shape, x.dtype)
    affine = _affine(weight, bias, x)
    arrays = _flatten(x), *affine, mean, invstd, relu, x.dtype.type(ceiling), _flatten(y)
    parallel_ranges(_forward, x.shape[0] * x.shape[1], x.size, *arrays)
    return y


def batch_norm_backward(gy, x, weight, bias, mean, invstd, relu=False, ceiling=math.inf):
    """gy, x (N, C, *), all others (C,) -> gx (N, C, *), gw (C,), gb (C,)."""
    gx = np.empty(x.shape, x.dtype)
    gw, gb = np.zeros((2, x.shape[1]), x.dtype)
    if x.size:
        clip = relu, x.dtype.type(ceiling)
        arrays = _flatten(gy), _flatten(x), *_affine(weight, bias, x), mean, invstd
        parallel_ranges(_backward, x.shape[1], x.size, *arrays, *clip, _flatten(gx), gw, gb)
    return gx, gw, gb


def _flatten(x):
    """(N, C, *) -> (N, C, L), contiguous."""
    return np.ascontiguousarray(x).reshape(*x.shape[:2], math.prod(x.shape[2:]))


def _affine(weight, bias, x):
    """Weight and bias, or ones and zeros where they are None."""
    C = x.shape[1]
    return (
        np.ones(C, x.dtype) if weight is None else weight,
        np.zeros(C, x.dtype) if bias is None else bias,
    )


@kernel(inline=True)
def _moments(x, c):
    """Mean and variance of channel c of x (N, C, L)."""
    N, _, L = x.shape
    zero = x.dtype.type(0)
    total = 0.0
    for n in range(N):
        for start in range(0, L, RUN):
            row, part = x[n, c, start : start + RUN], zero
            for i in range(row.size):
                part = added(part, row[i])
            total += part
    near = x.dtype.type(total / (N * L))
    # The second pass finds the rounding error of `near`, which is about one unit in its last place.
    rest = squares = 0.0
    for n in range(N):
        for start in range(0, L, RUN):
            row, part, square = x[n, c, start : start + RUN], zero, zero
            for i in range(row.size):
                centred = row[i] - near
                part, square = added(part, centred), added(square, centred * centred)
            rest += part
            squares += square
    rest /= N * L
    return near + rest, max(squares / (N * L) - rest * rest, 0.0)


@kernel(inline=True)
def _normalise(x, n, c, middle, scale, shift, relu, ceiling, y):
    """A plane of y (N, C, L): (x - middle) * scale + shift, with relu within 0 ... ceiling."""
    row, out, zero = x[n, c], y[n, c], x.dtype.type(0)
    if relu:
        for i in range(row.size):
            value = (row[i] - middle) * scale + shift
            value = ceiling if value > ceiling else value
            out[i] = zero if value <= zero else value  # NaN stays NaN
    else:
        for i in range(row.size):
            out[i] = (row[i] - middle) * scale + shift


@kernel
def _statistics(x, mean, var, pool, first, last):
    if shared(pool, first, last):
        return
    for c in range(first, last):
        mean[c], var[c] = _moments(x, c)


@kernel
def _forward(x, weight, bias, mean, invstd, relu, ceiling, y, pool, first, last):
    if shared(pool, first, last):
        return
    C = x.shape[1]
    for plane in range(first, last):
        n, c = plane // C, plane % C
        _normalise(x, n, c, mean[c], invstd[c] * weight[c], bias[c], relu, ceiling, y)


@kernel
def _training(x, weight, bias, eps, relu, ceiling, y, mean, var, pool, first, last):
    if shared(pool, first, last):
        return
    for c in range(first, last):
        mean[c], var[c] = _moments(x, c)
        invstd = x.dtype.type(1 / np.sqrt(var[c] + eps))
        for n in range(len(x)):
            _normalise(x, n, c, mean[c], invstd * weight[c], bias[c], relu, ceiling, y)


@kernel
def _backward(gy, x, weight, bias, mean, invstd, relu, ceiling, gx, gw, gb, pool, first, last):
    if shared(pool, first, last):
        return
    N, _, L = x.shape
    zero = x.dtype.type(0)
    for c in range(first, last):
        middle, scale, shift = mean[c], invstd[c] * weight[c], bias[c]
        sum_g = sum_gx = 0.0
        for n in range(N):
            for start in range(0, L, RUN):
                run = slice(start, start + RUN)
                row, g, part_g, part_gx = x[n, c, run], gy[n, c, run], zero, zero
                for i in range(row.size):
                    centred = row[i] - middle
                    value = centred * scale + shift
                    passed = zero if relu and ((value <= zero) | (value >= ceiling)) else g[i]
                    part_g = added(part_g, passed)
                    part_gx = added(part_gx, passed * centred)
                sum_g += part_g
                sum_gx += part_gx
        gb[c], gw[c] = sum_g, sum_gx * invstd[c]
        through_mean = x.dtype.type(sum_g / (N * L))
        through_var = x.dtype.type(sum_gx * invstd[c] * invstd[c] / (N * L))
        for n in range(N):
            row, g, out = x[n, c], gy[n, c], gx[n, c]
            for i in range(L):
                centred = row[i] - middle
                value = centred * scale + shift
                passed = zero if relu and ((value <= zero) | (value >= ceiling)) else g[i]
                out[i] = (passed - through_mean - centred * through_var) * scale
