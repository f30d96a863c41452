"""Pooling on the GPU and on the emulator: the launches of pool.cu and adaptive.cu.

A thread writes one element. Memory bandwidth is the limit: the forward reads x once and writes y
and argmax; the gradient of averages reads gy and writes gx; the gradient of maxima reads gy and
argmax and writes gx, planes of more than 64 KiB twice, the first time zeros.
"""

import numpy as np

from ..cuda.launch import blocks, contiguous, cuda_module, empty, zeros
from ..cuda.signature import real
from .loops import index_type

THREADS = 256
SHARED = 64 * 1024  # bytes that a block may request on every GPU since Turing
MIN_BLOCK_ELEMENTS = 8 * THREADS  # of gx that a block should write
UNROLLED = ((2, 2), (3, 3))  # windows with a specialised kernel
INDEX = {np.dtype(np.int32): "int", np.dtype(np.int64): "long long"}


def max_pool2d_forward(x, window):
    """x (N, C, H, W) -> y, argmax (N, C, OH, OW)."""
    H, W = x.shape[2:]
    shape = (*x.shape[:2], *window.output_size(H, W))
    y, argmax = empty(shape, x.dtype, like=x), empty(shape, index_type(H, W), like=x)
    kernel = _pool(x.dtype, argmax.dtype, window)["max_pool"]
    sizes = _ints(H, W, *shape[2:], *_geometry(window))
    _run(kernel, y.size, contiguous(x), y, argmax, _planes(x), *sizes)
    return y, argmax


def max_pool2d_input_grad(gy, argmax, input_size):
    """gy, argmax (N, C, OH, OW) -> gx (N, C, H, W)."""
    H, W = input_size
    size, outputs, planes = H * W, gy.shape[2] * gy.shape[3], gy.shape[0] * gy.shape[1]
    gy, argmax = contiguous(gy), _indices(argmax)
    module = _pool(gy.dtype, argmax.dtype)
    sizes = _planes(gy), *_ints(size, outputs)
    shape, plane_bytes = (*gy.shape[:2], H, W), size * gy.dtype.itemsize
    if not gy.size or plane_bytes > SHARED:
        gx = zeros(shape, gy.dtype, like=gy)
        _run(module["max_pool_scatter"], gy.size, gy, argmax, gx, *sizes)
        return gx
    gx = empty(shape, gy.dtype, like=gy)
    planes_per_block = min(blocks(MIN_BLOCK_ELEMENTS, size), SHARED // plane_bytes)
    args = gy, argmax, gx, *sizes, np.int32(planes_per_block)
    grid = (blocks(planes, planes_per_block),)
    module["max_pool_input_grad"](grid, (THREADS,), args, planes_per_block * plane_bytes)
    return gx


def max_pool2d_gather(x, argmax):
    """x (N, C, H, W), argmax (N, C, OH, OW) -> y (N, C, OH, OW)."""
    argmax = _indices(argmax)
    y = empty(argmax.shape, x.dtype, like=x)
    kernel = _pool(x.dtype, argmax.dtype)["max_pool_gather"]
    sizes = _ints(x.shape[2] * x.shape[3], y.shape[2] * y.shape[3])
    _run(kernel, y.size, contiguous(x), argmax, y, _planes(x), *sizes)
    return y


def avg_pool2d_forward(x, window, count_include_pad=True, divisor_override=None):
    """x (N, C, H, W) -> y (N, C, OH, OW)."""
    H, W = x.shape[2:]
    y = empty((*x.shape[:2], *window.output_size(H, W)), x.dtype, like=x)
    sizes = _ints(H, W, *y.shape[2:], *_geometry(window))
    divisor = _divisor(window, count_include_pad, divisor_override)
    kernel = _pool(x.dtype, np.dtype(np.int32), window)["avg_pool"]
    _run(kernel, y.size, contiguous(x), y, _planes(x), *sizes, *divisor)
    return y


def avg_pool2d_input_grad(gy, window, input_size, count_include_pad=True, divisor_override=None):
    """gy (N, C, OH, OW) -> gx (N, C, H, W)."""
    gx = empty((*gy.shape[:2], *input_size), gy.dtype, like=gy)
    sizes = _ints(*input_size, *gy.shape[2:], *_geometry(window))
    divisor = _divisor(window, count_include_pad, divisor_override)
    kernel = _pool(gy.dtype, np.dtype(np.int32), window)["avg_pool_input_grad"]
    _run(kernel, gx.size, contiguous(gy), gx, _planes(gy), *sizes, *divisor)
    return gx


def adaptive_avg_pool2d_forward(x, output_size):
    """x (N, C, H, W) -> y (N, C, OH, OW)."""
    y = empty((*x.shape[:2], *output_size), x.dtype, like=x)
    kernel = _adaptive(x.dtype, np.dtype(np.int32))["adaptive_avg_pool"]
    sizes = _ints(*x.shape[2:], *output_size)
    _run(kernel, 32 * y.size, contiguous(x), y, _planes(x), *sizes)
    return y


def adaptive_avg_pool2d_input_grad(gy, input_size):
    """gy (N, C, OH, OW) -> gx (N, C, H, W)."""
    gx = empty((*gy.shape[:2], *input_size), gy.dtype, like=gy)
    kernel = _adaptive(gy.dtype, np.dtype(np.int32))["adaptive_avg_pool_input_grad"]
    sizes = _ints(*input_size, *gy.shape[2:])
    _run(kernel, gx.size, contiguous(gy), gx, _planes(gy), *sizes)
    return gx


def adaptive_max_pool2d_forward(x, output_size):
    """x (N, C, H, W) -> y, argmax (N, C, OH, OW)."""
    shape = (*x.shape[:2], *output_size)
    y, argmax = empty(shape, x.dtype, like=x), empty(shape, index_type(*x.shape[2:]), like=x)
    kernel = _adaptive(x.dtype, argmax.dtype)["adaptive_max_pool"]
    sizes = _ints(*x.shape[2:], *output_size)
    _run(kernel, y.size, contiguous(x), y, argmax, _planes(x), *sizes)
    return y, argmax


def _pool(dtype, index, window=None):
    KH, KW = window.kernel if window and window.kernel in UNROLLED else (0, 0)
    return cuda_module("pool2d/pool.cu", REAL=real(dtype), INDEX=INDEX[index], KH=KH, KW=KW)


def _adaptive(dtype, index):
    return cuda_module("pool2d/adaptive.cu", REAL=real(dtype), INDEX=INDEX[index])


def _run(kernel, threads, *args):
    if threads:
        kernel((blocks(threads, THREADS),), (THREADS,), args)


def _planes(x):
    return np.int64(x.shape[0] * x.shape[1])


def _ints(*numbers):
    return tuple(np.int32(number) for number in numbers)


def _geometry(window):
    before = (window.padding[0][0], window.padding[1][0])
    return (*window.kernel, *window.stride, *before, *window.dilation)


def _divisor(window, count_include_pad, divisor_override):
    after = _ints(window.padding[0][1], window.padding[1][1])
    return (*after, np.bool_(count_include_pad), np.int32(divisor_override or 0))


def _indices(argmax):
    return contiguous(argmax if argmax.dtype in INDEX else argmax.astype(np.int64))
