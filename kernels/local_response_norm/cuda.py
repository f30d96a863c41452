"""Local response normalisation on the GPU and the emulator: launches of local_response_norm.cu."""

import math

import numpy as np

from ..cuda.launch import blocks, contiguous, cuda_module, empty, planned
from ..cuda.signature import real

THREADS = 256


def local_response_norm_forward(x, size, alpha, beta, k):
    """x (N, C, *) -> y (N, C, *)."""
    y = empty(x.shape, x.dtype, like=x)
    _run("forward", x, size, (contiguous(x), y), alpha, beta, k)
    return y


def local_response_norm_backward(gy, x, size, alpha, beta, k):
    """gy, x (N, C, *) -> gx (N, C, *)."""
    x = contiguous(x)
    gx, terms = empty(x.shape, x.dtype, like=x), empty(x.shape, x.dtype, like=x)
    _run("backward_terms", x, size, (contiguous(gy), x, terms, gx), alpha, beta, k)
    _run("backward_windows", x, size, (x, terms, gx), alpha, beta)
    return gx


def _run(name, x, size, arrays, *settings):
    if x.size:
        _launch(name, x.shape, x.dtype, size, settings)(*arrays)


@planned
def _launch(name, shape, dtype, size, settings):
    N, C, L = *shape[:2], math.prod(shape[2:])
    values = np.int64(N * C), np.int32(C), np.int32(L), np.int32(size)
    values += tuple(map(dtype.type, settings))
    kernel = cuda_module("local_response_norm/local_response_norm.cu", REAL=real(dtype))[name]
    return kernel.planned((blocks(N * C * L, THREADS),), (THREADS,), values)
