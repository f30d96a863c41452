"""Runs of adjacent elements: from an image to its lines, on to the panels of B, from tiles to y.

The columns of B are the positions p = (n, i, j) of a grid, counted through all images, NR to a
panel. A *line* holds the padded rows of one channel that a block of positions reads, split into
phases by the stride,

    line[a, b, q, m] = x[h * stride + a + top, m * stride + b + left]    q: row h of an image

so one tap reads adjacent elements of it for adjacent positions of a row, at a constant distance
from those of the first tap. The runs are the same for all channels and calls: a plan lists them
once, for a line that holds all images. A block reads the part of its positions.
"""

from typing import NamedTuple

import numpy as np

from ...jit import kernel


class Places(NamedTuple):
    """The grid of positions (i, j): where x is read and y is written."""

    GH: int
    GW: int
    sh: int
    sw: int
    top: int
    left: int
    start_h: int
    start_w: int
    step_h: int
    step_w: int


class Lines(NamedTuple):
    """The lines of a channel: ph * pw phases, each of some rows of `columns` elements."""

    ph: int
    pw: int
    rows: int  # of the longest block
    columns: int
    more: int  # rows of an image beyond those of its positions


class Runs(NamedTuple):
    """The runs of a grid. A row of each list: offset in the target, in the source, and count;
    for `puts` the offset in a tile, in y, and count.
    """

    fills: np.ndarray  # from a channel of the images to its line
    fill_starts: np.ndarray  # of each row of the line, and their number
    takes: np.ndarray  # from the line, or the images, to the panels of B
    puts: np.ndarray  # from a tile to y
    starts: np.ndarray  # of each panel in takes and puts, and their numbers
    shifts: np.ndarray  # of each tap in the line


def list_runs(sizes, places: Places, lines: Lines, shifts, pitch, x_shape, y_shape) -> Runs:
    """The runs of all positions of a grid.

    shifts: rows and columns of each tap from the first that is read; pitch: elements from a panel
    of B to the next.
    """
    N, CX, H, W = x_shape
    CY, YH, YW = y_shape[1:]
    GH, GW, columns, phase = places.GH, places.GW, lines.columns, lines.rows * lines.columns
    panels = sizes.NR, pitch
    if sizes.in_place:
        fills, fill_starts = np.zeros((0, 3), np.int64), np.zeros(N * GH + 1, np.int64)
        takes, take_starts = _list_runs(places, panels, N, (CX * H * W, W, 1), True)
    else:
        fills, fill_starts = _list_fills(places, lines, x_shape)
        line = (GH + lines.more) * columns, columns, 1
        takes, take_starts = _list_runs(places, panels, N, line, columns == GW)
    out = CY * YH * YW, places.step_h * YW, places.step_w
    puts, put_starts = _list_runs(places, (sizes.NR, 0), N, out, sizes.whole)
    puts[:, 1] += places.start_h * YW + places.start_w
    h, w = np.array(shifts, np.int64).T
    in_phase = h // places.sh * columns + w // places.sw
    taps = (h % places.sh * lines.pw + w % places.sw) * phase + in_phase
    return Runs(fills, fill_starts, takes, puts, np.stack([take_starts, put_starts], 1), taps)


def _list_fills(places: Places, lines: Lines, x_shape) -> tuple[np.ndarray, np.ndarray]:
    """The runs from a channel to its line, and where each row begins; the rest is padding."""
    N, CX, H, W = x_shape
    _, _, sh, sw, top, left, *_ = places
    rows = np.arange(N * (places.GH + lines.more))[:, None]
    n, i = np.divmod(rows, places.GH + lines.more)
    a, b = np.divmod(np.arange(lines.ph * lines.pw), lines.pw)
    h = i * sh + a + top
    before = np.clip(-((b + left) // sw), 0, lines.columns)
    after = np.clip((W - 1 - b - left) // sw + 1, before, lines.columns)
    target = ((a * lines.pw + b) * lines.rows + rows) * lines.columns + before
    source = (n * CX * H + h) * W + before * sw + b + left
    inside = (h >= 0) & (h < H) & (after > before)
    runs = np.stack(np.broadcast_arrays(target, source, after - before), 2)[inside]
    return runs, np.append(0, np.cumsum(inside.sum(1)))


def _list_runs(places: Places, panels: tuple, images: int, steps: tuple, joined: bool):
    """The runs between panels and another array, and where those of each panel begin.

    panels: positions in one, and elements from one to the next; steps: elements of the other array
    from an image, a row and a position to the next; joined: whether the rows of an image are
    adjacent in it.
    """
    (NR, pitch), plane = panels, places.GH * places.GW
    positions = images * plane
    ends = np.arange(0, positions, max(plane if joined else places.GW, 1))
    p = np.union1d(np.arange(0, positions, NR), ends)
    n, at = np.divmod(p, plane)
    i, j = np.divmod(at, places.GW)
    other = n * steps[0] + i * steps[1] + j * steps[2]
    runs = np.stack([p // NR * pitch + p % NR, other, np.diff(p, append=positions)], 1)
    return runs, np.searchsorted(p, np.arange(0, positions + NR, NR))


@kernel
def row_of(p, places, lines):
    """The row of a line that position p reads first."""
    plane = places.GH * places.GW
    return p // plane * (places.GH + lines.more) + p % plane // places.GW
