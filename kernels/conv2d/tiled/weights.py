"""Weights as register tiles take them: MR rows of a matrix side by side, for one k after another.

A convolution's weights are a matrix per group, w[r, k] with k = (term, tap): rows and terms are
output and input channels, in the input gradient the other way round.
"""

from typing import NamedTuple

import numpy as np

from ...jit import kernel
from ...register_tile import MR, lanes_of, prefetch, transpose_tile
from ...thread_pool import shared

TOGETHER = 8  # strips packed in one go: their elements are neighbours in every term
TERMS = 16  # of a few strips, packed before others: both source and target stay in the cache
FEW = 4  # tiles of positions for which packing weights does not pay


class Matrix(NamedTuple):
    """How flat weights hold a matrix for each group; the taps of a kernel follow one another."""

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
        """Tiles of MR rows in a group."""
        return -(-self.rows // MR)

    @property
    def group_step(self) -> int:
        return max(self.rows * self.row_step, self.terms * self.term_step)


class Layout(NamedTuple):
    """Where the weights of tiles are, once they are packed."""

    strips: int  # to be packed; 0: tiles take the weights as they are
    numbers: int  # in all
    strides: tuple[int, int, int, int]  # of a row, of a k, of a strip, of a group


def layout(matrix: Matrix, taps: int, tiles: int) -> Layout:
    """How to pack weights that meet so many tiles of positions."""
    kernel_size = min(matrix.row_step, matrix.term_step)
    # Where a row's terms and taps follow one another, tiles can take w as it is.
    if matrix.rows % MR == 0 and tiles <= FEW and matrix.term_step == taps == kernel_size:
        strides = matrix.row_step, 1, MR * matrix.row_step, matrix.group_step
        return Layout(0, 0, strides)
    strip = matrix.terms * taps * MR
    count = matrix.groups * matrix.strips
    return Layout(count, count * strip, (1, MR, strip, matrix.strips * strip))


def read_only(array: np.ndarray) -> np.ndarray:
    """A contiguous view that nobody can write to: one type of argument, so one compiled kernel."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


@kernel
def pack(w, matrix, taps, width, start, packed, pool, first, last):
    """Lay out strips of `width` rows of w, flat: first ... last - 1. `packed` begins with `start`.

    width is a multiple of MR; rows that the matrix does not have are zero.
    """
    if shared(pool, first, last):
        return
    _, R, C, row_step, term_step = matrix
    T, strips, lanes = len(taps), (R + width - 1) // width, lanes_of(packed)
    group_step = max(R * row_step, C * term_step)
    in_order = min(row_step, term_step) == T  # no tap is left out
    if in_order and term_step == T:
        C, T = 1, C * T  # a row's terms follow one another like taps
    rounded = (T + lanes - 1) // lanes * lanes
    for begin in range(first, last, TOGETHER):
        for c0 in range(0, C, TERMS):
            if row_step == T == 1:
                for c in range(c0 + TERMS, c0 + 2 * TERMS):
                    for ahead in range(0, TOGETHER * width, lanes):
                        prefetch(w, c * term_step + begin * width + ahead)
            for strip in range(begin, min(begin + TOGETHER, last)):
                for part in range(0, width, MR):
                    row = strip % strips * width + part
                    w_at = strip // strips * group_step + row * row_step
                    for c in range(c0, min(c0 + TERMS, C)):
                        at = w_at + c * term_step
                        to = ((strip - start) * C + c) * T * width + part
                        done = 0
                        if row_step == T == 1 and row + MR <= R:
                            source, target = w[at : at + MR], packed[to : to + MR]
                            for r in range(MR):
                                target[r] = source[r]
                            done = 1
                        elif in_order and row + MR <= R:
                            done = T // lanes * lanes
                            # What a last vector lays out beyond T, the next term overwrites.
                            inside = at + (MR - 1) * row_step + rounded <= len(w)
                            if inside and lanes <= 2 * T and c * T + rounded <= C * T:
                                done = rounded
                            for t in range(0, done, lanes):
                                transpose_tile(w, at + t, row_step, packed, to + t * width, width)
                        for t in range(done, T):
                            tap = t if in_order else taps[t]
                            for r in range(MR):
                                number = w[at + r * row_step + tap] if row + r < R else 0
                                packed[to + t * width + r] = number
