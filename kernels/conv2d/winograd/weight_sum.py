"""Winograd's weight gradient: sums over all tiles, of products at each point.

    V   [point][panel of NR input channels][tile][NR]     the windows of x
    Y   [point][strip of output channels][tile][strip]    the tiles of gy
    M   [point][output channel][panel]                    sums over tiles of Y V

A block computes some output and some input channels; it sums over all images, or over one part of
them. Where V and Y of all images are small, they are transformed once; otherwise each block
transforms KC tiles at a time.
"""

import numpy as np

from ...jit import kernel
from ...machine import machine
from ...micro_kernel import MR, lanes_of, multiply_tile
from ...thread_pool import shared
from ...threads import get_num_threads, parallel_ranges
from ...workspace import scratch, thread_scratch
from ..gemm.grid import MACS_PER_ELEMENT
from ..gemm.weight_sum import transpose_lines
from ..gemm.weights import read_only
from ..transforms import transform_tile, transform_weight_sums
from .panels import transform_windows
from .weight_sum_plan import FLUSH_TILES, plan_of


def weight_sum(x, gy, before):
    """x (N, C, H, W), gy (N, O, OH, OW) -> gw (O, C, 3, 3)."""
    x, gy = read_only(x), read_only(gy)
    (N, O, _, _), C = gy.shape, x.shape[1]
    threads, lanes = get_num_threads(), machine().lanes(x.itemsize)
    s, blocks, parts, macs = plan_of(gy.shape, C, x.itemsize)
    sums = s.points * (s.MC * s.NC + lanes) + 9 * lanes
    panels = s.points * (s.v_point + s.g_point)
    memory = thread_scratch(
        "memory", threads, s.lines + sums + (0 if s.all_tiles else panels), x.dtype
    )
    offsets = thread_scratch("offsets", threads, s.KC, np.int64)
    common = scratch("panels", (panels if s.all_tiles else 0,), x.dtype)
    if s.all_tiles:
        items = N * (-(-C // lanes) + -(-O // lanes))
        parallel_ranges(_all_panels, items, panels, s, x, gy, before, memory, common)
    gw = np.zeros((parts, O, C, 3, 3), x.dtype)
    arrays = s, x, gy, gw, before, common, memory, offsets, blocks
    parallel_ranges(_fill, len(blocks), macs // MACS_PER_ELEMENT, *arrays, threads=threads)
    return gw[0] if parts == 1 else gw.sum(0)


@kernel
def _all_panels(s, x, gy, before, memories, common, pool, first, last):
    """V and Y of all tiles: an item is one image, and a vector of channels of x or gy."""
    if shared(pool, first, last):
        return
    lanes, lines = lanes_of(x), memories[-pool]
    TH, TW = (gy.shape[2] + s.tile - 1) // s.tile, (gy.shape[3] + s.tile - 1) // s.tile
    v, g = common[: s.points * s.v_point], common[s.points * s.v_point :]
    ins, outs = (s.C + lanes - 1) // lanes, (s.O + lanes - 1) // lanes
    for item in range(first, last):
        n, k = item // (ins + outs), item % (ins + outs)
        r0, r1, t = n * TH, (n + 1) * TH, n * TH * TW
        if k < ins:
            c, c1 = k * lanes, min((k + 1) * lanes, s.C)
            at = c // s.NC * s.NC * s.all_tiles + t * s.NC + c % s.NC
            transform_windows(
                s.tile, x, c, c1, r0, r1, TH, TW, before, lines, v, at, s.NC, s.v_point
            )
        else:
            o, o1 = (k - ins) * lanes, min((k - ins + 1) * lanes, s.O)
            at = o // s.strip * s.strip * s.all_tiles + t * s.strip + o % s.strip
            _transform_tiles(s, gy, o, o1, r0, r1, TH, TW, lines, g, at)


@kernel
def _transform_tiles(s, gy, o0, o1, r0, r1, TH, TW, lines, g, g_at):
    """Y of a vector of channels o0 ... o1 - 1 and the rows r0 ... r1 - 1 of tiles."""
    tile, CC = s.tile, o1 - o0
    width, row, r = tile * TW, (tile + 2) * s.g_point, r0
    while r < r1:
        n, i0 = r // TH, r % TH
        rows = min(TH - i0, r1 - r)
        transpose_lines(gy, n, o0, CC, tile * i0, tile * rows, 0, width, lines)
        for i in range(rows):
            for j in range(TW):
                at = tile * (i * width + j) * CC
                to = g_at + ((r - r0 + i) * TW + j) * s.strip
                transform_tile(tile, lines, at, width * CC, CC, g, to, row, s.g_point)
        r += rows


@kernel
def _fill(s, x, gy, gw, before, common, memories, all_offsets, blocks, pool, first, last):
    """Compute gw for some blocks of output and input channels and rows of tiles."""
    if shared(pool, first, last):
        return
    memory, offsets, lanes = memories[-pool], all_offsets[-pool], lanes_of(x)
    TH, TW = (gy.shape[2] + s.tile - 1) // s.tile, (gy.shape[3] + s.tile - 1) // s.tile
    m_point = s.MC * s.NC + lanes
    lines, memory = memory[: s.lines], memory[s.lines :]
    m, memory = memory[: s.points * m_point], memory[s.points * m_point :]
    sums, memory = memory[: 9 * lanes], memory[9 * lanes :]
    panels = common if s.all_tiles > 0 else memory
    v, g = panels[: s.points * s.v_point], panels[s.points * s.v_point :]
    for t in range(s.KC):
        offsets[t] = t * s.NC
    for block in range(first, last):
        o0, o1, c0, c1 = blocks[block, 0], blocks[block, 1], blocks[block, 2], blocks[block, 3]
        begin, end, part = blocks[block, 4], blocks[block, 5], blocks[block, 6]
        pending, v_at, g_at, tiles = 0, c0 * s.all_tiles, o0 * s.all_tiles, s.all_tiles
        for r0 in range(begin, end, s.rows):
            r1 = min(r0 + s.rows, end)
            if s.all_tiles == 0:
                tiles = (r1 - r0) * TW
                transform_windows(
                    s.tile, x, c0, c1, r0, r1, TH, TW, before, lines, v, 0, s.NC, s.v_point
                )
                for o in range(o0, o1, lanes):
                    at = (o - o0) // s.strip * s.strip * tiles + (o - o0) % s.strip
                    _transform_tiles(s, gy, o, min(o + lanes, o1), r0, r1, TH, TW, lines, g, at)
            vectors = (c1 - c0 + lanes - 1) // lanes
            _multiply(
                s, tiles, o1 - o0, vectors, g, g_at, v, v_at, offsets, pending > 0, m, m_point
            )
            pending += tiles
            if pending >= FLUSH_TILES or r1 == end:
                pending = 0
                _add(s, m, m_point, sums, (o0, o1, c0, c1), gw[part])


@kernel
def _multiply(s, tiles, high, vectors, g, g_at, v, v_at, offsets, more, m, m_point):
    """M (+)= Y V at each point, for the output channels `high` and some vectors of inputs."""
    for k in range(s.points):
        for t in range(0, tiles, s.KC):
            depth, v_from = min(s.KC, tiles - t), k * s.v_point + v_at + t * s.NC
            for o in range(0, high, MR):
                g_from = k * s.g_point + g_at + o // s.strip * s.strip * tiles + o % s.strip
                multiply_tile(
                    vectors, g, g_from + t * s.strip, 1, s.strip, v, v_from, offsets, depth,
                    m, k * m_point + o * s.NC, s.NC, more or t > 0,
                )  # fmt: skip


@kernel
def _add(s, m, m_point, sums, block, gw):
    """gw += G' M G."""
    o0, o1, c0, c1 = block
    lanes, out = lanes_of(m), gw.reshape(-1)
    row = (s.tile + 2) * m_point
    for o in range(o1 - o0):
        for c in range(0, c1 - c0, lanes):
            at = o * s.NC + c
            transform_weight_sums(s.tile, m, at, row, m_point, sums, 0, 3 * lanes, lanes)
            to = ((o0 + o) * s.C + c0 + c) * 9
            for q in range(min(lanes, c1 - c0 - c)):
                for k in range(9):
                    out[to + q * 9 + k] += sums[k * lanes + q]
