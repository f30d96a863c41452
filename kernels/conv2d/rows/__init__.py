"""Depthwise and thin grouped convolution of stride 1 along the rows of wide images.

    y[r, p]  = sum over taps k of  w[r, k] * line[offset[k] + p]     forward, input gradient
    gw[r, k] = sum over positions p of  gy[r, p] * line[offset[k] + p]  weight gradient

With few channels per group there is little arithmetic: the aim is to read and write memory once.
The planes of a group are copied with their padding, some rows at a time, into a line (lines.py)
that stays in the first-level cache. In the line every tap of a kernel is an offset, and reads
adjacent elements for adjacent outputs p of a row. The few rows r of weights make thin tiles: their
sums stay in registers (thin_tile.py) and are stored to y as whole vectors.
"""

import math

import numpy as np

from ...threads import get_num_threads, parallel_ranges
from ...workspace import thread_scratch
from ..gemm.grid import forward_grid, input_grids, sum_parts
from ..gemm.weights import Matrix, read_only
from .fill import multiply_planes, sum_planes
from .lines import arrange


def conv2d_forward(x, w, window, groups=1, bias=None, relu=False):
    """x (N, C, H, W), w (O, C/groups, KH, KW), bias (O,) -> y (N, O, OH, OW)."""
    y = np.empty((len(x), len(w), *window.output_size(*x.shape[2:])), x.dtype)
    bias = np.zeros(len(w), x.dtype) if bias is None else bias
    _sum(x, w, Matrix.forward(w.shape, groups), forward_grid(window, y.shape[2:]), bias, relu, y)
    return y


def conv2d_input_grad(gy, w, window, input_size, groups=1):
    """gy (N, O, OH, OW), w (O, C/groups, KH, KW) -> gx (N, C, H, W)."""
    gx = np.empty((len(gy), w.shape[1] * groups, *input_size), gy.dtype)
    (grid,) = input_grids(window, input_size)  # stride 1: all inputs have the same taps
    zeros = np.zeros(gx.shape[1], gy.dtype)
    _sum(gy, w, Matrix.backward(w.shape, groups), grid, zeros, False, gx)
    return gx


def conv2d_weight_grad(x, gy, window, groups=1):
    """x (N, C, H, W), gy (N, O, OH, OW) -> gw (O, C/groups, KH, KW)."""
    shape = gy.shape[1], x.shape[1] // groups, *window.kernel
    grid, macs = forward_grid(window, gy.shape[2:]), gy.size * math.prod(shape[1:])
    parts = max(len(sum_parts(len(x), groups, macs)), 1)
    gw = np.empty((parts, *shape), x.dtype)
    plan = arrange(Matrix.forward(shape, groups), grid, x.itemsize, overlap=False)
    x, gy = read_only(x), read_only(gy)

    threads = get_num_threads()
    memory = thread_scratch("memory", threads, plan.memory, x.dtype)
    arrays = x, gy, plan.taps, plan.vectors, plan.sizes, memory, gw
    size = x.size + gy.size
    parallel_ranges(multiply_planes, groups * parts, size, *arrays, threads=threads)
    return gw[0] if parts == 1 else gw.sum(0)


def _sum(x, w, matrix, grid, bias, relu, y):
    plan = arrange(matrix, grid, x.itemsize, overlap=True)
    x, w, after = read_only(x), read_only(w).reshape(-1), (read_only(bias), bool(relu))

    threads = get_num_threads()
    lines = thread_scratch("memory", threads, plan.line, x.dtype)
    arrays = x, w, plan.taps, plan.vectors, plan.sizes, after, lines, y
    items, size = len(x) * matrix.groups, x.size + y.size
    parallel_ranges(sum_planes, items, size, *arrays, threads=threads)
