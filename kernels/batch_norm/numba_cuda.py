"""Batch normalisation in Numba CUDA: one block of threads sums a channel, one thread per output.

The mean is computed first, and the squared deviations in a second pass over x: a variance from the
sum of squares alone loses all digits if the mean is large. (The CUDA C kernels split a channel over
several blocks; here a network with few channels leaves most of the GPU idle.)
"""

import math

import numpy as np

from ..cuda.numba_block import block_sum, cuda, per_element, per_sum


def batch_norm_statistics(x):
    """x (N, C, *) -> mean (C,), var (C,)."""
    mean, var = (np.zeros(x.shape[1], x.dtype, like=x) for _ in range(2))
    if x.size:
        per_sum(statistics, x.shape[1], _flat(x), mean, var)
    return mean, var


def batch_norm_training(x, weight, bias, eps, relu=False, ceiling=math.inf):
    """x (N, C, *), weight and bias (C,) -> y (N, C, *), mean (C,), var (C,)."""
    mean, var = batch_norm_statistics(x)
    invstd = 1 / np.sqrt(var + x.dtype.type(eps))
    return batch_norm_forward(x, weight, bias, mean, invstd, relu, ceiling), mean, var


def batch_norm_forward(x, weight, bias, mean, invstd, relu=False, ceiling=math.inf):
    """x (N, C, *), all others (C,) -> y (N, C, *)."""
    scale = invstd if weight is None else invstd * weight
    shift = np.zeros_like(mean) if bias is None else bias
    y = np.empty(x.shape, x.dtype, like=x)
    per_element(normalise, _flat(y), _flat(x), mean, scale, shift, relu, ceiling)
    return y


def batch_norm_backward(gy, x, weight, bias, mean, invstd, relu=False, ceiling=math.inf):
    """gy, x (N, C, *), all others (C,) -> gx (N, C, *), gw (C,), gb (C,)."""
    if relu:
        y = batch_norm_forward(x, weight, bias, mean, invstd)
        gy = gy * ~((y <= 0) | (y >= ceiling))
    gw, gb = (np.zeros(x.shape[1], x.dtype, like=x) for _ in range(2))
    gx = np.empty(x.shape, x.dtype, like=x)
    if x.size:
        scale = invstd if weight is None else invstd * weight
        per_sum(parameter_gradients, x.shape[1], _flat(gy), _flat(x), mean, invstd, gw, gb)
        args = _flat(gy), _flat(x), mean, invstd, scale, gw, gb
        per_element(input_gradient, _flat(gx), *args)
    return gx, gw, gb


def _flat(x):
    """(N, C, *) -> (N, C, L)."""
    return x.reshape(*x.shape[:2], math.prod(x.shape[2:]))


@cuda.jit
def statistics(x, mean, var):
    """One block per channel: first the mean, then the mean squared deviation."""
    N, _, L = x.shape
    c = cuda.blockIdx.x
    partial = 0.0
    for at in range(cuda.threadIdx.x, N * L, cuda.blockDim.x):
        partial += x[at // L, c, at % L]
    middle = block_sum(partial) / (N * L)
    partial = 0.0
    for at in range(cuda.threadIdx.x, N * L, cuda.blockDim.x):
        partial += (x[at // L, c, at % L] - middle) ** 2
    squares = block_sum(partial)
    if cuda.threadIdx.x == 0:
        mean[c] = middle
        var[c] = squares / (N * L)


@cuda.jit
def normalise(x, mean, scale, shift, relu, ceiling, y):
    """One thread per element."""
    at = cuda.grid(1)
    if at >= y.size:
        return
    _, C, L = y.shape
    l, c, n = at % L, at // L % C, at // (L * C)
    value = (x[n, c, l] - mean[c]) * scale[c] + shift[c]
    if relu and value > ceiling:
        value = ceiling
    y[n, c, l] = 0 if relu and value <= 0 else value


@cuda.jit
def parameter_gradients(gy, x, mean, invstd, gw, gb):
    """One block per channel: gb = sum of gy, gw = sum of gy * xhat."""
    N, _, L = x.shape
    c = cuda.blockIdx.x
    straight, weighted = 0.0, 0.0
    for at in range(cuda.threadIdx.x, N * L, cuda.blockDim.x):
        g = gy[at // L, c, at % L]
        straight += g
        weighted += g * (x[at // L, c, at % L] - mean[c]) * invstd[c]
    straight, weighted = block_sum(straight), block_sum(weighted)
    if cuda.threadIdx.x == 0:
        gb[c] = straight
        gw[c] = weighted


@cuda.jit
def input_gradient(gy, x, mean, invstd, scale, gw, gb, gx):
    """gx = scale * (gy - gb / M - xhat * gw / M), one thread per element."""
    at = cuda.grid(1)
    if at >= gx.size:
        return
    N, C, L = gx.shape
    l, c, n = at % L, at // L % C, at // (L * C)
    xhat = (x[n, c, l] - mean[c]) * invstd[c]
    gx[n, c, l] = scale[c] * (gy[n, c, l] - (gb[c] + xhat * gw[c]) / (N * L))
