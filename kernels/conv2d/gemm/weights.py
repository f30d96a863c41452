"""Packs weights for the register tiles: for each k, the MR elements of a strip are adjacent.

The weights of a convolution are a matrix per group, w[r, k] with k = (term, tap). Rows and terms
are output and input channels; in the input gradient they are input and output channels.
"""

from typing import NamedTuple

import numpy as np

from ...jit import kernel
from ...micro_kernel import MR, lanes_of, transpose_strip
from ...vector_copy import copy_columns, copy_rows, prefetch

STRIPS_PER_PASS = 4  # packed together, since their elements are adjacent in every term
TERMS_PER_PASS = 8  # packed together, so that source and target stay in the cache


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


def read_only(array: np.ndarray) -> np.ndarray:
    """A contiguous read-only view: all arguments have one type, so kernels compile only once."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


@kernel
def pack_strips(w, matrix, taps, g, strips, terms, packed):
    """Pack some strips of group g for some terms: packed[s, k, r] for strips s, k = (term, tap),
    rows r of a strip. Rows beyond the matrix are zero.
    """
    (s0, s1), (c0, c1), T = strips, terms, len(taps)
    # Terms that are adjacent in a row are read along it, others a few at a time.
    few = c1 - c0 if matrix.term_step == T else TERMS_PER_PASS
    for c in range(c0, c1, few):
        for s in range(s0, s1):
            to = ((s - s0) * (c1 - c0) + c - c0) * T * MR
            _pack_terms(w, matrix, taps, (g, s), (c, min(c + few, c1)), packed, to)


@kernel
def prefetch_strips(w, matrix, g, strips, terms, part, parts):
    """Prefetch a part of the terms that pack_strips reads, where they are far apart in w.

    Rows of adjacent terms need no prefetch: the processor follows them.
    """
    (s0, s1), (c0, c1) = strips, terms
    lanes, R, row_step, term_step = lanes_of(w), matrix.rows, matrix.row_step, matrix.term_step
    if term_step < row_step:
        return
    begin = g * max(R * row_step, matrix.terms * term_step)
    for c in range(c0 + (c1 - c0) * part // parts, c0 + (c1 - c0) * (part + 1) // parts):
        for k in range(s0 * MR * row_step, min(s1 * MR, R) * row_step, lanes):
            prefetch(w, begin + c * term_step + k)


@kernel
def _pack_terms(w, matrix, taps, strip, terms, packed, start):
    """Pack some terms of a strip from packed[start] on: MR rows for each k."""
    _, R, C, row_step, term_step = matrix
    T, lanes = len(taps), lanes_of(packed)
    first, count = terms[0], terms[1] - terms[0]
    begin = strip[0] * max(R * row_step, C * term_step) + first * term_step
    in_order = min(row_step, term_step) == T  # no tap is skipped
    if in_order and term_step == T:
        count, T = 1, count * T  # the terms of a row are adjacent, like taps
    rounded = (T + lanes - 1) // lanes * lanes
    row = strip[1] * MR
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
        if whole:
            while done + 2 <= T:
                pair = (done, done + 1) if in_order else (taps[done], taps[done + 1])
                copy_columns(w, at + pair[0], at + pair[1], row_step, packed, to + done * MR)
                done += 2
        for t in range(done, T):
            tap = t if in_order else taps[t]
            for r in range(MR):
                number = w[at + r * row_step + tap] if row + r < R else 0
                packed[to + t * MR + r] = number
