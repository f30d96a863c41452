"""What a forward convolution and an input gradient have in common: sums over taps, on grids.

    y[r, start + step * p] = sum over terms c and taps t of  w[r, c, t] * x[c, stride * p + at[t]]

for the positions p = (i, j) of a grid. The forward is one grid. The input gradient is one for each
remainder of row and column by the stride: inputs of the same remainders meet the same taps. Then x
is gy, y is gx, and rows and terms change roles.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ...jit import kernel
from ...window import Pair, Window
from ...workspace import cut
from .weights import Layout, Matrix

WORTH = 2**19  # multiply-adds of a block below which to cut it would cost more than it gains
PARTS = 8  # of a sum, at most
SPEED = 16  # multiply-adds in the time in which a number is read and written


class Grid(NamedTuple):
    """Positions p below `size`, and what each reads and writes."""

    taps: tuple[int, ...]  # their positions in the flat kernel
    at: tuple[Pair, ...]  # what a tap reads for p = (0, 0); may lie outside of x, in the padding
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
    """The grids of all of the `size` inputs that met any output."""
    remainders = [(a, b) for a in range(window.stride[0]) for b in range(window.stride[1])]
    grids = (_input_grid(window, size, start) for start in remainders)
    return [grid for grid in grids if grid.taps and min(grid.size) > 0]


def _input_grid(window: Window, size: Pair, start: Pair) -> Grid:
    along = []
    for axis in (0, 1):
        stride, dilation = window.stride[axis], window.dilation[axis]
        # tap k of input h met output (h + padding - k * dilation) / stride, where that is whole
        first = start[axis] + window.padding[axis][0]
        met = [k for k in range(window.kernel[axis]) if (first - k * dilation) % stride == 0]
        along.append([(k, (first - k * dilation) // stride) for k in met])
    rows, columns = along
    return Grid(
        tuple(kh * window.kernel[1] + kw for kh, _ in rows for kw, _ in columns),
        tuple((h, w) for _, h in rows for _, w in columns),
        tuple(-(-(n - s) // t) for n, s, t in zip(size, start, window.stride, strict=True)),
        start=start,
        step=window.stride,
    )


def sum_parts(units: int, blocks: int, macs: int) -> list[slice]:
    """Parts of a sum over `units`, for all threads to have work though its blocks are few.

    Results depend on where a sum is cut, so this does not ask how many threads there are.
    """
    count = min(PARTS // max(blocks, 1), macs // (max(blocks, 1) * WORTH))
    return cut(units, -(-units // max(count, 1)))


class Plan(NamedTuple):
    """How to fill a grid: what its blocks share, and the blocks."""

    fill: Callable  # the kernel for some blocks
    grid: Grid
    layout: Layout
    shifts: np.ndarray
    sizes: tuple[int, ...]
    geometry: tuple[int, ...]  # strides, padding or steps, as `fill` takes them
    memory: int  # numbers that a block needs
    terms: int  # of its sums
    blocks: np.ndarray  # rows of g, u0, u1, o0, o1: units of positions, strips of rows
    macs: int


def pieces(macs: int, threads: int) -> int:
    """Into how many blocks to cut so many multiply-adds, at least, to keep the threads busy.

    Results do not depend on it: no sum is cut.
    """
    return max(1, min(2 * threads, macs // WORTH)) if threads > 1 else 1


def cuts_of_positions(count: int, matrix: Matrix, taps: int, x_shape: tuple) -> int:
    """How many of the cuts for `count` blocks are between positions, the others between rows.

    What positions are cut for, every block reads all weights; what rows are cut for, all of x.
    """
    weights = matrix.groups * matrix.rows * matrix.terms * taps
    return count if weights <= math.prod(x_shape) else 1


def blocks(matrix: Matrix, along: list[tuple[int, int]], count: int) -> np.ndarray:
    """(g, u0, u1, o0, o1) for each group and each (u0, u1), of some strips of rows if need be."""
    parts = -(-count // max(1, matrix.groups * len(along)))
    down = cut(matrix.strips, -(-matrix.strips // parts))
    rows = [(g, *u, o.start, o.stop) for g in range(matrix.groups) for u in along for o in down]
    return np.array(rows, np.int64).reshape(-1, 5)


@kernel
def block_of(rows, k):
    """Row k of `blocks`."""
    return rows[k, 0], rows[k, 1], rows[k, 2], rows[k, 3], rows[k, 4]
