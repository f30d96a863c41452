"""Convolution in Numba with output channels in the lanes of vectors: each tile of outputs is a sum
in registers of weights times numbers that are broadcast from a padded copy of the planes.
"""

import math
from functools import lru_cache

import numpy as np

from ...threads import get_num_threads, parallel_ranges
from ...workspace import scratch, thread_scratch
from ..gemm import conv2d_weight_grad
from ..gemm.grid import MACS_PER_ELEMENT, forward_grid, input_grids
from ..gemm.weights import Matrix, read_only
from .pack import pack_all_weights
from .plan import Plan, arrange
from .sums import sum_channels

__all__ = ["conv2d_forward", "conv2d_input_grad", "conv2d_weight_grad"]


def conv2d_forward(x, w, window, groups=1, bias=None, relu=False):
    """x (N, C, H, W), w (O, C/groups, KH, KW), bias (O,) -> y (N, O, OH, OW)."""
    y = np.empty((len(x), len(w), *window.output_size(*x.shape[2:])), x.dtype)
    if y.size:
        matrix = Matrix.forward(w.shape, groups)
        plan = _forward_plan(matrix, window, x.shape, x.itemsize, get_num_threads())
        _sum(x, w, matrix, plan, y, bias, relu)
    return y


def conv2d_input_grad(gy, w, window, input_size, groups=1):
    """gy (N, O, OH, OW), w (O, C/groups, KH, KW) -> gx (N, C, H, W)."""
    gx = np.empty((len(gy), w.shape[1] * groups, *input_size), gy.dtype)
    matrix, size, threads = Matrix.backward(w.shape, groups), tuple(input_size), get_num_threads()
    plan = _input_plan(matrix, window, gy.shape, size, gy.itemsize, threads)
    if plan is None:
        gx[:] = 0
    else:
        _sum(gy, w, matrix, plan, gx)
    return gx


@lru_cache(maxsize=256)
def _forward_plan(matrix, window, x_shape, itemsize, threads) -> Plan:
    size = window.output_size(*x_shape[2:])
    return arrange(matrix, [forward_grid(window, size)], x_shape, size, itemsize, threads)


@lru_cache(maxsize=256)
def _input_plan(matrix, window, gy_shape, size, itemsize, threads) -> Plan | None:
    """The plan of an input gradient; none if no output reads an input."""
    grids = input_grids(window, size)
    if not grids or not math.prod(gy_shape):
        return None
    return arrange(matrix, grids, gy_shape, size, itemsize, threads)


def _sum(x, w, matrix, plan, y, bias=None, relu=False):
    """Compute the grids of y."""
    sizes, form, threads = plan.sizes, plan.form, get_num_threads()
    x, w = read_only(x).reshape(-1), read_only(w).reshape(-1)
    vectors = sizes.groups * sizes.blocks
    packed = scratch("packed", (plan.packs_once * vectors * sizes.weights * sizes.lanes,), x.dtype)
    if plan.packs_once:
        parallel_ranges(pack_all_weights, vectors, packed.size, w, matrix, form, sizes, packed)
    share = len(form.share)
    first = np.zeros((sizes.groups, sizes.blocks * sizes.lanes), x.dtype)
    if bias is not None:
        first[:, : sizes.rows * share] = bias.reshape(sizes.groups, -1).repeat(share, axis=1)
    memories = thread_scratch("memory", threads, sum(plan.parts), x.dtype)
    arrays = x, w, packed, first.reshape(-1), bool(relu), matrix, form, sizes, plan.grids
    arrays += plan.steps, plan.items, memories, plan.parts, y.reshape(-1)
    size = plan.macs // MACS_PER_ELEMENT
    parallel_ranges(sum_channels, len(plan.items), size, *arrays, threads=threads)
