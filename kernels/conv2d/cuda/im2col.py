"""Convolution on the GPU for any window: im2col.cu and a matrix product of the library.

    columns = im2col(x)         (N, groups, K, T)    K = C/groups * KH * KW,  T = OH * OW
    y       = w @ columns       [o,k][k,t] -> [o,t]          forward
    gx      = col2im(w^T @ gy)  [k,o][o,t] -> [k,t]          input gradient
    gw      = gy @ columns^T    [o,t][t,k] -> [o,k]          weight gradient, summed over the images

The columns are KH * KW times as large as the input, and are written and read once. So this is for
the windows that no other kernel here takes, and for reading. Images are processed in blocks of
about BLOCK bytes.
"""

import numpy as np

from ...cuda.launch import blocks, cuda_module, empty, planned
from ...cuda.signature import real

BLOCK = 256 * 2**20  # bytes of columns
THREADS = 256
MAX_PLANES = 65535  # in the second axis of a grid


def forward(x, w, window, groups, bias=None, relu=False):
    """x (N, C, H, W), w (O, C/groups, KH, KW), bias (O,) or None -> y (N, O, OH, OW)."""
    N, C, H, W = x.shape
    O, CG, KH, KW = w.shape
    size = window.output_size(H, W)
    T = size[0] * size[1]
    y = empty((N, O, *size), x.dtype, like=x)
    matrix = w.reshape(groups, O // groups, CG * KH * KW)
    for images in _blocks(N, C * KH * KW * T * x.itemsize):
        columns = im2col(x[images], window).reshape(-1, groups, CG * KH * KW, T)
        y[images] = (matrix @ columns).reshape(-1, O, *size)
    return finished(y, bias, relu)


def input_grad(gy, w, window, input_size, groups):
    """gy (N, O, OH, OW), w (O, C/groups, KH, KW) -> gx (N, C, H, W)."""
    N, O, OH, OW = gy.shape
    _, CG, KH, KW = w.shape
    gx = empty((N, CG * groups, *input_size), gy.dtype, like=gy)
    matrix = w.reshape(groups, O // groups, CG * KH * KW).swapaxes(1, 2)
    for images in _blocks(N, groups * CG * KH * KW * OH * OW * gy.itemsize):
        columns = matrix @ gy[images].reshape(-1, groups, O // groups, OH * OW)
        col2im(columns, gx[images], window, (OH, OW))
    return gx


def weight_grad(x, gy, window, groups):
    """x (N, C, H, W), gy (N, O, OH, OW) -> gw (O, C/groups, KH, KW)."""
    N, O, OH, OW = gy.shape
    CG, (KH, KW), T = x.shape[1] // groups, window.kernel, OH * OW
    gw = empty((groups, O // groups, CG * KH * KW), x.dtype, like=x)
    gw[...] = 0
    image = max(groups * CG * KH * KW * T, gw.size) * x.itemsize
    for images in _blocks(N, image):
        columns = im2col(x[images], window).reshape(-1, groups, CG * KH * KW, T)
        rows = gy[images].reshape(-1, groups, O // groups, T)
        gw += (rows @ columns.swapaxes(2, 3)).sum(axis=0)
    return gw.reshape(O, CG, KH, KW)


def im2col(x, window):
    """x (N, C, H, W) -> columns (N, C, KH, KW, OH, OW): the inputs that each output reads."""
    N, C, H, W = x.shape
    size = window.output_size(H, W)
    columns = empty((N, C, *window.kernel, *size), x.dtype, like=x)
    _launch("im2col", x, columns, window, N * C, (H, W), size, size)
    return columns


def col2im(columns, gx, window, output_size):
    """The adjoint of im2col: each element of gx (N, C, H, W) is the sum of its copies."""
    N, C, H, W = gx.shape
    _launch("col2im", columns, gx, window, N * C, (H, W), output_size, (H, W))


def finished(y, bias, relu):
    """The epilogue in place: y (N, O, OH, OW) + bias (O,), if given, then max(y, 0) if relu."""
    if bias is not None:
        y += bias[:, None, None]
    return np.maximum(y, y.dtype.type(0), out=y) if relu else y


def _launch(name, source, target, window, planes, size, output_size, threads_over):
    if source.size:
        _plan(name, source.dtype, window, planes, size, output_size, threads_over)(source, target)


@planned
def _plan(name, dtype, window, planes, size, output_size, threads_over):
    (top, _), (left, _) = window.padding
    sizes = planes, *size, *output_size, *window.kernel, *window.stride, top, left, *window.dilation
    grid = blocks(threads_over[0] * threads_over[1], THREADS), min(planes, MAX_PLANES)
    kernel = cuda_module("conv2d/cuda/im2col.cu", REAL=real(dtype))[name]
    return kernel.planned(grid, (THREADS,), tuple(np.int32(n) for n in sizes))


def _blocks(N, bytes_per_image):
    """Cut N images into blocks of about BLOCK bytes."""
    step = max(1, BLOCK // max(1, bytes_per_image))
    return [slice(first, min(first + step, N)) for first in range(0, N, step)]
