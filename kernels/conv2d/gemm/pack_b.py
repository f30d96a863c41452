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
def pack_from_image(x, channels, runs, q0, q1, NR, pitch, panels):
    """Pack some channels for the panels q0 ... q1 - 1.

    channels: the offset of the first one, elements to the next, and their number; pitch: elements
    from a panel to the next.
    """
    (at, plane, count), lanes = channels, lanes_of(x)
    takes = runs.takes[runs.starts[q0, 0] : runs.starts[q1, 0]]
    for c in range(count):
        row = c * NR - q0 * pitch
        for k in range(len(takes)):
            source, length = at + c * plane + takes[k, 1], takes[k, 2]
            for ahead in range(0, length, lanes):
                prefetch(x, source + CHANNELS_AHEAD * plane + ahead)
            if source + length + lanes <= len(x):
                copy_over(x, source, panels, row + takes[k, 0], length)
            else:
                copy_run(x, source, panels, row + takes[k, 0], length)


@kernel
def pack_from_lines(x, channels, step, line, rows, runs, q0, q1, NR, pitch, panels):
    """pack_from_image for all taps, each channel through a line.

    step: the stride in a row; rows: the first row of the line, the one after the last, and the
    elements of one.
    """
    (at, plane, number), (r0, r1, columns), lanes = channels, rows, lanes_of(x)
    fills, takes, starts, taps = runs.fills, runs.takes, runs.starts, runs.shifts
    base = r0 * columns
    for c in range(number):
        for k in range(runs.fill_starts[r0], runs.fill_starts[r1]):
            source = at + c * plane + fills[k, 1]
            copy_strided(x, source, step, line, fills[k, 0] - base, fills[k, 2])
        row = c * len(taps) * NR - q0 * pitch
        for q in range(q0, q1):
            for k in range(starts[q, 0], starts[q + 1, 0]):
                # Beyond a run is the next one, which overwrites it; beyond a row, the next tap's.
                column, count = takes[k, 0] - q * pitch, takes[k, 2]
                room = column + (count + lanes - 1) // lanes * lanes <= NR
                to = takes[k, 0] + row
                copy_shifted(line, takes[k, 1] - base, taps, panels, to, NR, count, room)
