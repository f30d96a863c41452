"""Packs the panels of B directly from the image: B[k, p] with k = (channel, tap), p = (n, i, j).

A panel holds NR columns: NR elements for each k, and a row more, which the last vector of a run
overwrites. Kernels of one tap without stride or padding read the image; the others read lines
(runs.py).
"""

from ...jit import kernel
from ...micro_kernel import lanes_of
from ...vector_copy import copy_over, copy_run, copy_shifted, copy_strided, prefetch

CHANNELS_AHEAD = 2  # to prefetch: channels are on different pages, which no hardware prefetches


@kernel
def pack_from_image(x, channels, runs, panel_count, NR, panels):
    """Pack some channels: the offset of the first one, elements to the next, and their number."""
    at, plane, count = channels
    lanes, takes = lanes_of(x), runs.takes[: runs.take_starts[panel_count]]
    for c in range(count):
        for k in range(len(takes)):
            source, length = at + c * plane + takes[k, 1], takes[k, 2]
            for ahead in range(0, length, lanes):
                prefetch(x, source + CHANNELS_AHEAD * plane + ahead)
            if source + length + lanes <= len(x):
                copy_over(x, source, panels, takes[k, 0] + c * NR, length)
            else:
                copy_run(x, source, panels, takes[k, 0] + c * NR, length)


@kernel
def pack_from_lines(x, channels, step, line, runs, panel_count, NR, pitch, panels):
    """Pack all taps of some channels, each through a line; step: the stride in a row."""
    (at, plane, number), lanes = channels, lanes_of(x)
    fills, takes, starts, taps = runs.fills, runs.takes, runs.take_starts, runs.shifts
    for c in range(number):
        for k in range(len(fills)):
            copy_strided(x, at + c * plane + fills[k, 1], step, line, fills[k, 0], fills[k, 2])
        row = c * len(taps) * NR
        for q in range(panel_count):
            for k in range(starts[q], starts[q + 1]):
                # Beyond a run is the next one, which overwrites it; beyond a row, the next tap's.
                column, count = takes[k, 0] - q * pitch, takes[k, 2]
                room = column + (count + lanes - 1) // lanes * lanes <= NR
                to = takes[k, 0] + row
                copy_shifted(line, takes[k, 1], taps, panels, to, NR, count, room)
