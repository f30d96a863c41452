"""Pooling on the GPU and on the emulator: the launches of pool.cu and adaptive.cu.

A thread writes one element. Memory bandwidth is the limit: the forward reads x once and writes y
and argmax; the gradient of averages reads gy and writes gx; the gradient of maxima reads gy and
argmax and writes gx. Only maxima whose window is not known are added output by output, to zeros.
"""

import numpy as np

from ..cuda.launch import blocks, contiguous, cuda_module, empty, planned, zeros
from ..cuda.signature import real
from .loops import index_type

THREADS = 256
UNROLLED = ((2, 2), (3, 3))  # windows with a specialised kernel
INDEX = {np.dtype(np.int32): "int", np.dtype(np.int64): "long long"}


INT = np.dtype(np.int32)  # the index type of kernels that have no index


def max_pool2d_forward(x, window):
    """x (N, C, H, W) -> y, argmax (N, C, OH, OW)."""
    H, W = x.shape[2:]
    shape = (*x.shape[:2], *window.output_size(H, W))
    y, argmax = empty(shape, x.dtype, like=x), empty(shape, index_type(H, W), like=x)
    sizes = H, W, *shape[2:], *_geometry(window)
    _run("max_pool", _pool(argmax.dtype, window), y.size, (contiguous(x), y, argmax), sizes)
    return y, argmax


def max_pool2d_input_grad(gy, argmax, input_size, window=None):
    """gy, argmax (N, C, OH, OW) -> gx (N, C, H, W)."""
    H, W = input_size
    shape = (*gy.shape[:2], H, W)
    gy, argmax = contiguous(gy), _indices(argmax)
    module = _pool(argmax.dtype)
    if window is None or not gy.size:
        gx = zeros(shape, gy.dtype, like=gy)
        sizes = H * W, gy.shape[2] * gy.shape[3]
        threads = 32 * gy.shape[0] * gy.shape[1] if gy.size else 0
        _run("max_pool_scatter", module, threads, (gy, argmax, gx), sizes)
        return gx
    gx = empty(shape, gy.dtype, like=gy)
    before = window.padding[0][0], window.padding[1][0]
    sizes = H, W, *gy.shape[2:], *window.span, *window.stride, *before
    _run("max_pool_input_grad", module, gx.size, (gy, argmax, gx), sizes)
    return gx


def max_pool2d_gather(x, argmax):
    """x (N, C, H, W), argmax (N, C, OH, OW) -> y (N, C, OH, OW)."""
    argmax = _indices(argmax)
    y = empty(argmax.shape, x.dtype, like=x)
    sizes = x.shape[2] * x.shape[3], y.shape[2] * y.shape[3]
    _run("max_pool_gather", _pool(argmax.dtype), y.size, (contiguous(x), argmax, y), sizes)
    return y


def avg_pool2d_forward(x, window, count_include_pad=True, divisor_override=None):
    """x (N, C, H, W) -> y (N, C, OH, OW)."""
    H, W = x.shape[2:]
    y = empty((*x.shape[:2], *window.output_size(H, W)), x.dtype, like=x)
    sizes = H, W, *y.shape[2:], *_geometry(window)
    divisor = _divisor(window, count_include_pad, divisor_override)
    _run("avg_pool", _pool(INT, window), y.size, (contiguous(x), y), sizes, divisor)
    return y


def avg_pool2d_input_grad(gy, window, input_size, count_include_pad=True, divisor_override=None):
    """gy (N, C, OH, OW) -> gx (N, C, H, W)."""
    gx = empty((*gy.shape[:2], *input_size), gy.dtype, like=gy)
    sizes = *input_size, *gy.shape[2:], *_geometry(window)
    divisor = _divisor(window, count_include_pad, divisor_override)
    arrays = contiguous(gy), gx
    _run("avg_pool_input_grad", _pool(INT, window), gx.size, arrays, sizes, divisor)
    return gx


def adaptive_avg_pool2d_forward(x, output_size):
    """x (N, C, H, W) -> y (N, C, OH, OW)."""
    y = empty((*x.shape[:2], *output_size), x.dtype, like=x)
    sizes = *x.shape[2:], *output_size
    _run("adaptive_avg_pool", _adaptive(INT), 32 * y.size, (contiguous(x), y), sizes)
    return y


def adaptive_avg_pool2d_input_grad(gy, input_size):
    """gy (N, C, OH, OW) -> gx (N, C, H, W)."""
    gx = empty((*gy.shape[:2], *input_size), gy.dtype, like=gy)
    sizes = *input_size, *gy.shape[2:]
    _run("adaptive_avg_pool_input_grad", _adaptive(INT), gx.size, (contiguous(gy), gx), sizes)
    return gx


def adaptive_max_pool2d_forward(x, output_size):
    """x (N, C, H, W) -> y, argmax (N, C, OH, OW)."""
    shape = (*x.shape[:2], *output_size)
    y, argmax = empty(shape, x.dtype, like=x), empty(shape, index_type(*x.shape[2:]), like=x)
    sizes = *x.shape[2:], *output_size
    arrays = contiguous(x), y, argmax
    _run("adaptive_max_pool", _adaptive(argmax.dtype), y.size, arrays, sizes)
    return y, argmax


def _pool(index, window=None):
    """The text and its settings: the type of argmax, and the window if it is unrolled."""
    KH, KW = window.kernel if window and window.kernel in UNROLLED else (0, 0)
    return "pool2d/pool.cu", (("INDEX", INDEX[index]), ("KH", KH), ("KW", KW))


def _adaptive(index):
    return "pool2d/adaptive.cu", (("INDEX", INDEX[index]),)


def _run(name, module, threads, arrays, sizes, divisor=()):
    """Run a kernel on arrays of planes, with `sizes` of type int."""
    if threads:
        first = arrays[0]
        planes = first.shape[0] * first.shape[1]
        _launch(name, module, first.dtype, threads, planes, sizes, divisor)(*arrays)


@planned
def _launch(name, module, dtype, threads, planes, sizes, divisor):
    path, settings = module
    kernel = cuda_module(path, REAL=real(dtype), **dict(settings))[name]
    values = np.int64(planes), *map(np.int32, sizes), *divisor
    return kernel.planned((blocks(threads, THREADS),), (THREADS,), values)


def _geometry(window):
    before = (window.padding[0][0], window.padding[1][0])
    return (*window.kernel, *window.stride, *before, *window.dilation)


def _divisor(window, count_include_pad, divisor_override):
    after = np.int32(window.padding[0][1]), np.int32(window.padding[1][1])
    return (*after, np.bool_(count_include_pad), np.int32(divisor_override or 0))


def _indices(argmax):
    return contiguous(argmax if argmax.dtype in INDEX else argmax.astype(np.int64))
