"""Winograd's forward and input gradient: transform, multiply at each point, transform back.

First all weights are transformed to U. Then blocks of some rows of tiles are computed on all cores;
the V and M of a block stay in a core's cache.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...jit import kernel
from ...micro_kernel import MR, NR_VECTORS, VECTOR_BYTES, lanes_of, multiply_tile, transpose_tile
from ...thread_pool import shared
from ...threads import get_num_threads, parallel_ranges
from ...workspace import LIMIT, cut, scratch, thread_scratch
from ..gemm.grid import MACS_PER_ELEMENT, pieces
from ..gemm.weight_sum import transpose_lines
from ..gemm.weights import pack, read_only
from .transforms import transform_sums, transform_weight, transform_window

TAPS = np.arange(9)
TILES = 96  # of a block, about
STRIPS = 8  # maximum number of parts in which the weights are transformed


def convolve(tile, x, w, matrix, flipped, before, y, after):
    """x (N, terms, H, W) -> y (N, rows, OH, OW).

    before: the padding above and at the left.
    after: the bias and the ReLU, from `finishing`.
    """
    x, w = read_only(x), read_only(w).reshape(-1)
    _, _, OH, OW = y.shape
    C, lanes, threads = matrix.terms, VECTOR_BYTES // x.itemsize, get_num_threads()
    points, strip = (tile + 2) ** 2, max(lanes, MR)
    for part in _parts(tile, y.shape, C, lanes, x.itemsize, threads):
        first, wide, rows, blocks = part
        u = scratch("weights", (points * (C * wide + lanes),), x.dtype)
        strips = wide // strip
        packed = thread_scratch("memory", threads, C * 9 * strip * -(-strips // STRIPS), x.dtype)
        arguments = w, matrix, TAPS, (first // strip, strips, strip), flipped, packed, u
        parallel_ranges(_weights, min(STRIPS, strips), u.size, tile, *arguments, threads=threads)

        TW, CW = -(-OW // tile), -(-C // lanes) * lanes
        tiles = -(-rows * TW // MR) * MR
        height, width = tile * min(rows, -(-OH // tile)) + 2, tile * TW + 2
        high = max((o1 - o0 for _, _, o0, o1 in blocks), default=0)
        lines = (height * width + 2 * lanes) * lanes
        numbers = points * (tiles * (CW + high) + 2 * lanes), lines, tile * tile * TW * lanes
        memory = thread_scratch("memory", threads, sum(numbers), x.dtype)
        offsets = thread_scratch("offsets", threads, 2 * C, np.int64)
        sizes = C, CW, tiles, wide, first, lines
        arrays = x, read_only(u), y, memory, offsets, sizes, before, after, blocks
        macs = len(y) * -(-OH // tile) * TW * points * C * wide
        size = macs // MACS_PER_ELEMENT
        parallel_ranges(_fill, len(blocks), size, tile, *arrays, threads=threads)


class Part(NamedTuple):
    """Some rows of the weights, with a U that fits scratch memory, and the blocks of their outputs.

    first: the first row; wide: their number, rounded up to whole vectors; rows: rows of tiles in a
    block; blocks (count, 4): the range of rows of tiles and of rows of weights of each block.
    """

    first: int
    wide: int
    rows: int
    blocks: np.ndarray


@lru_cache(maxsize=256)
def _parts(tile, y_shape, C, lanes, itemsize, threads) -> list[Part]:
    """The plan of a convolution: the weights cut into parts, their outputs into blocks."""
    N, R, OH, OW = y_shape
    TH, TW, points = -(-OH // tile), -(-OW // tile), (tile + 2) ** 2
    most = LIMIT // (points * C * itemsize * NR_VECTORS * lanes)
    parts = []
    strip = max(lanes, MR)
    for part in cut(-(-R // strip), max(most, 1) * NR_VECTORS):
        wide = (part.stop - part.start) * strip
        count = pieces(N * TH * TW * points * C * wide, threads)
        # If the rows of tiles are cut, every block reads all of U; if the panels of U, all of x.
        cuts = count if points * wide <= N * OH * OW else 1
        rows = max(1, min(TILES // TW, -(-N * TH // cuts)))
        along = cut(N * TH, rows)
        rows = max((at.stop - at.start for at in along), default=1)
        panels, across = -(-wide // (NR_VECTORS * lanes)), -(-count // max(len(along), 1))
        step = -(-panels // across) * NR_VECTORS * lanes
        blocks = [
            (r.start, r.stop, o, min(o + step, wide)) for r in along for o in range(0, wide, step)
        ]
        blocks = np.array(blocks, np.int64).reshape(-1, 4)
        parts.append(Part(part.start * strip, wide, rows, blocks))
    return parts


@kernel
def _weights(tile, w, matrix, taps, strips, flipped, memories, u, pool, first, last):
    """U (points, panels, C, panel): transform the weights of some of the STRIPS parts."""
    if shared(pool, first, last):
        return
    strip0, count, strip = strips
    packed, parts = memories[-pool], min(STRIPS, count)
    C, lanes, reach, wide = matrix[2], lanes_of(u), tile + 2, count * strip
    point, width = C * wide + lanes, NR_VECTORS * lanes
    start, step = (8 * strip, -strip) if flipped else (0, strip)
    for part in range(first, last):
        begin, end = part * count // parts, (part + 1) * count // parts
        pack(w, matrix, taps, strip, strip0 + begin, packed, 0, strip0 + begin, strip0 + end)
        for s in range(begin, end):
            for row in range(s * strip, (s + 1) * strip, lanes):
                panel = row // width * width
                across = min(width, wide - panel)
                for c in range(C):
                    at = ((s - begin) * C + c) * 9 * strip + start + row - s * strip
                    to = panel * C + c * across + row - panel
                    transform_weight(tile, packed, at, 3 * step, step, u, to, reach * point, point)


@kernel
def transform_windows(tile, x, c0, c1, r0, r1, TH, TW, before, lines, v, v_row, v_point):
    """V (points, t, c): transform the windows of the rows r0 ... r1 - 1 of tiles."""
    top, left = before
    lanes, reach, width = lanes_of(x), tile + 2, tile * TW + 2
    for c in range(c0, c1, lanes):
        CC = min(lanes, c1 - c)
        r = r0
        while r < r1:
            n, i0 = r // TH, r % TH
            rows = min(TH - i0, r1 - r)
            transpose_lines(x, n, c, CC, tile * i0 - top, tile * rows + 2, left, width, lines)
            for i in range(rows):
                for j in range(TW):
                    at = tile * (i * width + j) * CC
                    to = ((r - r0 + i) * TW + j) * v_row + c - c0
                    transform_window(
                        tile, lines, at, width * CC, CC, v, to, reach * v_point, v_point
                    )
            r += rows


@kernel
def _fill(tile, x, u, y, memories, all_offsets, sizes, before, after, blocks, pool, first, last):
    """Compute some blocks of y: rows of tiles of some channels."""
    if shared(pool, first, last):
        return
    memory, offsets = memories[-pool], all_offsets[-pool]
    C, CW, tiles, wide, start, lines_size = sizes
    _, R, OH, OW = y.shape
    TH, TW, lanes = (OH + tile - 1) // tile, (OW + tile - 1) // tile, lanes_of(x)
    reach, points = tile + 2, (tile + 2) * (tile + 2)
    width = NR_VECTORS * lanes
    rest = wide - wide // width * width
    for c in range(C):
        offsets[c], offsets[C + c] = c * width, c * rest
    for block in range(first, last):
        r0, r1, o0, o1 = blocks[block, 0], blocks[block, 1], blocks[block, 2], blocks[block, 3]
        high = o1 - o0
        v_point, m_point, u_point = tiles * CW + lanes, tiles * high + lanes, C * wide + lanes
        v_size, m_size = points * v_point, points * m_point
        v, m = memory[:v_size], memory[v_size : v_size + m_size]
        lines = memory[v_size + m_size : v_size + m_size + lines_size]
        rows = memory[v_size + m_size + lines_size :]
        transform_windows(tile, x, 0, C, r0, r1, TH, TW, before, lines, v, CW, v_point)
        for k in range(points):
            for o in range(o0, o1, width):
                count = min(width, o1 - o)
                steps = offsets[:C] if count == width else offsets[C:]
                for t in range(0, (r1 - r0) * TW, MR):
                    v_at, u_at = k * v_point + t * CW, k * u_point + o * C
                    m_at = k * m_point + t * high + o - o0
                    multiply_tile(
                        count // lanes, v, v_at, CW, 1, u, u_at, steps, C, m, m_at, high, False
                    )
        for o in range(0, high, lanes):
            for r in range(r0, r1):
                n, i = r // TH, r % TH
                line = tile * TW * lanes
                for j in range(TW):
                    at, to = ((r - r0) * TW + j) * high + o, tile * j * lanes
                    transform_sums(tile, m, at, reach * m_point, m_point, rows, to, line, lanes)
                channel = start + o0 + o
                _finish_row(rows, tile * line, channel, after, lanes)
                at = ((n * R + channel) * OH + tile * i) * OW
                for a in range(min(tile, OH - tile * i)):
                    _transpose_back(rows, a * line, OW, R - channel, y, at + a * OW, OH * OW)


@kernel
def _finish_row(rows, size, channel, after, lanes):
    """The epilogue of a row: add the bias of channel + c to rows[m, c], then max(0, .) if relu."""
    bias, relu = after
    count = min(lanes, len(bias) - channel)
    add = bias[channel : channel + lanes]
    for m in range(0, size, lanes):
        row = rows[m : m + lanes]
        if count == lanes:  # a constant trip count, which LLVM vectorises
            for c in range(lanes_of(rows)):
                total = row[c] + add[c]
                row[c] = 0 if relu and total <= 0 else total
        else:
            for c in range(count):
                total = row[c] + add[c]
                row[c] = 0 if relu and total <= 0 else total


@kernel
def _transpose_back(rows, start, count, channels, y, y_at, plane):
    """y[c, m] = rows[m, c]  for m < count and at most a vector of channels c."""
    lanes, out = lanes_of(y), y.reshape(-1)
    done = 0
    if count >= MR and channels >= lanes:
        for m in range(0, count, MR):
            at = min(m, count - MR)
            transpose_tile(rows, start + at * lanes, lanes, out, y_at + at, plane)
        done = count
    for c in range(min(channels, lanes)):
        for m in range(done, count):
            out[y_at + c * plane + m] = rows[start + m * lanes + c]
