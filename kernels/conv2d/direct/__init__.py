"""Direct convolution of thin groups in Numba: each tile of outputs is a sum in registers over taps
that are read in place.
"""

from functools import lru_cache

import numpy as np

from ...machine import machine
from ...threads import get_num_threads, parallel_ranges
from ...workspace import thread_scratch
from ..gemm.grid import sum_parts
from ..gemm.weights import read_only
from .planes import multiply_planes, spread_planes, spread_strips, sum_planes, sum_strips
from .shape import Shape, known_shape, row_of


def conv2d_forward(x, w, window, groups=1, bias=None, relu=False):
    """x (N, C, H, W), w (O, C/groups, KH, KW), bias (O,) -> y (N, O, OH, OW)."""
    shape, zeros = forward(window, groups, x.shape[2:], w.shape, x.dtype)
    y = np.empty((len(x), len(w), shape.OH, shape.OW), x.dtype)
    _sum(x, w, zeros, bias, relu, shape, y)
    return y


def conv2d_input_grad(gy, w, window, input_size, groups=1):
    """gy (N, O, OH, OW), w (O, C/groups, KH, KW) -> gx (N, C, H, W)."""
    gx = np.empty((len(gy), w.shape[1] * groups, *input_size), gy.dtype)
    if window.stride == (2, 2) and window.dilation == (1, 1):
        shape, zeros = backward_by_two(
            window, groups, tuple(input_size), gy.shape[2:], w.shape, gy.dtype
        )
        items, size = len(gx) * groups, gx.size + gy.size
        arrays = _flat(gy), _flat(w), zeros, shape, gx.reshape(-1)
        parallel_ranges(
            spread_strips if _has_strips(shape) else spread_planes, items, size, *arrays
        )
        return gx
    if window.stride != (1, 1):
        gy = _spread(gy, window, input_size)
    shape, zeros = backward(window, groups, tuple(input_size), gy.shape[2:], w.shape, gy.dtype)
    _sum(gy, w, zeros, None, False, shape, gx)
    return gx


def conv2d_weight_grad(x, gy, window, groups=1):
    """x (N, C, H, W), gy (N, O, OH, OW) -> gw (O, C/groups, KH, KW)."""
    w_shape = gy.shape[1], x.shape[1] // groups, *window.kernel
    shape, zeros = forward(window, groups, x.shape[2:], w_shape, x.dtype)
    weights = shape.rows * shape.terms * shape.KH * shape.KW
    macs = gy.size * shape.terms * shape.KH * shape.KW
    parts = max(len(sum_parts(len(x), groups, macs)), 1)
    gw = np.empty((parts, *w_shape), x.dtype)
    threads, lanes = get_num_threads(), machine().lanes(x.itemsize)
    memories = thread_scratch("memory", threads, weights * lanes, x.dtype)
    parallel_ranges(
        multiply_planes, groups * parts, x.size + gy.size, _flat(x), _flat(gy), zeros, shape,
        memories, gw, threads=threads,
    )  # fmt: skip
    return gw[0] if parts == 1 else gw.sum(0)


def _sum(x, w, zeros, bias, relu, shape, y):
    bias = zeros[:0] if bias is None else read_only(bias)
    items, size = len(x) * shape.groups, x.size + y.size
    parallel_ranges(
        sum_kernel(shape),
        items,
        size,
        _flat(x),
        _flat(w),
        zeros,
        bias,
        x.dtype.type(1),
        bool(relu),
        shape,
        y.reshape(-1),
    )


def sum_kernel(shape: Shape):
    """The kernel that sums the taps of a shape."""
    return sum_strips if _has_strips(shape) else sum_planes


def _has_strips(shape):
    return shape.terms == 1 and bool(type(shape).kernel)


def _flat(array):
    return read_only(array).reshape(-1)


def _spread(gy, window, input_size):
    """gy with zeros in between, so that a window of stride 1 over it is a window of gy."""
    sizes = ((n - 1) * s + 1 for n, s in zip(gy.shape[2:], window.stride, strict=True))
    spread = np.zeros((*gy.shape[:2], *sizes), gy.dtype)
    spread[:, :, :: window.stride[0], :: window.stride[1]] = gy
    return spread


@lru_cache(maxsize=256)
def forward(window, groups, size, w_shape, dtype) -> tuple[Shape, np.ndarray]:
    """The shape of a forward convolution and of its weight gradient, and a row of zeros."""
    O, C, KH, KW = w_shape
    outputs = window.output_size(*size)
    (top, _), (left, _) = window.padding
    rows, weights = O // groups, C * KH * KW
    shape = known_shape(
        *size, *outputs, KH, KW, *window.stride, *window.dilation, top, left, groups, rows, C,
        0, rows * weights, weights, KH * KW, KW, 1, row=outputs[1], dtype=dtype,
    )  # fmt: skip
    return shape, row_of(0, shape, dtype)


@lru_cache(maxsize=256)
def backward(window, groups, size, outputs, w_shape, dtype) -> tuple[Shape, np.ndarray]:
    """The shape of an input gradient of stride 1: a forward convolution with reversed kernels."""
    O, C, KH, KW = w_shape
    (top, _), (left, _) = window.padding
    dh, dw = window.dilation
    rows, kernel = O // groups, KH * KW
    shape = known_shape(
        *outputs, *size, KH, KW, 1, 1, dh, dw, (KH - 1) * dh - top, (KW - 1) * dw - left,
        groups, C, rows, kernel - 1, rows * C * kernel, kernel, C * kernel, -KW, -1,
        row=size[1], dtype=dtype,
    )  # fmt: skip
    return shape, row_of(0, shape, dtype)


@lru_cache(maxsize=256)
def backward_by_two(window, groups, size, outputs, w_shape, dtype) -> tuple[Shape, np.ndarray]:
    """The shape of an input gradient of stride 2, for spread_planes, which reads gy by stride 1."""
    O, C, KH, KW = w_shape
    (top, _), (left, _) = window.padding
    rows, kernel = O // groups, KH * KW
    shape = known_shape(
        *outputs, *size, KH, KW, 2, 2, 1, 1, top, left,
        groups, C, rows, 0, rows * C * kernel, kernel, C * kernel, KW, 1,
        row=(size[1] + 1) // 2, dtype=dtype, stride=(1, 1),
    )  # fmt: skip
    return shape, row_of(0, shape, dtype)
