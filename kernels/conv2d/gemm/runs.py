"""Runs of adjacent elements: from an image to its lines, on to the panels of B, from tiles to y.

The columns of B are the positions p = (n, i, j) of a grid, counted through all images, NR to a
panel. A *line* holds the padded rows of one channel that a block of positions reads, split into
phases by the stride,

    line[a, b, q, m] = x[h * stride + a + top, m * stride + b + left]    q: row h of an image

so one tap reads adjacent elements of it for adjacent positions of a row, at a constant distance
from those of the first tap. The runs are the same for all channels: a block lists them once.
"""

from typing import NamedTuple

import numpy as np

from ...jit import kernel


class Runs(NamedTuple):
    """The runs of a block. A row of each list: offset in the target, in the source, and count;
    for `puts` the offset in a tile, in y, and count.
    """

    fills: np.ndarray  # from a channel of the image to its line
    takes: np.ndarray  # from the line, or the image, to the panels of B
    take_starts: np.ndarray  # of each panel, and their number
    puts: np.ndarray  # from a tile to a row of y
    put_starts: np.ndarray
    shifts: np.ndarray  # of each tap in the line


@kernel
def list_block(table, memory, x, y, sizes, places, lines, shifts, pitch, first, last):
    """The runs of the positions first ... last - 1; x and y are the shapes of the images."""
    _, CX, H, W = x
    _, CY, YH, YW = y
    GH, GW = places.GH, places.GW
    images = (last - 1) // (GH * GW) - first // (GH * GW) + 1
    rows = (last - 1) // GW - first // GW + 1 + images * lines.more
    fills, rest = table[: 3 * memory.fills].reshape(-1, 3), table[3 * memory.fills :]
    takes, rest = rest[: 3 * memory.runs].reshape(-1, 3), rest[3 * memory.runs :]
    puts, rest = rest[: 3 * memory.runs].reshape(-1, 3), rest[3 * memory.runs :]
    starts, ends = rest[: memory.runs], rest[memory.runs : 2 * memory.runs]
    taps = rest[2 * memory.runs : 2 * memory.runs + len(shifts)]
    NR = sizes.NR
    if sizes.in_place:
        _list_runs(places, (CX * H * W, W, 1, 0, True), NR, pitch, first, last, takes, starts)
    else:
        fills = fills[: _list_fills((CX, H, W), places, lines, rows, first, last, fills)]
        line = 0, lines.columns, 1, lines.more, lines.columns == GW
        _list_runs(places, line, NR, pitch, first, last, takes, starts)
        for t in range(len(shifts)):
            h, w = shifts[t]
            phase = h % places.sh * lines.pw + w % places.sw
            taps[t] = (phase * rows + h // places.sh) * lines.columns + w // places.sw
    out = CY * YH * YW, YW * places.step_h, places.step_w, 0, sizes.whole
    _list_runs(places, out, NR, 0, first, last, puts, ends)
    start = places.start_h * YW + places.start_w
    for k in range(ends[(last - first + NR - 1) // NR]):
        puts[k, 1] += start
    return Runs(fills, takes, starts, puts, ends, taps)


@kernel
def _list_fills(shape, places, lines, rows, first, last, runs):
    """The runs from a channel to its line; what they leave out is padding. Returns their number."""
    CX, H, W = shape
    GW, sh, sw, top, left = places.GW, places.sh, places.sw, places.top, places.left
    plane, base, k = places.GH * GW, 0, 0
    for n in range(first // plane, (last - 1) // plane + 1):
        i0 = max(first - n * plane, 0) // GW
        count = (min(last - n * plane, plane) - 1) // GW + 1 - i0 + lines.more
        for phase in range(lines.ph * lines.pw):
            a, b = phase // lines.pw, phase % lines.pw
            before = min(max(-((b + left) // sw), 0), lines.columns)
            after = max(min((W - 1 - b - left) // sw + 1, lines.columns), before)
            for q in range(count):
                h = (i0 + q) * sh + a + top
                if 0 <= h < H and after > before:
                    runs[k, 0] = (phase * rows + base + q) * lines.columns + before
                    runs[k, 1] = (n * CX * H + h) * W + before * sw + b + left
                    runs[k, 2] = after - before
                    k += 1
        base += count
    return k


@kernel
def _list_runs(places, other, NR, pitch, first, last, runs, starts):
    """The runs between panels of NR positions, `pitch` elements apart, and another array.

    other: its elements from an image to the next (0: the rows of images follow one another), from
    a row to the next, and from a position to the next; the rows beyond those of an image; whether
    rows of positions are adjacent.
    """
    image, row, step, more, joined = other
    GH, GW = places.GH, places.GW
    plane, p, k, base = GH * GW, first, 0, -(first % (GH * GW) // GW) * row
    while p < last:
        n, at, panel, column = p // plane, p % plane, (p - first) // NR, (p - first) % NR
        if at == 0 and p > first and image == 0:
            base += (GH + more) * row
        if column == 0:
            starts[panel] = k
        start = n * image if image > 0 else base
        run = min(last - p, NR - column, plane - at if joined else GW - at % GW)
        runs[k, 0] = panel * pitch + column
        runs[k, 1] = start + at // GW * row + at % GW * step
        runs[k, 2] = run
        k += 1
        p += run
    starts[(last - first + NR - 1) // NR] = k
