"""Winograd's weight gradient: sums over all tiles of 4x4 outputs.

A block computes some output and some input channels; it sums over all images, or over one part of
them.
"""

import numpy as np

from ...jit import kernel
from ...micro_kernel import MR, NR_VECTORS, VECTOR_BYTES, lanes_of, multiply_tile
from ...thread_pool import shared
from ...threads import get_num_threads, parallel_ranges
from ...workspace import cut, thread_scratch
from ..gemm.grid import MACS_PER_ELEMENT, block_of, sum_parts
from ..gemm.weight_sum import transpose_lines
from ..gemm.weights import read_only
from .convolve import transform_windows
from .transforms import transform_tile, transform_weight_sums

TILE, REACH, POINTS = 4, 6, 36
KC = 48  # depth of a product: the tiles that are transformed at a time
STRIPS = 16  # strips of MR output channels in a block
FLUSH_TILES = 1024  # in a partial sum M, then added to gw: this keeps the rounding error small


def weight_sum(x, gy, before):
    """x (N, C, H, W), gy (N, O, OH, OW) -> gw (O, C, 3, 3)."""
    x, gy = read_only(x), read_only(gy)
    (N, O, OH, OW), C = gy.shape, x.shape[1]
    lanes = VECTOR_BYTES // x.itemsize
    TH, TW = -(-OH // TILE), -(-OW // TILE)
    ins, outs = cut(-(-C // lanes), NR_VECTORS), cut(-(-O // MR), STRIPS)
    macs = N * TH * TW * POINTS * O * C
    parts = sum_parts(N * TH, len(ins) * len(outs), macs)
    blocks = [
        (o.start * MR, min(o.stop * MR, O), c.start * lanes, min(c.stop * lanes, C), k, *rows)
        for c in ins
        for o in outs
        for k, rows in enumerate((part.start, part.stop) for part in parts)
    ]
    rows = max((r.stop - r.start for r in cut(N * TH, KC // TW)), default=1)
    wide = max((c.stop - c.start for c in ins), default=0) * lanes
    high = -(-max((o.stop - o.start for o in outs), default=0) * MR // lanes) * lanes
    lines = ((TILE * min(rows, TH) + 2) * (TILE * TW + 2) + 2 * lanes) * lanes
    numbers = POINTS * (rows * TW * (wide + high) + high * wide + 3 * lanes), lines, 9 * lanes
    threads = get_num_threads()
    memory = thread_scratch("memory", threads, sum(numbers), x.dtype)
    offsets = thread_scratch("offsets", threads, rows * TW, np.int64)
    gw = np.zeros((max(len(parts), 1), O, C, 3, 3), x.dtype)
    blocks = np.array(blocks, np.int64).reshape(-1, 7)
    arrays = x, gy, gw, memory, offsets, rows, before, blocks
    parallel_ranges(_fill, len(blocks), macs // MACS_PER_ELEMENT, *arrays, threads=threads)
    return gw[0] if len(gw) == 1 else gw.sum(0)


@kernel
def _cotangents(gy, o0, o1, r0, r1, TH, TW, lines, g, g_row, g_point):
    """Y (36, t, o): transform the tiles of gy in the rows r0 ... r1 - 1 of tiles."""
    lanes, width = lanes_of(gy), TILE * TW
    for o in range(o0, o1, lanes):
        CC = min(lanes, o1 - o)
        r = r0
        while r < r1:
            n, i0 = r // TH, r % TH
            rows = min(TH - i0, r1 - r)
            transpose_lines(gy, n, o, CC, TILE * i0, TILE * rows, 0, width, lines)
            for i in range(rows):
                for j in range(TW):
                    at = TILE * (i * width + j) * CC
                    to = ((r - r0 + i) * TW + j) * g_row + o - o0
                    transform_tile(TILE, lines, at, width * CC, CC, g, to, REACH * g_point, g_point)
            r += rows


@kernel
def _fill(x, gy, gw, memories, all_offsets, most, before, blocks, pool, first, last):
    """Compute gw for some blocks of output and input channels and rows of tiles."""
    if shared(pool, first, last):
        return
    memory, offsets = memories[-pool], all_offsets[-pool]
    _, _, OH, OW = gy.shape
    lanes = lanes_of(x)
    TH, TW = (OH + TILE - 1) // TILE, (OW + TILE - 1) // TILE
    tiles, width = most * TW, NR_VECTORS * lanes
    for block in range(first, last):
        o0, o1, c0, c1, part = block_of(blocks, block)
        begin, end = blocks[block, 5], blocks[block, 6]
        wide, high = _rounded(c1 - c0, lanes), _rounded(o1 - o0, lanes)
        v_point, g_point, m_point = tiles * wide + lanes, tiles * high + lanes, high * wide + lanes
        v_size, g_size, m_size = POINTS * v_point, POINTS * g_point, POINTS * m_point
        v, rest = memory[:v_size], memory[v_size:]
        g, rest = rest[:g_size], rest[g_size:]
        m, rest = rest[:m_size], rest[m_size:]
        sums, lines = rest[: 9 * lanes], rest[9 * lanes :]
        pending = 0
        for t in range(tiles):
            offsets[t] = t * wide
        for r0 in range(begin, end, most):
            r1 = min(r0 + most, end)
            depth = (r1 - r0) * TW
            transform_windows(TILE, x, c0, c1, r0, r1, TH, TW, before, lines, v, wide, v_point)
            _cotangents(gy, o0, o1, r0, r1, TH, TW, lines, g, high, g_point)
            for k in range(POINTS):
                for o in range(0, o1 - o0, MR):
                    for c in range(0, wide, width):
                        vectors = min(NR_VECTORS, (wide - c) // lanes)
                        g_at, v_at = k * g_point + o, k * v_point + c
                        m_at, more = k * m_point + o * wide + c, pending > 0
                        multiply_tile(
                            vectors, g, g_at, 1, high, v, v_at, offsets, depth, m, m_at, wide, more
                        )
            pending += depth
            if pending >= FLUSH_TILES or r1 == end:
                pending = 0
                _add(m, wide, m_point, sums, (o0, o1, c0, c1), gw[part])


@kernel
def _rounded(count, lanes):
    return (count + lanes - 1) // lanes * lanes


@kernel
def _add(m, wide, m_point, sums, block, gw):
    """gw += G' M G."""
    o0, o1, c0, c1 = block
    C, lanes, out = gw.shape[1], lanes_of(m), gw.reshape(-1)
    for o in range(o1 - o0):
        for c in range(0, c1 - c0, lanes):
            at, row = o * wide + c, REACH * m_point
            transform_weight_sums(TILE, m, at, row, m_point, sums, 0, 3 * lanes, lanes)
            to = ((o0 + o) * C + c0 + c) * 9
            for q in range(min(lanes, c1 - c0 - c)):
                for k in range(9):
                    out[to + q * 9 + k] += sums[k * lanes + q]
