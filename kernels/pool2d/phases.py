"""Splits a plane into phases by the strides of a window, so that each tap reads contiguous memory.

The element at row h and column w of a padded plane goes to phase (h % sh, w % sw), row h // sh,
column w // sw. So one tap of all windows in a plane reads one phase, in order, with a few unused
elements between the rows: a single loop per tap, for any plane width. Loops over single rows are
often too short for vectors.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..jit import kernel
from ..window import Window


class Phases(NamedTuple):
    """The layout of the windows' inputs: consecutive phases, each height x width."""

    size: int  # elements of all phases
    height: int
    width: int
    run: int  # elements that a tap reads: window (i, j) reads element i * width + j of the run
    taps: np.ndarray  # (KH * KW,): the offset of each tap's run


@lru_cache(maxsize=256)
def phases_of(window: Window, H: int, W: int) -> Phases:
    """The phases of a plane (H, W) for a window."""
    outputs = window.output_size(H, W)
    reach = []
    for axis in (0, 1):
        positions = np.arange(window.kernel[axis]) * window.dilation[axis]
        reach.append((positions % window.stride[axis], positions // window.stride[axis]))
    (row_phase, row_shift), (column_phase, column_shift) = reach
    height, width = outputs[0] + row_shift[-1], outputs[1] + column_shift[-1]
    phase = row_phase[:, None] * window.stride[1] + column_phase
    taps = (phase * height + row_shift[:, None]) * width + column_shift
    size = window.stride[0] * window.stride[1] * height * width
    run = max((outputs[0] - 1) * width + outputs[1], 0)
    return Phases(int(size), int(height), int(width), int(run), taps.reshape(-1))


@kernel
def split_phases(x, phases, height, width, stride_h, stride_w, top, left):
    """x (H, W) -> phases, without the padding and the elements that no window reads."""
    W = x.shape[1]
    for h in range(x.shape[0]):
        r = (h + top) // stride_h
        if r >= height:
            break
        for phase in range(stride_w):
            start = (phase - left) % stride_w  # the first column of this phase
            to = (start + left) // stride_w
            count = min((W - start + stride_w - 1) // stride_w, width - to)
            row = ((h + top) % stride_h * stride_w + phase) * height + r
            out, cells = phases[row * width + to :], x[h, start:]
            if stride_w == 1:
                for k in range(count):
                    out[k] = cells[k]
            elif stride_w == 2:
                for k in range(count):
                    out[k] = cells[k * 2]
            else:
                for k in range(count):
                    out[k] = cells[k * stride_w]


@kernel
def merge_phases(phases, x, height, width, stride_h, stride_w, top, left):
    """phases -> x (H, W), 0 where no window reads."""
    W = x.shape[1]
    for h in range(x.shape[0]):
        r = (h + top) // stride_h
        if r >= height:
            x[h:] = 0
            break
        for phase in range(stride_w):
            start = (phase - left) % stride_w
            to = (start + left) // stride_w
            count = min((W - start + stride_w - 1) // stride_w, width - to)
            row = ((h + top) % stride_h * stride_w + phase) * height + r
            cells, out = phases[row * width + to :], x[h, start:]
            if stride_w == 1:
                for k in range(count):
                    out[k] = cells[k]
            elif stride_w == 2:
                for k in range(count):
                    out[k * 2] = cells[k]
            else:
                for k in range(count):
                    out[k * stride_w] = cells[k]
            for w in range(start + max(count, 0) * stride_w, W, stride_w):
                x[h, w] = 0
