"""The plan of a convolution whose lanes are output channels: tables, bands and items of work."""

import math
from typing import NamedTuple

import numpy as np

from ...machine import machine
from ...workspace import cut
from ..gemm.grid import Grid
from ..gemm.weights import Matrix
from ..lanes import BLOCKS, run_of, share_of
from .tile import Form

COPY_CYCLES = 10  # to copy a row of a plane
PACK_CYCLES = 8  # to pack a vector of weights
ITEM_CYCLES = 1000  # to begin an item


class Sizes(NamedTuple):
    """The sizes that kernels need, in elements."""

    groups: int
    rows: int  # output channels of a group
    terms: int  # input channels of a group
    weights: int  # of an output channel
    H: int  # size of an input plane
    W: int
    OH: int  # size of an output plane
    OW: int
    sh: int  # from the input of a position to that of the next
    sw: int
    step_h: int  # from a position to the next in the output
    step_w: int
    top: int  # the first row and column that the position (0, 0) reads
    left: int
    down: int  # rows that a position reads, less one
    height: int  # of the copy of a plane
    pitch: int  # columns of the copy
    lanes: int
    blocks: int  # of output channels of a group, as many as a vector holds
    gaps: bool  # whether no position writes some of the outputs


class Plan(NamedTuple):
    """How to compute a convolution."""

    sizes: Sizes
    form: Form
    grids: np.ndarray  # rows: first k, number of k, first output row and column, GH, GW
    steps: np.ndarray  # of each k: in the copy, from a position's input; in the weights
    items: np.ndarray  # rows: n, g, first and last row of positions, first and last block
    parts: tuple[int, int, int, int]  # elements of memory: planes, sums, a square, weights
    macs: int

    @property
    def packs_once(self) -> bool:
        """Whether items share weights, which are then packed before."""
        return not self.parts[3]


def arrange(
    matrix: Matrix, grids: list[Grid], x_shape: tuple, y_size: tuple, itemsize: int, threads: int
) -> Plan:
    """The plan of grids, at least one, that read x and write images of y_size."""
    N, (H, W), (OH, OW) = x_shape[0], x_shape[2:], y_size
    (sh, sw), (step_h, step_w) = grids[0].stride, grids[0].step
    top, left = (min(at[axis] for grid in grids for at in grid.at) for axis in (0, 1))
    bottom, right = (max(at[axis] for grid in grids for at in grid.at) for axis in (0, 1))
    rows, GW = -(-OH // step_h), max(grid.size[1] for grid in grids)  # of positions
    pitch, taps = (GW - 1) * sw + right - left + 1, min(matrix.row_step, matrix.term_step)
    lanes, widths = machine().lanes(itemsize), [grid.size[1] for grid in grids]
    share = share_of(matrix.rows, widths, itemsize, sw, step_w)
    blocks = -(-matrix.rows // (lanes // share))
    run = run_of(widths, share)
    K = matrix.terms * taps

    row = Row(matrix.terms * pitch * itemsize, sh, bottom - top, matrix.terms)
    row_work = K * sum(-(-width // (run * share)) * run for width in widths)
    bands, deep = _cuts(rows, blocks, N * matrix.groups, row, row_work, K, threads)
    high = max(band.stop - band.start for band in bands)
    height = (high - 1) * sh + bottom - top + 1
    sizes = Sizes(
        matrix.groups, matrix.rows, matrix.terms, K, H, W, OH, OW,
        sh, sw, step_h, step_w, top, left, bottom - top, height, pitch, lanes, blocks,
        sum(math.prod(grid.size) for grid in grids) < OH * OW,
    )  # fmt: skip
    steps = [
        (c * height * pitch + (h - top) * pitch + w - left, (c * taps + tap) * lanes)
        for grid in grids
        for c in range(matrix.terms)
        for tap, (h, w) in zip(grid.taps, grid.at, strict=True)
    ]
    counts = [matrix.terms * len(grid.taps) for grid in grids]
    table = [(sum(counts[:k]), counts[k], *grid.start, *grid.size) for k, grid in enumerate(grids)]
    items = [
        (n, g, band.start, band.stop, b, min(b + deep, blocks))
        for n in range(N)
        for g in range(matrix.groups)
        for band in bands
        for b in range(0, blocks, deep)
    ]
    # A vector of several positions reads some numbers beyond the last of them.
    image = -(-(matrix.terms * height * pitch + share * sw) // lanes) * lanes
    buffer = BLOCKS * high * step_h * OW * lanes // share
    own = BLOCKS * K * lanes if N * len(bands) == 1 else 0
    outputs = sum(count * math.prod(grid.size) for count, grid in zip(counts, grids, strict=True))
    return Plan(
        sizes,
        Form.of(run, sw, share),
        np.array(table, np.int64),
        np.array(steps, np.int64).reshape(-1, 2).T.copy(),
        np.array(items, np.int64).reshape(-1, 6),
        (image, buffer, lanes * lanes, own),
        N * matrix.groups * matrix.rows * outputs,
    )


class Row(NamedTuple):
    """What a row of positions reads of the planes of a group."""

    bytes: int  # of a row of all planes
    stride: int  # rows from those of one row of positions to those of the next
    down: int  # rows of a row of positions, less one
    planes: int


def _cuts(rows: int, blocks: int, images: int, row: Row, work: int, K: int, threads: int) -> tuple:
    """The bands of rows, and the blocks of output channels of an item, that take the threads the
    least time. No sum is cut, so the choice affects no result.

    images: of all groups; work: multiply-adds of vectors for a row of positions; K: weights of an
    output channel.
    """
    room = (machine().l2.size // (2 * row.bytes) - row.down - 1) // row.stride + 1
    least = -(-rows // max(1, min(room, rows)))
    best = None
    for count in (least, least + 1, 2 * least, 4 * least, 8 * least):
        bands = cut(rows, -(-rows // min(count, rows)))
        high = max(band.stop - band.start for band in bands)
        for parts in (1, 2, 4, 8, 16, 32):
            deep = min(blocks, BLOCKS * -(-blocks // (BLOCKS * parts)))
            along = -(-blocks // deep)
            turns = -(-images * len(bands) * along // threads)
            copies = -(-turns // along)
            copied = row.planes * (high * row.stride + row.down) * COPY_CYCLES
            time = turns * (high * work * deep + K * deep * PACK_CYCLES + ITEM_CYCLES)
            time += copies * copied
            if best is None or time < best[0]:
                best = time, bands, deep
    assert best is not None
    return best[1:]
