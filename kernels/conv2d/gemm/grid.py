"""Sums over taps on grids: the common form of a forward convolution and an input gradient.

    y[r, start + step * p] = sum over terms c and taps t of  w[r, c, t] * x[c, stride * p + at[t]]

for the positions p = (i, j) of a grid. The forward convolution is one grid. The input gradient has
one grid for each remainder of row and column modulo the stride, since inputs with the same
remainders have the same taps. There x is gy, y is gx, and rows and terms are swapped.
"""

from typing import NamedTuple

from ...jit import kernel
from ...window import Pair, Window
from ...workspace import cut

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


def sum_parts(units: int, blocks: int, macs: int, most: int = MAX_PARTS) -> list[slice]:
    """At most `most` parts of a sum over `units`, so that few blocks still give all threads work.

    The bits of a result depend on the cuts of a sum, so the cuts do not depend on the number of
    threads.
    """
    blocks = max(blocks, 1)
    count = min(MAX_PARTS // blocks, macs // (blocks * MIN_BLOCK_MACS), most)
    return cut(units, -(-units // max(count, 1)))


def pieces(macs: int, threads: int) -> int:
    """The minimum number of blocks for `macs` multiply-adds that keeps the threads busy.

    Results do not depend on it, since no sum is cut.
    """
    return max(1, min(2 * threads, macs // MIN_BLOCK_MACS)) if threads > 1 else 1


@kernel
def block_of(rows, k):
    """The first five numbers of row k of a table of blocks."""
    return rows[k, 0], rows[k, 1], rows[k, 2], rows[k, 3], rows[k, 4]
