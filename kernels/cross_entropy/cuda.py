"""Cross-entropy on the GPU and on the emulator: the launches of cross_entropy.cu."""

import numpy as np

from ..cuda.launch import blocks, contiguous, cuda_module, empty
from ..cuda.signature import real

THREADS = 256


def cross_entropy_forward(x, target, weight, ignore_index, smoothing):
    """x (N, C, L), target (N, L), weight (C,) -> y, m, s (N, L)."""
    N, C, L = x.shape
    results = tuple(empty((N, L), x.dtype, like=x) for _ in range(3))
    settings = _settings(x, ignore_index, smoothing)
    arrays = contiguous(x), _classes(target), _contiguous(weight), *results
    if L == 1:
        _run("forward_rows", 32 * N, *arrays, np.int32(N), np.int32(C), *settings)
    else:
        sizes = np.int32(N), np.int32(C), np.int32(L)
        _run("forward_places", N * L, *arrays, *sizes, *settings)
    return results


def cross_entropy_backward(gy, x, m, s, target, weight, ignore_index, smoothing):
    """gy, m, s (N, L), x (N, C, L) -> gx (N, C, L)."""
    N, C, L = x.shape
    gx = empty(x.shape, x.dtype, like=x)
    weight_sum = None if weight is None else weight.sum(keepdims=True)
    arrays = *map(contiguous, (gy, x, m, s)), _classes(target), _contiguous(weight), weight_sum, gx
    sizes = np.int64(N * C), np.int32(C), np.int32(L)
    _run("backward", x.size, *arrays, *sizes, *_settings(x, ignore_index, smoothing))
    return gx


def _run(name, threads, x, *args):
    if threads:
        kernel = cuda_module("cross_entropy/cross_entropy.cu", REAL=real(x.dtype))[name]
        kernel((blocks(threads, THREADS),), (THREADS,), (x, *args))


def _settings(x, ignore_index, smoothing):
    return np.int64(ignore_index), *map(x.dtype.type, (smoothing, smoothing / x.shape[1]))


def _classes(target):
    return contiguous(target if target.dtype == np.int64 else target.astype(np.int64))


def _contiguous(array):
    return array if array is None else contiguous(array)
