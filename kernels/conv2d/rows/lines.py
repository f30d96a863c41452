"""The layout of planes in a line: their rows, with the padding, one after another.

A tap reads adjacent elements of the line for adjacent outputs of a row. The offset between a tap
and the first tap is the same for all outputs.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...jit import kernel
from ...micro_kernel import VECTOR_BYTES, lanes_of
from ...workspace import cut
from ..gemm.grid import Grid
from ..gemm.weights import Matrix
from .thin_tile import MOST_TAPS, copy_some

LINE_BYTES = 2**15  # bytes of a line: with the outputs it stays in a first-level cache
STRIP_ROWS = 8  # minimum rows of outputs in a strip: rows shared by two strips are copied twice


class Plan(NamedTuple):
    """How to compute a grid, one strip of rows at a time."""

    taps: tuple[np.ndarray, np.ndarray]  # of each tap: index of its weight, offset in the line
    vectors: tuple[np.ndarray, np.ndarray]  # of each in a strip: its offsets in the line and in y
    sizes: tuple[int, ...]
    line: int  # elements of a line
    memory: int  # elements that multiply_planes needs


@lru_cache(maxsize=256)
def arrange(matrix: Matrix, grid: Grid, itemsize: int, overlap: bool) -> Plan:
    """The plan for a grid of stride 1 with rows of at least one vector.

    overlap: whether the last vector of a row ends with the row, and may overlap the vector before,
    instead of starting at the end of that vector.
    """
    lanes, (OH, OW) = VECTOR_BYTES // itemsize, grid.size
    top, left = (min(at[axis] for at in grid.at) for axis in (0, 1))
    shifts = [(h - top, w - left) for h, w in grid.at]
    more, right = (max(shift[axis] for shift in shifts) for axis in (0, 1))
    columns, across = OW + right, -(-OW // lanes)
    fitting = LINE_BYTES // max(matrix.terms * columns * itemsize, 1) - more
    strips = cut(OH, max(STRIP_ROWS, fitting))
    strip = max(at.stop - at.start for at in strips)
    rows = strip + more

    weights = [c * matrix.term_step + tap for c in range(matrix.terms) for tap in grid.taps]
    offsets = [(c * rows + h) * columns + w for c in range(matrix.terms) for h, w in shifts]
    starts = [min(v * lanes, OW - lanes) if overlap else v * lanes for v in range(across)]
    ats = [i * columns + v for i in range(strip) for v in starts]
    outs = [i * OW + v for i in range(strip) for v in starts]
    end = max(matrix.terms * rows * columns, max(offsets, default=0) + ats[-1])
    line = (-(-end // lanes) + 1) * lanes
    whole = len(offsets) + MOST_TAPS  # the last tile may have taps that do not exist
    offsets += offsets[-1:] * (whole - len(offsets))
    return Plan(
        taps=(np.array(weights, np.int64), np.array(offsets, np.int64)),
        vectors=(np.array(ats, np.int64), np.array(outs, np.int64)),
        sizes=(
            *(matrix.groups, matrix.rows, matrix.terms, matrix.row_step, matrix.group_step),
            *(OH, OW, len(strips), rows, columns, more, across, top, left, whole),
        ),
        line=line,
        memory=line + matrix.rows * lanes * (len(ats) + whole),
    )


@kernel(inline=True)
def pack_lines(x, plane, size, sizes, i0, height, line):
    """line[c, q, m] = x[plane + c, i0 + q + top, m + left], 0 outside, for `height` rows q.

    Left and right of the planes, the line is zero already and stays so.
    """
    C, rows, columns, top, left = sizes
    H, W = size
    before = min(max(-left, 0), columns)
    count = max(min(W - left, columns), before) - before
    for c in range(C):
        to = c * rows * columns + before
        for h in range(i0 + top, i0 + top + height):
            if 0 <= h < H:
                copy_row(x, ((plane + c) * H + h) * W + before + left, line, to, count)
            else:
                line[to : to + count] = 0
            to += columns


@kernel(inline=True)
def copy_row(x, x_at, line, at, count):
    """line[at + m] = x[x_at + m] for m < count, and 0 up to the end of the last vector."""
    lanes = lanes_of(x)
    rounded = (count + lanes - 1) // lanes * lanes
    if x_at + rounded <= len(x):
        for m in range(0, count, lanes):
            copy_some(x, x_at + m, line, at + m, count - m)
    else:
        for m in range(count):
            line[at + m] = x[x_at + m]
        line[at + count : at + rounded] = 0
