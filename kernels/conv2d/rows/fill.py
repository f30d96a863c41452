"""The kernels over strips of planes: sums over taps (forward), sums of products per tap (gw)."""

from ...jit import kernel
from ...micro_kernel import lanes_of
from ...thread_pool import shared
from .lines import copy_row, pack_lines
from .thin_tile import add_products, write_sums


@kernel
def sum_planes(x, w, taps, vectors, sizes, after, lines, y, pool, first, last):
    """Compute y for the items first ... last - 1, each a group of an image."""
    if shared(pool, first, last):
        return
    line = lines[-pool]
    line[:] = 0
    groups, R, C, row_step, group_step, OH, OW, strips, rows, columns, more = sizes[:11]
    across, top, left, _ = sizes[11:]
    (weights, offsets), (ats, outs) = taps, vectors
    flat, out, size, K = x.reshape(-1), y.reshape(-1), x.shape[2:], len(weights)
    tile_rows = 4 if R % 4 == 0 else 1
    for item in range(first, last):
        g = item % groups
        for strip in range(strips):
            i0, i1 = strip * OH // strips, (strip + 1) * OH // strips
            pack_lines(
                flat, item * C, size, (C, rows, columns, top, left), i0, i1 - i0 + more, line
            )
            for r in range(0, R, tile_rows):
                to = (item * R + r) * OH * OW + i0 * OW
                write_sums(
                    tile_rows, w, g * group_step + r * row_step, row_step, weights, line, offsets,
                    K, ats, (i1 - i0) * across, after, g * R + r, outs, out, to, OH * OW,
                )  # fmt: skip


@kernel
def multiply_planes(x, gy, taps, vectors, sizes, memories, gw, pool, first, last):
    """gw (part, ...) of the items first ... last - 1, each a group and a part of the images.

    The products of a strip are summed per lane, then added to those before; the lanes are summed at
    the end. Such partial sums have few terms, which keeps the rounding error small.
    """
    if shared(pool, first, last):
        return
    memory = memories[-pool]
    groups, R, C, _, _, OH, OW, strips, rows, columns, more = sizes[:11]
    across, top, left, whole = sizes[11:]
    (weights, offsets), ats = taps, vectors[0]
    lanes, K, size = lanes_of(x), len(weights), x.shape[2:]
    flat, flat_gy, out = x.reshape(-1), gy.reshape(-1), gw.reshape(-1)
    number, wide = len(ats) * lanes, whole * lanes
    end = len(memory) - R * wide
    line, g_rows, sums = memory[: end - R * number], memory[end - R * number : end], memory[end:]
    line[:] = 0
    tile_rows = 4 if R % 4 == 0 else 1
    for share in range(first, last):
        part, g = share // groups, share % groups
        n0, n1 = part * len(x) // len(gw), (part + 1) * len(x) // len(gw)
        sums[:] = 0
        for item in range(n0 * groups + g, n1 * groups, groups):
            for strip in range(strips):
                i0, i1 = strip * OH // strips, (strip + 1) * OH // strips
                shape = C, rows, columns, top, left
                pack_lines(flat, item * C, size, shape, i0, i1 - i0 + more, line)
                for r in range(R):
                    for i in range(i0, i1):
                        to = r * number + (i - i0) * across * lanes
                        copy_row(flat_gy, ((item * R + r) * OH + i) * OW, g_rows, to, OW)
                for r in range(0, R, tile_rows):
                    add_products(
                        tile_rows, g_rows, r * number, number, line, ats, (i1 - i0) * across,
                        offsets, K, sums, r * wide, wide,
                    )  # fmt: skip
        for k in range(R * K):
            total = 0.0
            at = k // K * wide + k % K * lanes
            for lane in range(at, at + lanes):
                total += sums[lane]
            out[share * R * K + k] = total
