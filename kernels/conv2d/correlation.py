"""The sum behind a convolution and behind its input gradient, made of register tiles.

    y[r, p] = sum over terms c and taps t of  w[r, c, t] * x[c, stride * p + shift[t]]

for the positions p = (i, j) of a grid. As a matrix product, y[r, p] = w[r, k] @ columns[k, p] with
k = (c, t). The columns are never written: a line, a row of padded input dealt out to `stride`
phases, holds as neighbours what one tap reads for neighbouring positions. Laid end to end, lines
hold it for a block of rows at once, with positions between two rows that mean nothing and do not
enter y. A row of columns is then a place in the lines, and the product takes a list of K places.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..jit import kernel
from ..register_tile import ROWS, VECTOR_BYTES, VECTORS, copy_tile, multiply_tile, transpose_tile
from ..threads import get_num_threads, parallel_for
from ..window import Pair
from ..workspace import cut, scratch

WORTH = 2**22  # multiply-adds of a block below which another thread does not help
BLOCK = 2**19  # bytes of sums, and of lines: together half of a common second-level cache
TOGETHER = 8  # strips laid out in one go: their numbers are neighbours in every term
FEW = 4  # tiles of positions for which laying out the weights anew does not pay


class Grid(NamedTuple):
    """The positions p below `size`: y[start + step * p] gathers x[stride * p + shift - before]."""

    taps: tuple[int, ...]  # each a place in the flat kernel
    shifts: tuple[Pair, ...]  # not negative
    size: Pair
    stride: Pair = (1, 1)
    before: Pair = (0, 0)
    start: Pair = (0, 0)
    step: Pair = (1, 1)


class Matrix(NamedTuple):
    """How flat weights hold a matrix for each group; the taps of a kernel follow one another."""

    groups: int
    rows: int
    terms: int
    row_step: int
    term_step: int


class Plan(NamedTuple):
    """What the blocks of a grid share, and where they are."""

    taps: np.ndarray
    shifts: np.ndarray
    strips: list[slice]  # of the weights to lay out, by one thread each; none: they are good as is
    weights: tuple[int, ...]  # strides then: of a row, of a k, of a strip of ROWS rows, of a group
    sizes: tuple[int, ...]
    places: tuple[int, ...]
    blocks: list[tuple[int, ...]]  # n, g, i0, i1, o0, o1: rows of positions, strips of rows of w
    memory: int  # numbers


def correlate(x, w, matrix: Matrix, grids: tuple[Grid, ...], y) -> None:
    """x (N, groups * terms, H, W) -> y (N, groups * rows, *), which the grids share out."""
    threads = get_num_threads()
    plans = [_plan(matrix, grid, x.shape, y.shape, x.itemsize, threads) for grid in grids]
    x, w = read_only(x), read_only(w).reshape(-1)
    packs, jobs = [], []
    for number, plan in enumerate(plans):
        weights = w
        if plan.strips:
            numbers = plan.strips[-1].stop * ROWS * matrix.terms * len(plan.taps)
            target = scratch(f"weights{number}", (numbers,), x.dtype)
            packs += [(plan.taps, at.start, at.stop, target) for at in plan.strips]
            weights = read_only(target)
        jobs += [(plan, weights, block) for block in plan.blocks]
    parallel_for(lambda k: _pack(w, matrix, *packs[k]), len(packs))

    def task(k):
        plan, weights, block = jobs[k]
        memory = scratch("lines", (plan.memory,), x.dtype)
        columns = scratch("columns", (matrix.terms * len(plan.taps),), np.int64)
        arrays = x, weights, plan.shifts, memory, columns, y
        _correlate(*arrays, plan.weights, plan.sizes, plan.places, block)

    parallel_for(task, len(jobs))


def read_only(array):
    """A contiguous view that nobody can write to: one type of argument, so one compiled kernel."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


@lru_cache(maxsize=256)
def _plan(matrix: Matrix, grid: Grid, x_shape, y_shape, itemsize: int, threads: int) -> Plan:
    N, (groups, R, C, row_step, term_step), T = x_shape[0], matrix, len(grid.taps)
    (OH, OW), (sh, sw) = grid.size, grid.stride
    down, right = (max(along) for along in zip(*grid.shifts, strict=True))
    phases = min(sh, down + 1) * min(sw, right + 1)  # the others are not read
    columns, lanes = OW + right // sw, VECTOR_BYTES // itemsize
    tile, strips, K = VECTORS * lanes, -(-R // ROWS), C * T
    # What is read, what is filled follows one another without a gap.
    in_place = T == 1 and (sh, sw, *grid.before) == (1, 1, 0, 0) and grid.size == x_shape[2:]
    whole = columns == OW and grid.step == (1, 1) and grid.size == y_shape[2:]

    macs = N * groups * R * K * OH * OW
    pieces = max(1, min(2 * threads, macs // WORTH)) if threads > 1 else 1
    most = max(BLOCK // (max(R, C * phases) * columns * itemsize), tile // columns)
    rows = cut(OH, min(most, -(-N * groups * OH // pieces)))
    outs = cut(strips, -(-strips * N * groups * len(rows) // pieces))
    tallest = max(i.stop - i.start for i in rows)
    lines = K * tile if in_place else C * phases * (tallest + down // sh) * columns + tile
    sums = tile if whole else strips * (tallest * columns + tile)

    # Weights whose every k and row is as far from the next can be read where they are.
    uniform = R % ROWS == 0 and min(row_step, term_step) == T and (T == 1 or term_step == T)
    few = N * groups * -(-OH * columns // tile) <= FEW
    if uniform and (few or row_step == 1):
        group_step = max(R * row_step, C * term_step)
        weights = row_step, (term_step if T == 1 else 1), ROWS * row_step, group_step
        packs = []
    else:
        weights = 1, ROWS, K * ROWS, strips * K * ROWS
        packs = cut(strips * groups, strips * groups if K * R < 2**16 else TOGETHER)
    return Plan(
        np.array(grid.taps, np.int64),
        np.array(grid.shifts, np.int64),
        packs,
        weights,
        (R, C, OW, columns, down, right, lanes, in_place, whole),
        (*grid.stride, *grid.before, *grid.start, *grid.step),
        [
            (n, g, i.start, i.stop, o.start, o.stop)
            for n in range(N)
            for g in range(groups)
            for i in rows
            for o in outs
        ],
        lines + ROWS * sums,
    )


@kernel
def _pack(w, matrix, taps, first, last, packed):
    """Lay out the weights strip by strip: for every k the ROWS numbers that a step takes."""
    _, R, C, row_step, term_step = matrix
    T, strips, lanes = len(taps), (R + ROWS - 1) // ROWS, VECTOR_BYTES // w.itemsize
    group_step = max(R * row_step, C * term_step)
    in_order = min(row_step, term_step) == T  # no tap is left out
    if in_order and term_step == T:
        C, T = 1, C * T  # a row's terms follow one another like taps
    for c in range(C):
        for strip in range(first, last):
            row = strip % strips * ROWS
            at = strip // strips * group_step + row * row_step + c * term_step
            to = (strip * C + c) * T * ROWS
            done = 0
            if in_order and row + ROWS <= R:
                # What a last vector lays out beyond T, the next term overwrites.
                done = T // lanes * lanes if c == C - 1 else T
                for t in range(0, done, lanes):
                    transpose_tile(w, at + t, row_step, packed, to + t * ROWS, ROWS)
            for t in range(done, T):
                tap = t if in_order else taps[t]
                for r in range(ROWS):
                    inside = row + r < R
                    packed[to + t * ROWS + r] = w[at + r * row_step + tap] if inside else 0


@kernel
def _correlate(x, w, shifts, memory, places, y, weights, sizes, grid, block):
    """One block of y: all products of its tiles, then what of their sums means something."""
    R, C, OW, columns, down, right, lanes, in_place, whole = sizes
    sh, sw, _, _, start_h, start_w, step_h, step_w = grid
    w_row, w_step, w_strip, w_group = weights
    n, g, i0, i1, o0, o1 = block
    T, tile = len(shifts), VECTORS * lanes
    _, CX, H, W = x.shape
    flat, x_at = x.reshape(-1), (n * CX + g * C) * H * W
    if in_place:
        lines, sums = memory[: C * tile], memory[C * tile :]
        for c in range(C):
            places[c] = c * tile
    else:
        rows = i1 - i0 + down // sh
        ph, pw = min(sh, down + 1), min(sw, right + 1)
        size = ph * pw * rows * columns
        lines, sums = memory[: C * size + tile], memory[C * size + tile :]
        _deal(flat, x_at, C, H, W, i0, grid, ph, pw, rows, columns, lines)
        for t in range(T):
            h, v = shifts[t]
            places[t] = ((h % sh * pw + v % sw) * rows + h // sh) * columns + v // sw
        for k in range(T, C * T):
            places[k] = places[k - T] + size
        lines[C * size :] = 0
    K = C * T
    total = (i1 - i0 - 1) * columns + OW
    wide = (total + tile - 1) // tile * tile
    CY, YH, YW = y.shape[1:]
    to = y.reshape(-1)
    for p in range(0, total, tile):
        count = min(tile, total - p)
        vectors = (count + lanes - 1) // lanes
        at = p
        if in_place:
            _gather(flat, x_at + i0 * columns + p, H * W, C, count, tile, lines)
            at = 0
        for o in range(o0, o1):
            w_at = g * w_group + o * w_strip
            first = ((n * CY + g * R + o * ROWS) * YH + i0) * YW + p
            if not whole:
                multiply_tile(
                    vectors,
                    w,
                    w_at,
                    w_row,
                    w_step,
                    lines,
                    at,
                    places,
                    K,
                    sums,
                    (o - o0) * ROWS * wide + p,
                    wide,
                    False,
                )
            elif count == tile and (o + 1) * ROWS <= R:
                multiply_tile(
                    vectors, w, w_at, w_row, w_step, lines, at, places, K, to, first, YH * YW, False
                )
            else:
                multiply_tile(
                    vectors, w, w_at, w_row, w_step, lines, at, places, K, sums, 0, tile, False
                )
                for r in range(min(ROWS, R - o * ROWS)):
                    _copy(sums, r * tile, 1, to, first + r * YH * YW, 1, count)
    if not whole:
        for r in range(o0 * ROWS, min(o1 * ROWS, R)):
            for i in range(i1 - i0):
                row = ((n * CY + g * R + r) * YH + start_h + (i0 + i) * step_h) * YW + start_w
                _copy(sums, (r - o0 * ROWS) * wide + i * columns, 1, to, row, step_w, OW)


@kernel
def _gather(x, at, step, C, count, tile, lines):
    """A tile of x's positions for each channel: places so far apart would not stay in a cache."""
    for c in range(C):
        if count == tile:
            copy_tile(x, at + c * step, lines, c * tile)
        else:
            _copy(x, at + c * step, 1, lines, c * tile, 1, count)
            lines[c * tile + count : (c + 1) * tile] = 0


@kernel
def _copy(x, x_at, x_step, y, y_at, y_step, count):
    """y[y_at + k * y_step] = x[x_at + k * x_step]  for k < count."""
    if count < 1:
        return
    source = x[x_at : x_at + (count - 1) * x_step + 1]
    target = y[y_at : y_at + (count - 1) * y_step + 1]
    if x_step == 1 and y_step == 1:
        for k in range(count):
            target[k] = source[k]
    elif x_step == 2 and y_step == 1:  # constants: LLVM knows vector instructions for these
        for k in range(count):
            target[k] = source[2 * k]
    else:
        for k in range(count):
            target[k * y_step] = source[k * x_step]


@kernel
def _deal(x, x_at, C, H, W, i0, grid, ph, pw, rows, columns, lines):
    """lines[c, a, b, q, m] = x[c, (i0 + q) * sh + a - top, m * sw + b - left], zero outside."""
    sh, sw, top, left = grid[:4]
    for a in range(ph):
        h = i0 * sh + a - top
        above = min(max(-(h // sh), 0), rows)
        below = max(min((H - 1 - h) // sh + 1, rows), above)
        for b in range(pw):
            before = min(max(-((b - left) // sw), 0), columns)
            after = max(min((W - 1 - b + left) // sw + 1, columns), before)
            for c in range(C):
                at = ((c * ph + a) * pw + b) * rows * columns
                lines[at : at + above * columns] = 0
                lines[at + below * columns : at + rows * columns] = 0
                source = x_at + (c * H + h + above * sh) * W + before * sw + b - left
                for line in range(at + above * columns, at + below * columns, columns):
                    for m in range(line, line + before):
                        lines[m] = 0
                    _copy(x, source, sw, lines, line + before, 1, after - before)
                    for m in range(line + after, line + columns):
                        lines[m] = 0
                    source += sh * W
