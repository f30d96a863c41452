"""The weight gradient of a convolution, in register tiles.

    gw[o, c, tap] = sum over images and outputs t of  gy[o, t] * x[c, stride * t + tap]

As a matrix product, gw[o, l] = gy[o, t] @ rows[t, l], where l runs over taps and channels. x is
transposed so that its channels are adjacent. Then the channels of neighbouring taps in a kernel row
are adjacent, too: each row of the right factor is an offset in the transposed x. The left factor is
gy itself. Where the channels are fewer than lanes, the taps of a column are stacked with them, so
that all taps of a kernel are adjacent.
"""

from functools import lru_cache

import numpy as np

from ...jit import kernel
from ...micro_kernel import (
    MR,
    NR_VECTORS,
    VECTOR_BYTES,
    multiply_tile,
    transpose_square,
    transpose_tile,
)
from ...thread_pool import shared
from ...threads import get_num_threads, parallel_ranges
from ...workspace import cut, thread_scratch
from ..im2col import is_pointwise
from .grid import MACS_PER_ELEMENT, block_of, pieces, sum_parts
from .weights import read_only

KC = 512  # depth of a product, in outputs: its rows stay in a second-level cache
MAX_SWAPPED = 2**14  # weights whose transposition takes less time than that of x
MIN_TERMS = 1024  # of a part of the sum, in outputs: adding the parts takes little time then
MAX_TERMS = 4096  # of a partial sum, in outputs: this keeps the rounding error small


def weight_sum(x, gy, window, groups) -> np.ndarray:
    """x (N, C, H, W), gy (N, O, OH, OW) -> gw (O, C/groups, KH, KW)."""
    x, gy = read_only(x), read_only(gy)
    O, CG, (KH, KW) = gy.shape[1], x.shape[1] // groups, window.kernel
    if gy.size == 0:
        return np.zeros((O, CG, KH, KW), x.dtype)
    if is_pointwise(window) and groups == 1 and O < CG and O * CG <= MAX_SWAPPED:
        return weight_sum(gy, x, window, 1).swapaxes(0, 1).copy()  # fewer channels to transpose
    if is_pointwise(window):  # positions follow one another: a plane may be cut into other lines
        line = _line(gy.shape[2] * gy.shape[3])
        x, gy = (image.reshape(*image.shape[:2], -1, line) for image in (x, gy))
    OG, lanes = O // groups, VECTOR_BYTES // x.itemsize
    joined = window.dilation[1] == 1  # neighbouring taps read neighbouring columns
    channels = _chunks(CG, lanes, joined and KW > 1)
    strips, threads = -(-OG // MR), get_num_threads()
    macs = gy.size * CG * KH * KW
    across = max(min(c.stop * lanes, CG) - c.start * lanes for c in channels)
    spans, count = (KH, KW) if joined else (KH * KW, 1)
    # Few channels leave a part of the vectors of each row of taps idle: then all rows are stacked.
    deep, vectors = 1, spans * -(-count * CG // lanes)
    if joined and lanes > CG and -(-KH * KW * CG // lanes) < vectors:
        deep, spans = KH, 1
    across *= deep
    span = -(-count * across // lanes) * lanes
    OH, OW = gy.shape[2:]
    rows = max(at.stop - at.start for at in cut(OH, KC // OW))
    # Every block transposes its part of x. So threads share the sum where it is long enough to
    # repay another one of its parts, and strips only else.
    steps, blocks_of_x = -(-OH // rows), groups * len(channels)
    parts = sum_parts(len(x) * steps, blocks_of_x, macs, len(x) * OH * OW // MIN_TERMS)
    wanted = -(-pieces(macs, threads) // (blocks_of_x * len(parts)))
    outs = cut(strips, -(-strips // wanted))
    blocks = [
        (g, o.start, o.stop, c.start * lanes, min(c.stop * lanes, CG), part, at.start, at.stop)
        for part, at in enumerate(parts)
        for g in range(groups)
        for c in channels
        for o in outs
    ]
    (sh, sw), (dh, dw), ((top, _), (left, _)) = window.stride, window.dilation, window.padding
    height = rows if deep > 1 else (rows - 1) * sh + (KH - 1) * dh + 1
    width = (OW - 1) * sw + (KW - 1) * dw + 1
    sums = max(o.stop - o.start for o in outs) * MR * spans * span
    numbers = (height * width + NR_VECTORS * lanes) * across + 2 * sums + MR * rows * OW
    memory = thread_scratch("memory", threads, numbers, x.dtype)
    offsets = thread_scratch("offsets", threads, rows * OW, np.int64)
    sizes = groups, spans, count, deep, rows, height, width, lanes
    gw = np.empty((len(parts), O, CG, KH, KW), x.dtype)
    arrays = x, gy, gw, memory, offsets, sizes, (sh, sw, dh, dw, top, left), np.array(blocks)
    parallel_ranges(_weight_sum, len(blocks), macs // MACS_PER_ELEMENT, *arrays, threads=threads)
    return gw[0] if len(gw) == 1 else gw.sum(0)


@lru_cache(maxsize=256)
def _line(positions: int) -> int:
    """The most positions of a line that divide a plane, a few more than KC at most."""
    counts = range(-(-positions // (KC + KC // 16)), positions + 1)
    return next(positions // count for count in counts if positions % count == 0)


def _chunks(CG: int, lanes: int, joined: bool) -> list[slice]:
    """Vectors of channels that are transposed together: with all their taps they fill whole tiles.

    An even number of them, if they are many, is the same work for two threads.
    """
    vectors = -(-CG // lanes)
    count = -(-vectors // (1 if joined else NR_VECTORS))
    count = min(count + count % 2, vectors) if count > 3 else count
    return [slice(k * vectors // count, (k + 1) * vectors // count) for k in range(count)]


@kernel
def _weight_sum(x, gy, gw, memories, all_offsets, sizes, window, blocks, pool, first, last):
    """Compute gw for some blocks of channels, strips of outputs, and images."""
    if shared(pool, first, last):
        return
    groups, spans, count, deep, rows, height, width, lanes = sizes
    sh, sw, dh, dw, top, left = window
    _, O, OH, OW = gy.shape
    KW = gw.shape[4]
    OG, CG = O // groups, x.shape[1] // groups
    tile, T, steps = NR_VECTORS * lanes, spans * count, (OH + rows - 1) // rows
    memory, offsets = memories[-pool], all_offsets[-pool]
    flat = gy.reshape(-1)
    for block in range(first, last):
        g, o0, o1, c0, c1 = block_of(blocks, block)
        part, u0, u1 = blocks[block, 5], blocks[block, 6], blocks[block, 7]
        out = gw[part].reshape(-1)
        whole = CG % lanes == 0 and OG % MR == 0
        direct = T * deep == 1 and whole and (u1 - u0) * rows * OW <= MAX_TERMS
        CC = (c1 - c0) * deep
        span = (count * CC + lanes - 1) // lanes * lanes
        wide = spans * span
        end, size = height * width * CC + tile * CC, (o1 - o0) * MR * wide
        lines, sums, rest = memory[:end], memory[end : end + size], memory[end + size :]
        total, tail = rest[:size], rest[size:]
        lines[end - tile * CC :] = 0
        pending, flushed = 0, False
        for u in range(u0, u1):
            n, i0 = u // steps, u % steps * rows
            i1 = min(i0 + rows, OH)
            depth, high = (i1 - i0) * OW, height - (rows - i1 + i0) * sh
            if deep > 1:
                taken = (n, g * CG, CG), (i0 * sh - top, sh, dh, i1 - i0)
                stack_lines(x, *taken, deep, left, width, lines)
            else:
                transpose_lines(x, n, g * CG + c0, CC, i0 * sh - top, high, left, width, lines)
            down = width * CC * (1 if deep > 1 else sh)
            for i in range(i1 - i0):
                for j in range(OW):
                    offsets[i * OW + j] = i * down + j * sw * CC
            for o in range(o0, o1):
                at, step = ((n * O + g * OG + o * MR) * OH + i0) * OW, OH * OW
                complete = (o + 1) * MR <= OG
                if not complete:
                    _gather_rows(flat, at, step, OG - o * MR, depth, tail)
                for s in range(spans):
                    kh, kw = (s, 0) if count > 1 or KW == 1 else (s // KW, s % KW)
                    tap, more = (kh * dh * width + kw * dw) * CC, pending > 0
                    for v in range(0, span, tile):
                        vectors, v_at = min(NR_VECTORS, (span - v) // lanes), tap + v
                        if direct:
                            target, to, pitch = out, (g * OG + o * MR) * CG + c0 + v, CG
                        else:
                            target, to, pitch = (
                                sums,
                                (o - o0) * MR * wide + s * span + v,
                                wide,
                            )
                        if complete:
                            multiply_tile(
                                vectors, flat, at, step, 1, lines, v_at, offsets, depth,
                                target, to, pitch, more,
                            )  # fmt: skip
                        else:
                            multiply_tile(
                                vectors, tail, 0, depth, 1, lines, v_at, offsets, depth,
                                target, to, pitch, more,
                            )  # fmt: skip
            pending += depth
            if pending >= MAX_TERMS and not direct:
                _add(sums, total, flushed)
                pending, flushed = 0, True
        if not direct:
            if flushed and pending > 0:
                _add(sums, total, True)
            final = total if flushed else sums
            _store_gradient(final, (g, o0, o1, c0, c1), OG, CG, spans, count, deep, out)


@kernel
def _store_gradient(sums, block, OG, CG, spans, count, deep, gw):
    """gw[o, c, s, q] = sums[o, s, q, c], or with rows of taps stacked sums[o, 0, q, c, s]"""
    g, o0, o1, c0, c1 = block
    CC, T, wide = c1 - c0, spans * count * deep, len(sums) // ((o1 - o0) * MR)
    span = wide // spans
    for o in range(o0 * MR, min(o1 * MR, OG)):
        row = sums[(o - o0 * MR) * wide :]
        to = gw[((g * OG + o) * CG + c0) * T : ((g * OG + o) * CG + c1) * T]
        for s in range(spans):
            for d in range(deep):
                for q in range(count):
                    tap = to[(s * deep + d) * count + q :]
                    read = row[s * span + q * CC * deep + d :]
                    for c in range(CC):
                        tap[c * T] = read[c * deep]


@kernel
def _add(sums, total, more):
    if more:
        for k in range(len(sums)):
            total[k] += sums[k]
    else:
        for k in range(len(sums)):
            total[k] = sums[k]


@kernel
def _gather_rows(gy, at, step, valid, depth, tail):
    for r in range(MR):
        for t in range(depth):
            tail[r * depth + t] = gy[at + r * step + t] if r < valid else 0


@kernel
def transpose_lines(x, n, c0, CC, h0, height, left, width, lines):
    """lines[q, m, c] = x[n, c0 + c, h0 + q, m - left], zero outside x."""
    _, C, H, W = x.shape
    lanes = VECTOR_BYTES // x.itemsize
    flat = x.reshape(-1)
    before = min(max(left, 0), width)
    after = max(min(left + W, width), before)
    for q in range(height):
        h, line = h0 + q, q * width * CC
        if h < 0 or h >= H:
            lines[line : line + width * CC] = 0
            continue
        to = line + before * CC
        for c in range(0, CC, lanes):
            at, count = ((n * C + c0 + c) * H + h) * W + before - left, min(lanes, CC - c)
            # The padding and the next row overwrite the elements of a vector beyond the row.
            end, done = at + after - before + lanes, 0
            if count == lanes and end + (lanes - 1) * H * W <= len(flat):
                for m in range(0, after - before, lanes):
                    transpose_square(flat, at + m, H * W, lines, to + m * CC + c, CC)
                done = lanes
            while done + MR <= count and end + (done + MR - 1) * H * W <= len(flat):
                for m in range(0, after - before, lanes):
                    source, target = at + done * H * W + m, to + m * CC + c + done
                    transpose_tile(flat, source, H * W, lines, target, CC)
                done += MR
            for r in range(done, count):
                for m in range(after - before):
                    lines[to + m * CC + c + r] = flat[at + r * H * W + m]
        lines[line : line + before * CC] = 0
        lines[line + after * CC : line + width * CC] = 0


@kernel
def stack_lines(x, channels, rows, KH, left, width, lines):
    """lines[i, m, c, kh] = x[n, c, h0 + i * sh + kh * dh, m - left], zero outside x.

    channels: n, the first c, their number; rows: h0, sh, dh, the number of i.
    """
    (n, c0, CC), (h0, sh, dh, count) = channels, rows
    H, W = x.shape[2:]
    before = min(max(left, 0), width)
    after = max(min(left + W, width), before)
    for i in range(count):
        to = lines[i * width * CC * KH : (i + 1) * width * CC * KH]
        for k in range(CC * KH):
            h = h0 + i * sh + k % KH * dh
            inside = 0 <= h < H
            for m in range(before if inside else width):
                to[m * CC * KH + k] = 0
            if inside:
                row = x[n, c0 + k // KH, h]
                for m in range(before, after):
                    to[m * CC * KH + k] = row[m - left]
                for m in range(after, width):
                    to[m * CC * KH + k] = 0
