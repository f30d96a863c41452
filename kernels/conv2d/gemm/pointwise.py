"""Products of register tiles whose columns are gathered from x: kernels of one tap, no padding.

Then y[r, p] = w[r, c] @ x[c, p], and x itself is the right factor. But its channels are a whole
plane apart, which causes cache conflicts. So the positions of a block are first gathered into
tiles, across images where these are small. The tiles of a block are adjacent in every channel of x
and of y, and are read and written in order, so that each page is accessed only once.
"""

import numpy as np

from ...jit import kernel
from ...micro_kernel import MR, NR_VECTORS, VECTOR_BYTES, copy, multiply_tile, prefetch
from ...thread_pool import shared
from ...workspace import cut
from ..finish import finish
from .grid import Grid, Plan, block_of, blocks, cuts_of_positions, pieces
from .weights import Matrix, layout

BLOCK_BYTES = 2**19  # of gathered input: a quarter of a common second-level cache
PREFETCH_CHANNELS = 2  # how many channels ahead to prefetch: they are on other pages


def suits(grid: Grid, x_shape: tuple) -> bool:
    """Whether the grid has one tap, and the tap never reads the padding."""
    if len(grid.taps) > 1:
        return False
    ends = (at + (n - 1) * s for at, n, s in zip(grid.at[0], grid.size, grid.stride, strict=True))
    return min(grid.at[0]) >= 0 and all(end < n for end, n in zip(ends, x_shape[2:], strict=True))


def plan(matrix: Matrix, grid: Grid, x_shape: tuple, itemsize: int, threads: int) -> Plan:
    """How to compute a grid. Units are tiles of positions, counted through all images."""
    N, (OH, OW) = x_shape[0], grid.size
    lanes = VECTOR_BYTES // itemsize
    tile = NR_VECTORS * lanes
    tiles = -(-N * OH * OW // tile)
    macs = N * OH * OW * matrix.groups * matrix.rows * matrix.terms
    count = pieces(macs, threads)
    cuts = cuts_of_positions(count, matrix, 1, x_shape)
    most = min(BLOCK_BYTES // (matrix.terms * tile * itemsize), -(-tiles * matrix.groups // cuts))
    along = [(at.start, at.stop) for at in cut(tiles, most)]
    batch = max((t1 - t0 for t0, t1 in along), default=0)
    return Plan(
        fill=_fill,
        grid=grid,
        layout=layout(matrix, 1, tiles),
        shifts=np.array(grid.at, np.int64),
        sizes=(matrix.rows, matrix.terms, OH, OW, lanes, batch),
        geometry=(*grid.stride, *grid.start, *grid.step),
        memory=(batch * matrix.terms + MR) * tile,
        terms=matrix.terms,
        blocks=blocks(matrix, along, count),
        macs=macs,
    )


@kernel
def _fill(
    x, w, shifts, memories, all_offsets, y, strides, sizes, grid, after, blocks, pool, first, last
):
    """Compute some blocks of y: gather the columns of each, then compute its tiles by strips."""
    if shared(pool, first, last):
        return
    R, C, OH, OW, lanes, batch = sizes
    step_h, step_w = grid[4:]
    w_row, w_k, w_strip, w_group = strides
    bias, relu = after
    N = len(x)
    CY, YH, YW = y.shape[1:]
    tile, plane, end = NR_VECTORS * lanes, OH * OW, N * OH * OW
    whole = step_h == 1 and step_w == 1 and YH == OH and YW == OW
    memory, offsets = memories[-pool], all_offsets[-pool]
    gathered, sums = memory[: batch * C * tile], memory[batch * C * tile :]
    out, flat = y.reshape(-1), x.reshape(-1)
    for c in range(C):
        offsets[c] = c * tile
    for k in range(first, last):
        g, t0, t1, o0, o1 = block_of(blocks, k)
        begin, count = t0 * tile, min(t1 * tile, end) - t0 * tile
        _gather(flat, x.shape, g * C, C, begin, count, sizes, shifts, grid, gathered)
        for o in range(o0, o1):
            valid, row, w_at = min(MR, R - o * MR), g * R + o * MR, g * w_group + o * w_strip
            for t in range(t0, t1):
                n, at, column = t * tile // plane, t * tile % plane, (t - t0) * C * tile
                count = min(tile, end - t * tile)
                vectors = (count + lanes - 1) // lanes
                direct = whole and valid == MR and count == tile and at + tile <= plane
                to, step = ((n * CY + row) * plane + at, plane) if direct else (0, tile)
                target = out if direct else sums
                multiply_tile(
                    vectors,
                    w,
                    w_at,
                    w_row,
                    w_k,
                    gathered,
                    column,
                    offsets,
                    C,
                    target,
                    to,
                    step,
                    False,
                )
                if len(bias) > 0:
                    for r in range(valid):
                        finish(target, to + r * step, count, bias[row + r], relu)
                if not direct:
                    _scatter(sums, valid, t * tile, count, sizes, grid, y, row)


@kernel
def _scatter(sums, valid, p, count, sizes, grid, y, first):
    """y[n, first + r, start + step * (i, j)] = sums[r, l]  at position p + l = (n, i, j)."""
    _, CY, YH, YW = y.shape
    OH, OW, lanes = sizes[2:5]
    start_h, start_w, step_h, step_w = grid[2:]
    tile, plane = NR_VECTORS * lanes, OH * OW
    whole = step_h == 1 and step_w == 1 and YH == OH and YW == OW
    out = y.reshape(-1)
    done = 0
    while done < count:  # up to the end of a plane, or of a row
        n, at = (p + done) // plane, (p + done) % plane
        i, j = at // OW, at % OW
        run = min(count - done, plane - at if whole else OW - j)
        to = ((n * CY + first) * YH + start_h + i * step_h) * YW + start_w + j * step_w
        for r in range(valid):
            copy(sums, r * tile + done, 1, out, to + r * YH * YW, step_w, run, run)
        done += run


@kernel
def _gather(x, shape, first, C, p, count, sizes, shifts, grid, columns):
    """columns[t, c, l] = x[n, first + c, i * sh + h, j * sw + w]  at position p + t * tile + l.

    A position is (n, i, j); the last tile is padded with zeros.
    """
    _, CX, H, W = shape
    OH, OW, lanes = sizes[2:5]
    sh, sw = grid[:2]
    tile, plane = NR_VECTORS * lanes, OH * OW
    whole = sh == 1 and sw == 1 and OH == H and OW == W
    done = 0
    while done < count:  # up to the end of a plane, or of a row
        n, at = (p + done) // plane, (p + done) % plane
        i, j = at // OW, at % OW
        run = min(count - done, plane - at if whole else OW - j)
        source = ((n * CX + first) * H + i * sh + shifts[0, 0]) * W + j * sw + shifts[0, 1]
        for c in range(C):
            k = done
            while k < done + run:
                l = k % tile
                part = min(done + run - k, tile - l)
                begin = source + c * H * W + (k - done) * sw
                for ahead in range(0, part * sw, lanes):
                    prefetch(x, begin + PREFETCH_CHANNELS * H * W + ahead)
                copy(x, begin, sw, columns, (k // tile * C + c) * tile + l, 1, part, tile - l)
                k += part
        done += run
    rest = count % tile
    if rest > 0:
        for c in range(C):
            start = (count // tile * C + c) * tile
            columns[start + rest : start + tile] = 0
