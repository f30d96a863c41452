"""Convolution in compiled code: register tiles, spread over the cores."""

import math

import numpy as np

from .correlation import Grid, Matrix, correlate
from .weight_sum import weight_sum


def conv2d_forward(x, w, window, groups=1):
    """x (N, C, H, W), w (O, C/groups, KH, KW) -> y (N, O, OH, OW)."""
    O, CG, KH, KW = w.shape
    y = np.empty((len(x), O, *window.output_size(*x.shape[2:])), x.dtype)
    matrix = Matrix(groups, O // groups, CG, row_step=CG * KH * KW, term_step=KH * KW)
    correlate(x, w, matrix, (_forward_grid(window, y.shape[2:]),), y)
    return y


def conv2d_input_grad(gy, w, window, input_size, groups=1):
    """gy (N, O, OH, OW), w (O, C/groups, KH, KW) -> gx (N, C, H, W)."""
    O, CG, KH, KW = w.shape
    grids = _input_grids(window, tuple(input_size))
    everywhere = sum(math.prod(grid.size) for grid in grids) == math.prod(input_size)
    gx = (np.empty if everywhere else np.zeros)((len(gy), CG * groups, *input_size), gy.dtype)
    matrix = Matrix(groups, CG, O // groups, row_step=KH * KW, term_step=CG * KH * KW)
    correlate(gy, w, matrix, grids, gx)
    return gx


def conv2d_weight_grad(x, gy, window, groups=1):
    """x (N, C, H, W), gy (N, O, OH, OW) -> gw (O, C/groups, KH, KW)."""
    gw = np.empty((gy.shape[1], x.shape[1] // groups, *window.kernel), x.dtype)
    weight_sum(x, gy, window, groups, gw)
    return gw


def _forward_grid(window, size):
    KH, KW = window.kernel
    shifts = [
        (kh * window.dilation[0], kw * window.dilation[1]) for kh in range(KH) for kw in range(KW)
    ]
    (top, _), (left, _) = window.padding
    return Grid(tuple(range(KH * KW)), tuple(shifts), size, window.stride, (top, left))


def _input_grids(window, size):
    """A grid for each place between two steps of the stride at which inputs met any output."""
    places = [(a, b) for a in range(window.stride[0]) for b in range(window.stride[1])]
    grids = (_input_grid(window, size, place) for place in places)
    return tuple(grid for grid in grids if grid.taps and min(grid.size) > 0)


def _input_grid(window, size, start):
    """The inputs start + stride * p, and the taps whose outputs ever lie there."""
    axes = []
    for axis in range(2):
        stride, dilation = window.stride[axis], window.dilation[axis]
        # input h met output (h + padding - k * dilation) / stride
        offset = start[axis] + window.padding[axis][0]
        met = [k for k in range(window.kernel[axis]) if (offset - k * dilation) % stride == 0]
        shifts = [(offset - k * dilation) // stride for k in met]
        axes.append((met, shifts, min(shifts, default=0)))
    (rows, down, top), (columns, right, left) = axes
    return Grid(
        tuple(kh * window.kernel[1] + kw for kh in rows for kw in columns),
        tuple((h - top, w - left) for h in down for w in right),
        tuple(-(-(n - s) // t) for n, s, t in zip(size, start, window.stride, strict=True)),
        before=(-top, -left),
        start=start,
        step=window.stride,
    )
