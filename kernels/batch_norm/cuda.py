"""Batch normalisation on the GPU and on the emulator: the launches of batch_norm.cu.

Memory traffic, in arrays of x's size: statistics 1 read; forward 1 read, 1 written; backward 4
read, 1 written. The sums of a channel are split over several blocks, to keep a large GPU busy.
"""

import math

import numpy as np

from ..cuda.launch import blocks, contiguous, cuda_module, empty, vector_width, zeros
from ..cuda.signature import real

THREADS = 256
BLOCKS = 1024  # target: a few for each multiprocessor
MIN_BLOCK_ELEMENTS = 8 * THREADS  # that a block should sum


def batch_norm_statistics(x):
    """x (N, C, *) -> mean (C,), var (C,)."""
    return _statistics(contiguous(x), 0.0)[:2]


def batch_norm_training(x, weight, bias, eps, relu=False):
    """x (N, C, *), weight and bias (C,) -> y (N, C, *), mean (C,), var (C,)."""
    x = contiguous(x)
    mean, var, invstd = _statistics(x, eps)
    return _forward(x, weight, bias, mean, invstd, relu), mean, var


def batch_norm_forward(x, weight, bias, mean, invstd, relu=False):
    """x (N, C, *), all others (C,) -> y (N, C, *)."""
    return _forward(contiguous(x), weight, bias, mean, invstd, relu)


def batch_norm_backward(gy, x, weight, bias, mean, invstd, relu=False):
    """gy, x (N, C, *), all others (C,) -> gx (N, C, *), gw (C,), gb (C,)."""
    gy, x = contiguous(gy), contiguous(x)
    N, C, L = _sizes(x)
    gx = empty(x.shape, x.dtype, like=x)
    if not x.size:
        return gx, zeros(C, x.dtype, like=x), zeros(C, x.dtype, like=x)
    gw, gb = empty(C, x.dtype, like=x), empty(C, x.dtype, like=x)
    module, units = _module(L, x, gy)
    splits = _splits(N, C, L)
    parts = empty((2, splits, C), x.dtype, like=x)
    channel = tuple(map(_channel, (weight, bias, mean, invstd)))
    relu = np.bool_(relu)
    sizes = np.int32(N), np.int32(C), np.int32(units)
    module["gradient_sums"]((C, splits), (THREADS,), (gy, x, *channel, parts, *sizes, relu))
    merged = parts, channel[3], gw, gb, np.int32(C), np.int32(splits)
    module["merge_gradients"]((blocks(C, THREADS),), (THREADS,), merged)
    sizes = np.int32(N * C), np.int32(C), np.int32(units), x.dtype.type(N * L)
    arrays = gy, x, *channel, gw, gb, gx
    module["input_grad"](*_shape(N * C, units), (*arrays, *sizes, relu))
    return gx, gw, gb


def _statistics(x, eps):
    """mean, var, 1 / sqrt(var + eps), each (C,), of a contiguous x."""
    N, C, L = _sizes(x)
    if not x.size:
        return tuple(zeros(C, x.dtype, like=x) for _ in range(3))
    module, units = _module(L, x)
    splits = _splits(N, C, L)
    parts = empty((3, splits, C), x.dtype, like=x)
    sizes = np.int32(N), np.int32(C), np.int32(units)
    module["statistics"]((C, splits), (THREADS,), (x, parts, *sizes))
    results = tuple(empty(C, x.dtype, like=x) for _ in range(3))
    sizes = np.int32(C), np.int32(units), np.int32(splits), x.dtype.type(eps)
    args = x, parts, *results, *sizes
    module["merge_statistics"]((blocks(C, THREADS),), (THREADS,), args)
    return results


def _forward(x, weight, bias, mean, invstd, relu):
    N, C, L = _sizes(x)
    y = empty(x.shape, x.dtype, like=x)
    if x.size:
        module, units = _module(L, x)
        channel = map(_channel, (weight, bias, mean, invstd))
        sizes = np.int32(N * C), np.int32(C), np.int32(units), np.bool_(relu)
        module["normalise"](*_shape(N * C, units), (x, *channel, y, *sizes))
    return y


def _sizes(x):
    """N, C and L of (N, C, *)."""
    return *x.shape[:2], math.prod(x.shape[2:])


def _module(L, *arrays):
    """The kernels for rows of L elements, and the number of units in a row."""
    vector, dtype = vector_width(L, *arrays), arrays[0].dtype
    return cuda_module("batch_norm/batch_norm.cu", REAL=real(dtype), VECTOR=vector), L // vector


def _splits(N, C, L):
    """The number of blocks over which a channel is split."""
    return max(1, min(blocks(BLOCKS, C), blocks(N * L, MIN_BLOCK_ELEMENTS), 65535))


def _shape(rows, units):
    """Grid and block with one thread per unit of a row, for short and long rows."""
    across = min(THREADS, 2 ** (units - 1).bit_length())
    down = THREADS // across
    return (blocks(rows, down), min(blocks(units, across), 65535)), (across, down)


def _channel(array):
    return array if array is None else contiguous(array)
