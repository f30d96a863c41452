"""Winograd's forward and input gradient: transform, multiply at each point, transform back.

See plan.py for the two orders of the loops.
"""

import numpy as np

from ...jit import kernel
from ...micro_kernel import MR, lanes_of, transpose_tile
from ...thread_pool import shared
from ...threads import get_num_threads, parallel_ranges
from ...workspace import scratch, thread_scratch
from ..gemm.grid import MACS_PER_ELEMENT
from ..gemm.weights import read_only
from ..transforms import transform_sums
from .panels import multiply, transform_weights, transform_windows
from .plan import lanes_of as lanes_of_size
from .plan import plan_of


def convolve(x, w, steps, before, y, after):
    """x (N, C, H, W) -> y (N, R, OH, OW).

    steps: of a row and of a channel in the flat w, and whether kernels are flipped.
    before: the padding above and at the left.
    after: the bias and the ReLU, from `finishing`.
    """
    x, w = read_only(x), read_only(w).reshape(-1)
    threads, lanes = get_num_threads(), lanes_of_size(x.itemsize)
    s, panels_of_weights, blocks, macs = plan_of(y.shape, x.shape[1], x.itemsize, threads)
    TH, TW, size = -(-y.shape[2] // s.tile), -(-y.shape[3] // s.tile), macs // MACS_PER_ELEMENT
    v_size, m_size = s.points * s.v_point, s.points * (s.MC * s.NC + s.strip)
    rows, offsets = (
        s.tile * s.tile * TW * lanes,
        thread_scratch("offsets", threads, 2 * s.KC, np.int64),
    )
    if panels_of_weights:
        numbers = s.packed + s.points * (s.KC * s.NC + s.strip) + m_size + rows
        memory = thread_scratch("memory", threads, max(s.lines, numbers), x.dtype)
        v = scratch("windows", (v_size,), x.dtype)
        items = len(x) * -(-s.C // lanes)
        parallel_ranges(_all_windows, items, v_size, s, x, (TH, TW), before, memory, v)
        arrays = w, steps, v, y, (TH, TW), after, memory, offsets, blocks
        parallel_ranges(_by_panels_of_weights, len(blocks), size, s, *arrays, threads=threads)
        return
    wide = -(-s.R // s.strip) * s.strip
    u = scratch("weights", (s.points * (s.C * wide + s.strip),), x.dtype)
    numbers = v_size + m_size + s.lines + rows
    memory = thread_scratch("memory", threads, max(s.packed, numbers), x.dtype)
    parallel_ranges(_all_weights, -(-wide // s.NR), u.size, s, w, steps, wide, memory, u)
    arrays = x, u, wide, y, (TH, TW), before, after, memory, offsets, blocks
    parallel_ranges(_by_blocks_of_tiles, len(blocks), size, s, *arrays, threads=threads)


@kernel
def _all_windows(s, x, tiles, before, memories, v, pool, first, last):
    """V of all tiles: an item is one image and a vector of channels."""
    if shared(pool, first, last):
        return
    TH, TW = tiles
    lanes = lanes_of(x)
    vectors = (s.C + lanes - 1) // lanes
    for item in range(first, last):
        n, c = item // vectors, item % vectors * lanes
        c1, r0 = min(c + lanes, s.C), n * TH
        at = c // s.KC * s.KC * s.MC + c % s.KC + r0 * TW * s.KC
        lines = memories[-pool]
        transform_windows(
            s.tile, x, c, c1, r0, r0 + TH, TH, TW, before, lines, v, at, s.KC, s.v_point
        )


@kernel
def _by_panels_of_weights(
    s, w, steps, v, y, tiles, after, memories, all_offsets, blocks, pool, first, last
):
    """Compute some outputs of y: transform a panel of weights, multiply it by all of V, go on."""
    if shared(pool, first, last):
        return
    memory, offsets = memories[-pool], all_offsets[-pool]
    packed, memory = memory[: s.packed], memory[s.packed :]
    for block in range(first, last):
        r0, r1, o0, o1 = blocks[block, 0], blocks[block, 1], blocks[block, 2], blocks[block, 3]
        wide, t = o1 - o0, (r1 - r0) * tiles[1]
        u_point, m_point = s.KC * wide + s.strip, s.MC * wide + s.strip
        u, rest = memory[: s.points * u_point], memory[s.points * u_point :]
        m, rows = rest[: s.points * m_point], rest[s.points * m_point :]
        for c0 in range(0, s.C, s.KC):
            c1 = min(c0 + s.KC, s.C)
            channels = c0, c1, c1 - c0, 0
            transform_weights(s, w, steps, (o0, o1), channels, packed, u, u_point, wide)
            multiply(s, t, c0, c1, v, u, 0, u_point, wide, offsets, m, m_point)
        _transform_back(s, m, m_point, tiles, (r0, r1, o0, o1), after, rows, y)


@kernel
def _all_weights(s, w, steps, wide, memories, u, pool, first, last):
    """U of all weights: an item is a panel of NR outputs."""
    if shared(pool, first, last):
        return
    packed, u_point, NR = memories[-pool], s.C * wide + s.strip, s.NR
    for item in range(first, last):
        o0, o1 = item * NR, min((item + 1) * NR, wide)
        panel = u[o0 * s.C :]
        transform_weights(s, w, steps, (o0, o1), (0, s.C, s.C, 0), packed, panel, u_point, o1 - o0)


@kernel
def _by_blocks_of_tiles(
    s, x, u, wide, y, tiles, before, after, memories, all_offsets, blocks, pool, first, last
):
    """Compute some tiles of y: transform their windows, multiply them by all of U, go on."""
    if shared(pool, first, last):
        return
    memory, offsets = memories[-pool], all_offsets[-pool]
    v_size, u_point, (TH, TW) = s.points * s.v_point, s.C * wide + s.strip, tiles
    v, memory = memory[:v_size], memory[v_size:]
    lines, memory = memory[: s.lines], memory[s.lines :]
    for block in range(first, last):
        r0, r1, o0, o1 = blocks[block, 0], blocks[block, 1], blocks[block, 2], blocks[block, 3]
        m_point = s.MC * (o1 - o0) + s.strip
        m, rows = memory[: s.points * m_point], memory[s.points * m_point :]
        for c0 in range(0, s.C, s.KC):
            c1 = min(c0 + s.KC, s.C)
            transform_windows(
                s.tile, x, c0, c1, r0, r1, TH, TW, before, lines, v, c0 * s.MC, s.KC, s.v_point
            )
        multiply(s, (r1 - r0) * TW, 0, s.C, v, u, o0 * s.C, u_point, o1 - o0, offsets, m, m_point)
        _transform_back(s, m, m_point, tiles, (r0, r1, o0, o1), after, rows, y)


@kernel
def _transform_back(s, m, m_point, tiles, block, after, rows, y):
    """y = A' M A, and the epilogue, for a block of tiles and outputs."""
    r0, r1, o0, o1 = block
    TH, TW = tiles
    _, R, OH, OW = y.shape
    tile, lanes, wide = s.tile, lanes_of(m), o1 - o0
    line = tile * TW * lanes
    for o in range(0, min(wide, R - o0), lanes):
        for r in range(r0, r1):
            n, i = r // TH, r % TH
            for j in range(TW):
                at, to = ((r - r0) * TW + j) * wide + o, tile * j * lanes
                transform_sums(tile, m, at, (tile + 2) * m_point, m_point, rows, to, line, lanes)
            channel = o0 + o
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
