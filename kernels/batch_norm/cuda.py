"""Batch normalisation on the GPU and on the emulator: the launches of batch_norm.cu.

Memory traffic, in arrays of x's size: statistics 1 read, none by the moments of a convolution;
forward 1 read, 1 written; backward 4 read, 1 written. The sums of a channel are split over several
blocks, to keep a large GPU busy.
"""

import math
from typing import NamedTuple

import numpy as np

from ..cuda.launch import (
    Launch,
    blocks,
    contiguous,
    counters,
    cuda_module,
    empty,
    planned,
    vector_width,
    zeros,
)
from ..cuda.signature import real

THREADS = 256
BLOCKS = 1024  # target: a few for each multiprocessor
MIN_BLOCK_ELEMENTS = 8 * THREADS  # that a block should sum
# A block merges the moments of 32 channels, and each of its 8 warps those of several parts.
MERGING_BLOCKS, MIN_BLOCK_PARTS = 264, 8 * 8


def batch_norm_statistics(x):
    """x (N, C, *) -> mean (C,), var (C,)."""
    return _statistics(contiguous(x), 0.0)[:2]


def batch_norm_training(x, weight, bias, eps, relu=False, ceiling=math.inf):
    """x (N, C, *), weight and bias (C,) -> y (N, C, *), mean (C,), var (C,)."""
    return batch_norm_step(x, weight, bias, eps, relu, ceiling)[:3]


def batch_norm_step(
    x,
    weight,
    bias,
    eps,
    relu,
    ceiling=math.inf,
    running_mean=None,
    running_var=None,
    momentum=0.0,
    batches=None,
    residual=None,
    moments=None,
):
    """batch_norm_training, with running (C,) and batches () updated in place -> also invstd.

    residual (N, C, *) is added before the relu. moments: those of x, which are then not computed.
    """
    x = contiguous(x)
    residual = residual if residual is None else contiguous(residual)
    running = running_mean, running_var, batches
    mean, var, invstd = _statistics(x, eps, running, momentum, moments)
    return _forward(x, weight, bias, mean, invstd, relu, ceiling, residual), mean, var, invstd


def batch_norm_forward(x, weight, bias, mean, invstd, relu=False, ceiling=math.inf):
    """x (N, C, *), all others (C,) -> y (N, C, *)."""
    return _forward(contiguous(x), weight, bias, mean, invstd, relu, ceiling)


def batch_norm_backward(gy, x, weight, bias, mean, invstd, relu=False, ceiling=math.inf):
    """gy, x (N, C, *), all others (C,) -> gx (N, C, *), gw (C,), gb (C,)."""
    gy, x = contiguous(gy), contiguous(x)
    C = x.shape[1]
    gx = empty(x.shape, x.dtype, like=x)
    if not x.size:
        return gx, zeros(C, x.dtype, like=x), zeros(C, x.dtype, like=x)
    gw, gb = empty(C, x.dtype, like=x), empty(C, x.dtype, like=x)
    plan = _backward_plan(x.shape, x.dtype, _vector(x, gy), bool(relu), ceiling)
    parts = empty((2, plan.splits, C), x.dtype, like=x)
    channel = tuple(map(_channel, (weight, bias, mean, invstd)))
    plan.sums(gy, x, *channel, parts, counters(C, like=x), gw, gb)
    plan.result(gy, x, *channel, gw, gb, gx)
    return gx, gw, gb


class _Plan(NamedTuple):
    """The launches of a function, and the number of blocks over which a channel is split."""

    splits: int
    sums: Launch
    result: Launch | None = None


def _statistics(x, eps, running=(None, None, None), momentum=0.0, moments=None):
    """mean, var, 1 / sqrt(var + eps), each (C,), of a contiguous x, or by its moments."""
    C = x.shape[1]
    if not x.size:
        mean, var, invstd = (zeros(C, x.dtype, like=x) for _ in range(3))
        invstd.fill(eps**-0.5 if eps else 0)
        return mean, var, invstd
    if moments is None:
        source, plan = x, _statistics_plan(x.shape, x.dtype, _vector(x), eps, momentum)
    else:
        source, sizes = moments.array, (moments.array.shape[1], moments.per)
        plan = _merging_plan(x.shape, x.dtype, *sizes, eps, momentum)
    parts = empty((3, plan.splits, C), x.dtype, like=x)
    results = tuple(empty(C, x.dtype, like=x) for _ in range(3))
    plan.sums(source, parts, counters(C, like=x), *results, *running)
    return results


def _forward(x, weight, bias, mean, invstd, relu, ceiling, residual=None):
    y = empty(x.shape, x.dtype, like=x)
    if x.size:
        given = *map(_channel, (weight, bias, mean, invstd)), residual
        vector = _vector(x, y) if residual is None else _vector(x, y, residual)
        _forward_plan(x.shape, x.dtype, vector, bool(relu), ceiling)(x, *given, y)
    return y


@planned
def _statistics_plan(shape, dtype, vector, eps, momentum):
    N, C, L = _sizes(shape)
    splits, count = _splits(N, C, L), N * L
    sizes = np.int32(N), np.int32(C), np.int32(L // vector)
    kernel, settings = _module(dtype, vector)["statistics"], _settings(dtype, eps, momentum, count)
    return _Plan(splits, kernel.planned((C, splits), (THREADS,), (*sizes, *settings)))


@planned
def _merging_plan(shape, dtype, parts, per, eps, momentum):
    N, C, L = _sizes(shape)
    across = blocks(C, 32)
    splits = max(1, min(blocks(MERGING_BLOCKS, across), blocks(parts, MIN_BLOCK_PARTS)))
    sizes = np.int32(parts), np.int32(C), np.int32(per), np.int64(N * L)
    values = *sizes, *_settings(dtype, eps, momentum, N * L)
    kernel = _module(dtype, 1)["merge_statistics"]
    return _Plan(splits, kernel.planned((across, splits), (THREADS,), values))


def _settings(dtype, eps, momentum, count):
    """eps, momentum, and the factor that makes the variance of `count` samples unbiased."""
    return map(dtype.type, (eps, momentum, count / max(count - 1, 1)))


@planned
def _forward_plan(shape, dtype, vector, relu, ceiling):
    N, C, L = _sizes(shape)
    units = L // vector
    values = np.int32(N * C), np.int32(C), np.int32(units), np.bool_(relu), dtype.type(ceiling)
    return _module(dtype, vector)["normalise"].planned(*_shape(N * C, units), values)


@planned
def _backward_plan(shape, dtype, vector, relu, ceiling):
    N, C, L = _sizes(shape)
    splits, units, module = _splits(N, C, L), L // vector, _module(dtype, vector)
    cut = np.bool_(relu), dtype.type(ceiling)
    values = np.int32(N), np.int32(C), np.int32(units), *cut
    sums = module["gradient_sums"].planned((C, splits), (THREADS,), values)
    values = np.int32(N * C), np.int32(C), np.int32(units), dtype.type(N * L), *cut
    result = module["input_grad"].planned(*_shape(N * C, units), values)
    return _Plan(splits, sums, result)


def _sizes(shape):
    """N, C and L of (N, C, *)."""
    return *shape[:2], math.prod(shape[2:])


def _vector(*arrays):
    """The number of elements of a row that are read at once."""
    return vector_width(math.prod(arrays[0].shape[2:]), *arrays)


def _module(dtype, vector):
    return cuda_module("batch_norm/batch_norm.cu", REAL=real(dtype), VECTOR=vector)


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
