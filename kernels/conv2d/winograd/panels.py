"""Winograd's transforms into panels, and the products of the panels at each point.

V   [point][panel of KC channels][tile][KC]       the windows of x
U   [point][panel of NR outputs][channel][NR]     the weights; the last panel may be narrower
M   [point][tile][output]                         their products
"""

from ...jit import kernel
from ...micro_kernel import MR, NR_VECTORS, lanes_of, multiply_tile, transpose_tile
from ...vector_copy import prefetch
from ..gemm.weight_sum import transpose_lines
from ..transforms import transform_weight, transform_window
from .plan import CHANNELS


@kernel
def transform_windows(tile, x, c0, c1, r0, r1, TH, TW, before, lines, v, v_at, v_row, v_point):
    """v[v_at + point * v_point + t * v_row + c - c0]: the windows of the tiles' rows r0 ... r1 - 1.

    r counts rows of tiles in all images; lines: scratch memory.
    """
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
                    to = v_at + ((r - r0 + i) * TW + j) * v_row + c - c0
                    transform_window(
                        tile, lines, at, width * CC, CC, v, to, reach * v_point, v_point
                    )
            r += rows


@kernel
def transform_weights(s, w, steps, rows, channels, packed, u, u_point, wide):
    """U of the rows o0 ... o1 - 1 of weights, whole strips, and the channels c0 ... c1 - 1.

    steps: of a row and of a channel in the flat w, and whether kernels are flipped; channels: c0,
    c1, the channels of a panel of u, and the place of c0 among them; wide: the outputs of u; its
    first is o0; packed: scratch memory.
    """
    row_step, step, flipped = steps
    o0, o1 = rows
    begin, end, depth, first = channels
    lanes, reach, strip = lanes_of(u), s.tile + 2, s.strip
    start, tap = (8 * strip, -strip) if flipped else (0, strip)
    width = NR_VECTORS * lanes
    for c0 in range(begin, end, CHANNELS):
        c1 = min(c0 + CHANNELS, end)
        for o in range(o0, o1, strip):
            _transpose_strip(s, w, row_step, step, o, c0, c1, packed)
            for r in range(o - o0, o - o0 + strip, lanes):
                panel = r // width * width
                across = min(width, wide - panel)
                to = panel * depth + (first + c0 - begin) * across + r - panel
                for c in range(c1 - c0):
                    at = 9 * c * strip + start + r - (o - o0)
                    transform_weight(
                        s.tile, packed, at, 3 * tap, tap, u, to + c * across,
                        reach * u_point, u_point,
                    )  # fmt: skip


@kernel
def _transpose_strip(s, w, row_step, step, row, c0, c1, packed):
    """packed[c - c0, tap, r] = w[row + r, c, tap] for the rows r of a strip."""
    strip = s.strip
    if step == 9:  # the kernels of a row are adjacent
        _transpose(w, row * row_step + 9 * c0, row_step, s.R - row, 9 * (c1 - c0), packed, 0, strip)
        return
    line = 64 // w.itemsize
    for c in range(c0, c1):
        at = row * row_step + c * step
        # The same strip of the channels to come is far away: no processor expects it.
        for k in range(at, at + 9 * strip, line):
            prefetch(w, k + (c1 - c0) * step)
        _transpose(w, at, row_step, s.R - row, 9, packed, 9 * (c - c0) * strip, strip)


@kernel
def _transpose(w, start, row_step, rows, count, packed, to, strip):
    """packed[to + k * strip + r] = w[start + r * row_step + k] for k < count; zero from `rows` on.

    Up to a vector of numbers k beyond `count` is overwritten.
    """
    lanes = lanes_of(packed)
    for r in range(0, strip, MR):
        k = 0
        if r + MR <= rows:
            end = len(w) - lanes - start - (r + MR - 1) * row_step
            while k < count and k <= end:
                at = start + r * row_step + k
                transpose_tile(w, at, row_step, packed, to + k * strip + r, strip)
                k += lanes
        while k < count:
            for q in range(r, r + MR):
                packed[to + k * strip + q] = w[start + q * row_step + k] if q < rows else 0
            k += 1


@kernel
def multiply(s, tiles, begin, end, v, u, u_at, u_point, wide, offsets, m, m_point):
    """M += V U at each point, for the channels begin ... end - 1 of U and `wide` of its outputs.

    The channel 0 begins the sums. u_at: the first output; offsets: scratch memory.
    """
    lanes, KC = lanes_of(v), s.KC
    width = NR_VECTORS * lanes
    rest = wide - wide // width * width
    for c in range(KC):
        offsets[c], offsets[KC + c] = c * width, c * rest
    for k in range(s.points):
        for c0 in range(begin, end, KC):
            depth = min(KC, end - c0)
            for o in range(0, wide, width):
                across = min(width, wide - o)
                steps = offsets[:KC] if across == width else offsets[KC:]
                u_from = k * u_point + u_at + o * (end - begin) + (c0 - begin) * across
                for t in range(0, tiles, MR):
                    v_from = k * s.v_point + c0 * s.MC + t * KC
                    multiply_tile(
                        across // lanes, v, v_from, KC, 1, u, u_from, steps, depth,
                        m, k * m_point + t * wide + o, wide, c0 > 0,
                    )  # fmt: skip
