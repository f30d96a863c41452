"""Packs weights for the register tiles: for each k, the MR elements of a strip are adjacent.

The weights of a convolution are a matrix per group, w[r, k] with k = (term, tap). Rows and terms
are output and input channels; in the input gradient they are input and output channels.
"""

from typing import NamedTuple

import numpy as np

from ...blocking import collides
from ...jit import kernel
from ...machine import machine
from ...micro_kernel import MR, lanes_of, transpose_strip
from ...thread_pool import shared
from ...vector_copy import copy_columns, copy_rows

STRIPS_PER_PASS = 8  # packed together, since their elements are adjacent in every term
TERMS_PER_PASS = 8  # packed together, so that source and target stay in the cache
MAX_UNPACKED_PANELS = 4  # of B, up to which packing A takes longer than it saves


class Matrix(NamedTuple):
    """The layout of one matrix per group in flat weights; the taps of a kernel are adjacent."""

    groups: int
    rows: int
    terms: int
    row_step: int
    term_step: int

    @classmethod
    def forward(cls, w_shape: tuple, groups: int) -> "Matrix":
        """Rows are output channels, terms input channels."""
        O, CG, KH, KW = w_shape
        return cls(groups, O // groups, CG, CG * KH * KW, KH * KW)

    @classmethod
    def backward(cls, w_shape: tuple, groups: int) -> "Matrix":
        """Rows are input channels, terms output channels."""
        O, CG, KH, KW = w_shape
        return cls(groups, CG, O // groups, KH * KW, CG * KH * KW)

    @property
    def strips(self) -> int:
        """The number of strips of MR rows in a group."""
        return -(-self.rows // MR)

    @property
    def group_step(self) -> int:
        return max(self.rows * self.row_step, self.terms * self.term_step)


class Layout(NamedTuple):
    """The layout of A: packed for each block of KC terms, strip after strip, or left in place."""

    strips: int  # number of strips to pack; 0: tiles read the weights without packing
    numbers: int  # number of packed elements
    strides: tuple[int, int, int, int, int]  # of a row, a k, a strip (if not packed), a term, group


def layout(matrix: Matrix, taps: int, panels: int, itemsize: int) -> Layout:
    """How to pack the weights for `panels` micro-panels of B."""
    kernel_size = min(matrix.row_step, matrix.term_step)
    # Where the terms and taps of a row are adjacent, tiles can read w without packing.
    is_adjacent = matrix.term_step == taps == kernel_size
    reads_in_place = is_adjacent and not collides(matrix.row_step * itemsize, MR, machine().l1)
    if matrix.rows % MR == 0 and panels <= MAX_UNPACKED_PANELS and reads_in_place:
        strides = matrix.row_step, 1, MR * matrix.row_step, taps, matrix.group_step
        return Layout(0, 0, strides)
    rows = matrix.strips * MR
    group = matrix.terms * taps * rows
    strips = matrix.groups * matrix.strips
    return Layout(strips, matrix.groups * group, (1, MR, 0, taps * rows, group))


def read_only(array: np.ndarray) -> np.ndarray:
    """A contiguous read-only view: all arguments have one type, so kernels compile only once."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


@kernel
def pack_a(w, matrix, taps, step, packed, pool, first, last):
    """Pack the strips first ... last - 1 of the flat w, for each block of `step` terms.

    Rows beyond the matrix are zero.
    """
    if shared(pool, first, last):
        return
    T, C, strips = len(taps), matrix.terms, (matrix.rows + MR - 1) // MR
    # Terms that are adjacent in a row are read along it, others a few at a time.
    few = step if matrix.term_step == T else TERMS_PER_PASS
    for begin in range(first, last, STRIPS_PER_PASS):
        end = min(begin + STRIPS_PER_PASS, last)
        for c0 in range(0, C, step):
            c1 = min(c0 + step, C)
            for c in range(c0, c1, few):
                for strip in range(begin, end):
                    to = (strip // strips * C + c0) * strips + strip % strips * (c1 - c0)
                    to = (to + c - c0) * T * MR
                    _pack_terms(w, matrix, taps, strip, (c, min(c + few, c1)), packed, to)


@kernel
def _pack_terms(w, matrix, taps, strip, terms, packed, start):
    """Pack some terms of a strip from packed[start] on: MR rows for each k."""
    _, R, C, row_step, term_step = matrix
    T, strips, lanes = len(taps), (R + MR - 1) // MR, lanes_of(packed)
    first, count = terms[0], terms[1] - terms[0]
    begin = strip // strips * max(R * row_step, C * term_step) + first * term_step
    in_order = min(row_step, term_step) == T  # no tap is skipped
    if in_order and term_step == T:
        count, T = 1, count * T  # the terms of a row are adjacent, like taps
    rounded = (T + lanes - 1) // lanes * lanes
    row = strip % strips * MR
    whole, begun = row + MR <= R, 0
    if T == 1 and whole:  # several terms at a time, since a store of a part of a line waits for it
        few = max(1, lanes // MR) if row_step == 1 else 2
        begin_of_row = begin + row * row_step + taps[0]
        while begun + few <= count:
            at, to = begin_of_row + begun * term_step, start + begun * MR
            if row_step == 1:
                copy_rows(w, at, term_step, packed, to)
            else:
                copy_columns(w, at, at + term_step, row_step, packed, to)
            begun += few
    for c in range(begun, count):
        at, to = begin + row * row_step + c * term_step, start + c * T * MR
        done = 0
        if in_order and whole:
            done = T // lanes * lanes
            # The next term overwrites the elements that a vector packs beyond T.
            inside = at + (MR - 1) * row_step + rounded <= len(w)
            if inside and lanes <= 2 * T and c * T + rounded <= count * T:
                done = rounded
            for t in range(0, done, lanes):
                transpose_strip(w, at + t, row_step, packed, to + t * MR)
        elif whole:
            done = T // 2 * 2
            for t in range(0, done, 2):
                first, second = at + taps[t], at + taps[t + 1]
                copy_columns(w, first, second, row_step, packed, to + t * MR)
        for t in range(done, T):
            tap = t if in_order else taps[t]
            for r in range(MR):
                number = w[at + r * row_step + tap] if row + r < R else 0
                packed[to + t * MR + r] = number
