"""The direct convolution in Numba: its micro-kernels over the tiles of planes."""

from ...jit import kernel
from ...machine import machine
from ...thread_pool import shared
from .code import lane_sum, lanes_for
from .products import product_tile
from .spread import PAIRS, spread_tile
from .spread_strip import spread_strip
from .sum_strip import sum_strip
from .sums import ROWS, sum_tile

BAND = machine().l1.size // 2  # bytes of the rows that the strips of a band read and write


@kernel(inline=True)
def _bands(rows, row_size, itemsize, least):
    """The number of bands of about BAND bytes that `rows` rows make, none below `least` rows."""
    height = max(2 * least, BAND // (row_size * itemsize))
    return (rows + height - 1) // height


@kernel
def sum_planes(x, w, zeros, bias, scale, relu, shape, y, pool, first, last):
    """y for the items first ... last - 1, each a group of an image."""
    if shared(pool, first, last):
        return
    s, lanes = shape, lanes_for(x, shape)
    height = min(ROWS, s.OH)
    for item in range(first, last):
        g, plane = item % s.groups, item * s.terms * s.H * s.W
        for band in range(0, s.OH, ROWS):
            i0 = max(0, min(band, s.OH - ROWS))
            for r in range(s.rows):
                w_at = s.w_start + g * s.w_group + r * s.w_plane
                y_at = (item * s.rows + r) * s.OH * s.OW
                add = bias[g * s.rows + r] if len(bias) > 0 else x.dtype.type(0)
                for block in range(0, s.OW, lanes):
                    j0 = max(0, min(block, s.OW - lanes))
                    sum_tile(
                        x, zeros, shape, plane, w, w_at, add, scale, relu, y, y_at, i0, j0, height
                    )


@kernel
def sum_strips(x, w, zeros, bias, scale, relu, shape, y, pool, first, last):
    """sum_planes for groups of one channel and a kernel of known size."""
    if shared(pool, first, last):
        return
    s, lanes = shape, lanes_for(x, shape)
    bands = _bands(s.OH, s.stride_h * s.W + s.OW, x.itemsize, s.KH)
    for item in range(first, last):
        g, plane = item % s.groups, item * s.H * s.W
        for band in range(bands):
            i0 = band * s.OH // bands
            count = (band + 1) * s.OH // bands - i0
            for r in range(s.rows):
                w_at = s.w_start + g * s.w_group + r * s.w_plane
                y_at = (item * s.rows + r) * s.OH * s.OW
                add = bias[g * s.rows + r] if len(bias) > 0 else x.dtype.type(0)
                for block in range(0, s.OW, lanes):
                    j0 = max(0, min(block, s.OW - lanes))
                    sum_strip(
                        x, zeros, shape, plane, w, w_at, add, scale, relu, y, y_at, i0, count, j0
                    )


@kernel
def spread_planes(gy, w, zeros, shape, gx, pool, first, last):
    """gx of a convolution of stride 2, for the items first ... last - 1: groups of images."""
    if shared(pool, first, last):
        return
    s, lanes = shape, lanes_for(gy, shape)
    height, width = (s.OH + 1) // 2, (s.OW + 1) // 2
    for item in range(first, last):
        plane = item * s.terms * s.H * s.W
        for band in range(0, height, PAIRS):
            i0 = max(0, min(band, height - PAIRS))
            for r in range(s.rows):
                w_at = item % s.groups * s.w_group + r * s.w_plane
                gx_at = (item * s.rows + r) * s.OH * s.OW
                for block in range(0, width, lanes):
                    j0 = max(0, min(block, width - lanes))
                    spread_tile(gy, zeros, shape, plane, w, w_at, gx, gx_at, i0, j0)


@kernel
def spread_strips(gy, w, zeros, shape, gx, pool, first, last):
    """spread_planes for groups of one output channel and a kernel of known size."""
    if shared(pool, first, last):
        return
    s, lanes = shape, lanes_for(gy, shape)
    start = s.top // 2
    height, width = (s.OH - 1 + s.top) // 2 - start + 1, (s.OW + 1) // 2
    bands = _bands(height, s.W + 2 * s.OW, gy.itemsize, s.KH)
    for item in range(first, last):
        plane = item * s.H * s.W
        for band in range(bands):
            a0 = start + band * height // bands
            count = start + (band + 1) * height // bands - a0
            for r in range(s.rows):
                w_at = item % s.groups * s.w_group + r * s.w_plane
                gx_at = (item * s.rows + r) * s.OH * s.OW
                for block in range(0, width, lanes):
                    j0 = max(0, min(block, width - lanes))
                    spread_strip(gy, zeros, shape, plane, w, w_at, gx, gx_at, a0, count, j0)


@kernel
def multiply_planes(x, gy, zeros, shape, memories, gw, pool, first, last):
    """gw (part, ...) of the items first ... last - 1, each a group and a part of the images.

    The products are summed per lane and tap; the lanes are summed at the end. Such partial sums
    have few terms, which keeps the rounding error small.
    """
    if shared(pool, first, last):
        return
    s, lanes = shape, lanes_for(x, shape)
    taps, sums = s.KH * s.KW, memories[-pool]
    size, g_size, pairs = s.H * s.W, s.OH * s.OW, s.rows * s.terms
    images, parts, out = len(x) // (s.groups * s.terms * size), len(gw), gw.reshape(-1)
    for item in range(first, last):
        part, g = item // s.groups, item % s.groups
        sums[: pairs * taps * lanes] = 0
        for n in range(part * images // parts, (part + 1) * images // parts):
            for pair in range(pairs):
                plane = ((n * s.groups + g) * s.terms + pair % s.terms) * size
                gy_at = ((n * s.groups + g) * s.rows + pair // s.terms) * g_size
                for j0 in range(0, s.OW, lanes):
                    product_tile(x, zeros, shape, plane, gy, gy_at, sums, pair * taps * lanes, j0)
        at = item * pairs * taps
        for k in range(pairs * taps):
            out[at + k] = lane_sum(sums, k * lanes, shape)
