"""Cross-entropy on the GPU and on the emulator: the launches of cross_entropy.cu."""

import numpy as np

from ..cuda.launch import blocks, contiguous, cuda_module, empty, planned
from ..cuda.signature import real

THREADS = 256


def cross_entropy_forward(x, target, weight, ignore_index, smoothing):
    """x (N, C, L), target (N, L), weight (C,) -> y, m, s (N, L)."""
    results = tuple(empty((x.shape[0], x.shape[2]), x.dtype, like=x) for _ in range(3))
    arrays = contiguous(x), _classes(target), _contiguous(weight), *results
    if x.size:
        _forward(x.shape, x.dtype, ignore_index, smoothing)(*arrays)
    return results


@planned
def _forward(shape, dtype, ignore_index, smoothing):
    N, C, L = shape
    name, threads = ("forward_rows", 32 * N) if L == 1 else ("forward_places", N * L)
    sizes = map(np.int32, (N, C) if L == 1 else shape)
    return _launch(name, threads, dtype, (*sizes, *_settings(C, dtype, ignore_index, smoothing)))


def cross_entropy_mean(x, target, weight, ignore_index, smoothing):
    """x (N, C, L), target (N, L), weight (C,) -> mean (), total (), m, s (N, L)."""
    target = _classes(target)
    y, m, s = cross_entropy_forward(x, target, weight, ignore_index, smoothing)
    loss, total = empty((), x.dtype, like=x), empty((), x.dtype, like=x)
    launch = _mean(target.size, x.shape[1], x.dtype, ignore_index)
    launch(y, target, _contiguous(weight), loss, total)
    return loss, total, m, s


@planned
def _mean(count, C, dtype, ignore_index):
    values = np.int64(count), np.int32(C), np.int64(ignore_index)
    return _launch("mean", THREADS, dtype, values)


def tally(loss, total, x, target, sums, counts, flag, labels, samples, mark):
    """loss, total (), x (N, C, L), target (N, L) -> sums, counts (2,) and flag (), in place."""
    if x is not None:
        x, target = contiguous(x), _classes(target)
    shape = None if x is None else x.shape
    marks, mark = (None, mark) if isinstance(mark, int) else (mark, 0)
    launch = _tally(shape, loss.dtype, labels, samples, mark)
    launch(loss, total, x, target, sums, counts, flag, marks)


@planned
def _tally(shape, dtype, labels, samples, mark):
    N, C, L = shape or (1, 1, 1)
    threads = 1 if shape is None else 32 * N if L == 1 else N * L
    values = *map(np.int32, (N, C, L)), np.int64(labels), np.float64(samples), np.int32(mark)
    return _launch("tally", threads, dtype, values)


def cross_entropy_backward(gy, x, m, s, target, weight, ignore_index, smoothing, total=None):
    """gy, m, s (N, L), x (N, C, L) -> gx (N, C, L); with total () gy is (), the mean's."""
    gx = empty(x.shape, x.dtype, like=x)
    weight_sum = None if weight is None else weight.sum(keepdims=True)
    gy, x, m, s = map(contiguous, (gy, x, m, s))
    arrays = gy, total, x, m, s, _classes(target), _contiguous(weight), weight_sum, gx
    if x.size:
        _backward(x.shape, x.dtype, ignore_index, smoothing)(*arrays)
    return gx


@planned
def _backward(shape, dtype, ignore_index, smoothing):
    N, C, L = shape
    sizes = np.int64(N * C), np.int32(C), np.int32(L)
    values = *sizes, *_settings(C, dtype, ignore_index, smoothing)
    return _launch("backward", N * C * L, dtype, values)


def _launch(name, threads, dtype, values):
    kernel = cuda_module("cross_entropy/cross_entropy.cu", REAL=real(dtype))[name]
    return kernel.planned((blocks(threads, THREADS),), (THREADS,), values)


def _settings(C, dtype, ignore_index, smoothing):
    return np.int64(ignore_index), *map(dtype.type, (smoothing, smoothing / C))


def _classes(target):
    return contiguous(target if target.dtype == np.int64 else target.astype(np.int64))


def _contiguous(array):
    return array if array is None else contiguous(array)
