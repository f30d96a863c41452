"""Products of register tiles whose columns are offsets in the lines of the input.

As a matrix product, the sums of a grid are y[r, p] = w[r, k] @ columns[k, p] with k = (c, tap). A
line is a row of padded input, split into `stride` phases: one tap reads adjacent elements of it for
adjacent positions. Concatenated lines hold these elements for several rows of positions; the few
positions between two rows are computed, too, but not copied to y. A row of columns is then an
offset in the lines: no column is written, and the product takes a list of K offsets.
"""

import numpy as np

from ...jit import kernel
from ...micro_kernel import MR, NR_VECTORS, VECTOR_BYTES, copy, multiply_tile
from ...thread_pool import shared
from ...workspace import cut
from ..finish import finish
from .grid import Grid, Plan, block_of, blocks, cuts_of_positions, pieces
from .weights import Matrix, layout

MAX_BLOCK_MACS = 2**26  # multiply-adds of a block of several images
BLOCK_BYTES = 2**19  # of lines, and of sums: together half of a common second-level cache


def plan(matrix: Matrix, grid: Grid, x_shape: tuple, itemsize: int, threads: int) -> Plan:
    """How to compute a grid. Units are rows of positions, counted through all images.

    A block has some rows of one image, or all rows of some images.
    """
    N, (OH, OW), (sh, sw) = x_shape[0], grid.size, grid.stride
    top, left = (min(at[axis] for at in grid.at) for axis in (0, 1))
    shifts = [(h - top, w - left) for h, w in grid.at]
    down, right = (max(shift[axis] for shift in shifts) for axis in (0, 1))
    ph, pw = min(sh, down + 1), min(sw, right + 1)  # the phases that taps read
    columns, more = OW + right // sw, down // sh
    lanes = VECTOR_BYTES // itemsize
    tile, terms = NR_VECTORS * lanes, matrix.terms * len(grid.taps)

    row = max(matrix.rows, matrix.terms * ph * pw) * columns * itemsize
    macs = N * OH * OW * matrix.groups * matrix.rows * terms
    count = pieces(macs, threads)
    most = max(BLOCK_BYTES // row, tile // columns, 1)
    cuts = cuts_of_positions(count, matrix, len(grid.taps), x_shape)
    each = -(-N * OH * matrix.groups // max(cuts, min(N, macs // MAX_BLOCK_MACS)))
    if min(each, most) < OH:
        rows = cut(OH, min(each, most))
        along = [(n * OH + at.start, n * OH + at.stop) for n in range(N) for at in rows]
    else:
        rows = [slice(0, OH)]
        along = [(at.start * OH, at.stop * OH) for at in cut(N, each // OH)]
    height = max(at.stop - at.start for at in rows)
    lines = matrix.terms * ph * pw * (height + more) * columns
    return Plan(
        fill=_fill,
        grid=grid,
        layout=layout(matrix, len(grid.taps), N * -(-OH * columns // tile)),
        shifts=np.array(shifts, np.int64),
        sizes=(matrix.rows, matrix.terms, OH, OW, columns, more, ph, pw, lanes),
        geometry=(sh, sw, top, left, *grid.start, *grid.step),
        memory=lines + tile + MR * (height * columns + tile),
        terms=terms,
        blocks=blocks(matrix, along, count),
        macs=macs,
    )


@kernel
def _fill(
    x, w, shifts, memories, all_offsets, y, strides, sizes, grid, after, blocks, pool, first, last
):
    """Compute some blocks of y: for each strip, the sums of its tiles; copy the valid ones to y."""
    if shared(pool, first, last):
        return
    R, C, OH, OW, columns, more, ph, pw, lanes = sizes
    sh, sw, _, _, start_h, start_w, step_h, step_w = grid
    w_row, w_k, w_strip, w_group = strides
    bias, relu = after
    _, CX, H, W = x.shape
    CY, YH, YW = y.shape[1:]
    T, tile = len(shifts), NR_VECTORS * lanes
    out = y.reshape(-1)
    dense = step_h == 1 and step_w == 1 and YW == OW
    memory, offsets = memories[-pool], all_offsets[-pool]
    known = 0
    for k in range(first, last):
        g, u0, u1, o0, o1 = block_of(blocks, k)
        for u in range(u0, u1):
            n, i0 = u // OH, u % OH
            if u > u0 and i0 > 0:
                continue
            count = min(OH - i0, u1 - u)
            rows = count + more
            size = ph * pw * rows * columns
            lines, sums = memory[: C * size + tile], memory[C * size + tile :]
            first, phases = (n * CX + g * C) * H * W, (ph, pw, rows, columns)
            pack_lines(x.reshape(-1), first, (C, H, W), i0, grid, phases, lines)
            lines[C * size :] = 0
            if rows != known:
                known = rows
                for t in range(T):
                    h, v = shifts[t]
                    offsets[t] = ((h % sh * pw + v % sw) * rows + h // sh) * columns + v // sw
                for t in range(T, C * T):
                    offsets[t] = offsets[t - T] + size

            total = (count - 1) * columns + OW
            wide = (total + tile - 1) // tile * tile
            stop = (n * CY + g * R + min(o1 * MR, R)) * YH * YW
            for o in range(o0, o1):
                w_at = g * w_group + o * w_strip
                for p in range(0, total, tile):
                    vectors = min(NR_VECTORS, (total - p + lanes - 1) // lanes)
                    multiply_tile(
                        vectors, w, w_at, w_row, w_k, lines, p, offsets, C * T, sums, p, wide, False
                    )
                for r in range(min(MR, R - o * MR)):
                    if len(bias) > 0:
                        finish(sums, r * wide, total, bias[g * R + o * MR + r], relu)
                    plane = (n * CY + g * R + o * MR + r) * YH
                    # The elements after a row are written later, if they belong to this block.
                    end = stop if count == YH else (plane + i0 + count) * YW
                    for i in range(count):
                        to = (plane + start_h + (i0 + i) * step_h) * YW + start_w
                        space = end - to if dense else 0
                        copy(sums, r * wide + i * columns, 1, out, to, step_w, OW, space)


@kernel
def pack_lines(x, x_at, size, i0, grid, phases, lines):
    """lines[c, a, b, q, m] = x[c, (i0 + q) * sh + a + top, m * sw + b + left], zero outside."""
    (C, H, W), (ph, pw, rows, columns) = size, phases
    sh, sw, top, left = grid[:4]
    for a in range(ph):
        h = i0 * sh + a + top
        above = min(max(-(h // sh), 0), rows)
        below = max(min((H - 1 - h) // sh + 1, rows), above)
        for b in range(pw):
            before = min(max(-((b + left) // sw), 0), columns)
            after = max(min((W - 1 - b - left) // sw + 1, columns), before)
            for c in range(C):
                at = ((c * ph + a) * pw + b) * rows * columns
                end = at + rows * columns
                lines[at : at + above * columns] = 0
                source = x_at + (c * H + h + above * sh) * W + before * sw + b + left
                for line in range(at + above * columns, at + below * columns, columns):
                    for m in range(line, line + before):
                        lines[m] = 0
                    copy(
                        x, source, sw, lines, line + before, 1, after - before, end - line - before
                    )
                    for m in range(line + after, line + columns):
                        lines[m] = 0
                    source += sh * W
                lines[at + below * columns : end] = 0
