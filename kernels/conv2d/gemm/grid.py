"""Sums over taps on grids: the common form of a forward convolution and an input gradient.

    y[r, start + step * p] = sum over terms c and taps t of  w[r, c, t] * x[c, stride * p + at[t]]

for the positions p = (i, j) of a grid. The forward convolution is one grid. The input gradient has
one grid for each remainder of row and column modulo the stride, since inputs with the same
remainders have the same taps. There x is gy, y is gx, and rows and terms are swapped.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ...jit import kernel
from ...window import Pair, Window
from ...workspace import cut
from .weights import Layout, Matrix

MIN_BLOCK_MACS = 2**19  # multiply-adds of a block: cutting smaller ones costs more than it gains
MAX_PARTS = 8  # of a sum
MACS_PER_ELEMENT = 16  # multiply-adds in the time to read and write one element


class Grid(NamedTuple):
    """The positions p below `size`, and the inputs and outputs of each."""

    taps: tuple[int, ...]  # indices in the flat kernel
    at: tuple[Pair, ...]  # the position that each tap reads for p = (0, 0); may be in the padding
    size: Pair
    stride: Pair = (1, 1)
    start: Pair = (0, 0)
    step: Pair = (1, 1)


def forward_grid(window: Window, size: Pair) -> Grid:
    """The grid of all outputs, `size` of them."""
    rows, columns = (
        [k * window.dilation[axis] - window.padding[axis][0] for k in range(window.kernel[axis])]
        for axis in (0, 1)
    )
    at = tuple((h, w) for h in rows for w in columns)
    return Grid(tuple(range(len(at))), at, size, window.stride)


def input_grids(window: Window, size: Pair) -> list[Grid]:
    """The grids of all of the `size` inputs that any output reads."""
    remainders = [(a, b) for a in range(window.stride[0]) for b in range(window.stride[1])]
    grids = (_input_grid(window, size, start) for start in remainders)
    return [grid for grid in grids if grid.taps and min(grid.size) > 0]


def _input_grid(window: Window, size: Pair, start: Pair) -> Grid:
    along = []
    for axis in (0, 1):
        stride, dilation = window.stride[axis], window.dilation[axis]
        # output (h + padding - k * dilation) / stride reads input h by tap k, if that is an integer
        first = start[axis] + window.padding[axis][0]
        met = [k for k in range(window.kernel[axis]) if (first - k * dilation) % stride == 0]
        along.append([(k, (first - k * dilation) // stride) for k in met])
    rows, columns = along
    return Grid(
        tuple(kh * window.kernel[1] + kw for kh, _ in rows for kw, _ in columns),
        tuple((h, w) for _, h in rows for _, w in columns),
        (
            -(-(size[0] - start[0]) // window.stride[0]),
            -(-(size[1] - start[1]) // window.stride[1]),
        ),
        start=start,
        step=window.stride,
    )


def sum_parts(units: int, blocks: int, macs: int) -> list[slice]:
    """Parts of a sum over `units`, so that few blocks still give all threads work.

    The bits of a result depend on the cuts of a sum, so the cuts do not depend on the number of
    threads.
    """
    count = min(MAX_PARTS // max(blocks, 1), macs // (max(blocks, 1) * MIN_BLOCK_MACS))
    return cut(units, -(-units // max(count, 1)))


class Plan(NamedTuple):
    """How to compute a grid: the arguments common to its blocks, and the blocks."""

    fill: Callable  # the kernel for some blocks
    grid: Grid
    layout: Layout
    shifts: np.ndarray
    sizes: tuple[int, ...]
    geometry: tuple[int, ...]  # strides, padding or steps, as `fill` takes them
    memory: int  # elements of scratch memory that a block needs
    terms: int  # of its sums
    blocks: np.ndarray  # rows of g, u0, u1, o0, o1: units of positions, strips of rows
    macs: int


def pieces(macs: int, threads: int) -> int:
    """The minimum number of blocks for `macs` multiply-adds that keeps the threads busy.

    Results do not depend on it, since no sum is cut.
    """
    return max(1, min(2 * threads, macs // MIN_BLOCK_MACS)) if threads > 1 else 1


def cuts_of_positions(count: int, matrix: Matrix, taps: int, x_shape: tuple) -> int:
    """How many of the cuts for `count` blocks are between positions; the others are between rows.

    If positions are cut, every block reads all weights; if rows are cut, every block reads all of
    x.
    """
    weights = matrix.groups * matrix.rows * matrix.terms * taps
    return count if weights <= math.prod(x_shape) else 1


def blocks(matrix: Matrix, along: list[tuple[int, int]], count: int) -> np.ndarray:
    """(g, u0, u1, o0, o1) for each group and each (u0, u1), with the strips of rows cut for at
    least `count` blocks.
    """
    parts = -(-count // max(1, matrix.groups * len(along)))
    down = cut(matrix.strips, -(-matrix.strips // parts))
    rows = [(g, *u, o.start, o.stop) for g in range(matrix.groups) for u in along for o in down]
    return np.array(rows, np.int64).reshape(-1, 5)


@kernel
def block_of(rows, k):
    """Row k of `blocks`."""
    return rows[k, 0], rows[k, 1], rows[k, 2], rows[k, 3], rows[k, 4]
