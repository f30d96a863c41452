"""Convolution in Numba as matrix products in the loops of BLIS, by packed panels.

    y  = w  @ columns of x      forward          \\  sums over taps on grids (grid.py),
    gx = w' @ columns of gy     input gradient   /   panels packed from the image (pack_b.py)
    gw = gy @ rows of x         weight gradient      weight_sum.py

The matrices are those of im2col.py, but no column matrix is written: a block of columns is packed
into micro-panels that stay in the second-level cache, and the micro-kernels of micro_kernel.py
multiply them by packed weights. im2col, stride, dilation and transposition are ways to pack. Block
sizes are formulas of the machine's caches (blocking.py, plan.py); product.py has the loops.
"""

import math
from functools import lru_cache

import numpy as np

from ...micro_kernel import MR
from ...threads import get_num_threads, parallel_ranges
from ...workspace import thread_scratch
from .grid import MACS_PER_ELEMENT, forward_grid, input_grids
from .plan import Plan, arrange
from .product import clear, multiply
from .weight_sum import weight_sum
from .weights import Matrix, read_only


def conv2d_forward(x, w, window, groups=1, bias=None, relu=False):
    """x (N, C, H, W), w (O, C/groups, KH, KW), bias (O,) -> y (N, O, OH, OW)."""
    y = np.empty((len(x), len(w), *window.output_size(*x.shape[2:])), x.dtype)
    matrix = Matrix.forward(w.shape, groups)
    plans = _forward_plans(matrix, window, x.shape, x.itemsize, get_num_threads())
    _correlate(x, w, matrix, plans, y, _epilogue(bias, relu, matrix, x.dtype))
    return y


def conv2d_input_grad(gy, w, window, input_size, groups=1):
    """gy (N, O, OH, OW), w (O, C/groups, KH, KW) -> gx (N, C, H, W)."""
    matrix = Matrix.backward(w.shape, groups)
    size, threads = tuple(input_size), get_num_threads()
    plans = _input_plans(matrix, window, gy.shape, size, gy.itemsize, threads)
    everywhere = sum(math.prod(plan.grid.size) for plan in plans) == math.prod(size)
    gx = np.empty((len(gy), w.shape[1] * groups, *size), gy.dtype)
    if not everywhere:
        planes = gx.reshape(-1, math.prod(size))
        parallel_ranges(clear, len(planes), gx.size, planes)
    _correlate(gy, w, matrix, plans, gx, _epilogue(None, False, matrix, gy.dtype))
    return gx


def conv2d_weight_grad(x, gy, window, groups=1):
    """x (N, C, H, W), gy (N, O, OH, OW) -> gw (O, C/groups, KH, KW)."""
    return weight_sum(x, gy, window, groups)


@lru_cache(maxsize=256)
def _forward_plans(matrix, window, x_shape, itemsize, threads) -> list[Plan]:
    size = window.output_size(*x_shape[2:])
    return [arrange(matrix, forward_grid(window, size), x_shape, size, itemsize, threads)]


@lru_cache(maxsize=256)
def _input_plans(matrix, window, gy_shape, size, itemsize, threads) -> list[Plan]:
    grids = input_grids(window, size)
    return [arrange(matrix, grid, gy_shape, size, itemsize, threads) for grid in grids]


def _correlate(x, w, matrix, plans, y, after):
    """Compute the grids of y."""
    x, w, threads = read_only(x), read_only(w).reshape(-1), get_num_threads()
    for plan in plans:
        memory = plan.memory
        numbers = thread_scratch("memory", threads, sum(memory), x.dtype)
        arrays = x, w, y, numbers, matrix, plan.sizes, plan.places, plan.lines
        arrays += plan.taps, plan.runs, memory, after, plan.blocks
        size = plan.macs // MACS_PER_ELEMENT
        parallel_ranges(multiply, len(plan.blocks), size, *arrays, threads=threads)


def _epilogue(bias, relu, matrix, dtype):
    """(bias, relu) for the kernels: a bias for every row of every strip, or none."""
    if bias is None and not relu:
        return np.zeros(0, dtype), False
    padded = np.zeros((matrix.groups, matrix.strips * MR), dtype)
    if bias is not None:
        padded[:, : matrix.rows] = bias.reshape(matrix.groups, -1)
    return padded.reshape(-1), bool(relu)
