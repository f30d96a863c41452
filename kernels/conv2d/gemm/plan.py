"""The plan of a product: its block sizes, its blocks of work, and the memory that each needs.

A grid (grid.py) is a matrix product per group,  C[r, p] = sum over k of  A[r, k] * B[k, p],  of the
weights A (rows, terms x taps) and the columns B of the image (terms x taps, positions). blocking.py
gives KC, NC and MC; positions and rows are then cut so that all threads have equal work.
"""

from typing import Any, NamedTuple

import numpy as np

from ...blocking import blocking
from ...machine import machine
from ...micro_kernel import MR, NR_VECTORS
from ...workspace import cut
from .grid import Grid
from .runs import Lines, Places, Runs, list_runs
from .weights import STRIPS_PER_PASS, Matrix

PACK_CYCLES = 4  # to pack a vector of B, against one for each multiply-add of it
PACK_A_CYCLES = 0.5  # to pack a number of A
BLOCK_CYCLES = 4000  # to begin a block


class Sizes(NamedTuple):
    """The sizes that kernels need, in elements."""

    rows: int
    terms: int
    taps: int
    step: int  # terms of a block of KC
    strips: int  # of MR rows
    NR: int
    in_place: bool  # B is packed from the image itself, not from lines
    whole: bool  # C is all of y: positions follow one another in both


class Memory(NamedTuple):
    """The elements that a block needs of each kind."""

    weights: int
    tile: int
    panels: int
    line: int


class Plan(NamedTuple):
    """How to compute a grid."""

    grid: Grid
    sizes: Sizes
    places: Places
    lines: Lines
    memory: Memory
    taps: np.ndarray  # indices in the flat kernel
    runs: Runs
    blocks: np.ndarray  # rows of g, q0, q1, s0, s1: panels of positions, strips of rows
    macs: int


def arrange(matrix: Matrix, grid: Grid, x_shape: tuple, y_size: tuple, itemsize: int, threads: int):
    """The plan of a grid that reads x and writes images of y_size."""
    N, (H, W), (GH, GW), (sh, sw) = x_shape[0], x_shape[2:], grid.size, grid.stride
    top, left = (min(at[axis] for at in grid.at) for axis in (0, 1))
    shifts = [(h - top, w - left) for h, w in grid.at]
    down, right = (max(shift[axis] for shift in shifts) for axis in (0, 1))
    more = down // sh

    T, NR, m = len(grid.taps), NR_VECTORS * machine().lanes(itemsize), machine()
    KC, NC, MC = blocking(m, MR, NR, itemsize, threads)
    step = -(-matrix.terms // max(1, round(matrix.terms * T / KC)))
    depth = step * T
    in_place = T == 1 and (top, left, sh, sw) == (0, 0, 1, 1) and (GH, GW) == (H, W)
    whole = y_size == (GH, GW)
    sizes = Sizes(matrix.rows, matrix.terms, T, step, matrix.strips, NR, in_place, whole)
    panels = -(-N * GH * GW // NR)
    # A block of B with other than KC terms takes as many bytes as one with KC.
    most = max(1, NC * KC // (depth * NR)), max(1, MC // MR)
    blocks = _blocks(matrix, T, panels, most, threads)
    wide = max((q1 - q0 for _, q0, q1, _, _ in blocks), default=0)
    # The images of a block may end in it: each has `more` rows beyond those of its positions.
    rows = wide * NR // GW + 2 + (wide * NR // (GH * GW) + 2) * more
    lines = Lines(min(sh, down + 1), min(sw, right + 1), rows, GW + right // sw, more)
    places = Places(GH, GW, sh, sw, top, left, *grid.start, *grid.step)
    memory = Memory(
        panels=wide * (depth + 1) * NR,
        line=0 if in_place else lines.ph * lines.pw * rows * lines.columns + NR,
        tile=MR * NR,
        weights=STRIPS_PER_PASS * MR * depth,
    )
    y_shape = N, matrix.groups * matrix.rows, *y_size
    return Plan(
        grid=grid,
        sizes=sizes,
        places=places,
        lines=lines,
        memory=memory,
        taps=np.array(grid.taps, np.int64),
        runs=list_runs(sizes, places, lines, shifts, (depth + 1) * NR, x_shape, y_shape),
        blocks=np.array(blocks, np.int64).reshape(-1, 5),
        macs=N * GH * GW * matrix.groups * matrix.rows * matrix.terms * T,
    )


def _blocks(matrix: Matrix, taps: int, panels: int, most: tuple, threads: int) -> list[tuple]:
    """(g, q0, q1, s0, s1) of blocks that take the threads the least time.

    most: the panels of NC, the strips of MC. A block of few rows packs the panels of B for few
    multiply-adds; a block of few panels leaves threads idle where the panels are few. No sum is
    cut, so the choice affects no result.
    """
    best: Any = None
    for down in _cuts(matrix.strips, most[1]):
        for along in _cuts(panels, most[0]):
            wide, high = (
                max((c.stop - c.start for c in cuts), default=0) for cuts in (along, down)
            )
            work = wide * NR_VECTORS * (high * MR + PACK_CYCLES) + high * MR * PACK_A_CYCLES
            work *= matrix.terms * taps
            turns = -(-matrix.groups * len(down) * len(along) // threads)
            time = turns * (work + BLOCK_CYCLES)
            if best is None or time < best[0]:
                best = time, down, along
    _, down, along = best
    return [
        (g, q.start, q.stop, s.start, s.stop)
        for g in range(matrix.groups)
        for q in along
        for s in down
    ]


def _cuts(count: int, most: int) -> list[list[slice]]:
    """Ways to cut `count` into parts of at most `most`."""
    lengths = {min(most, -(-count // parts)) for parts in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64)}
    return [cut(count, length) for length in sorted(lengths, reverse=True)]
