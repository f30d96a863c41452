"""Packs weights for the register tiles: for each k, the MR elements of a strip are adjacent.

The weights of a convolution are a matrix per group, w[r, k] with k = (term, tap). Rows and terms
are output and input channels; in the input gradient they are input and output channels.
"""

from typing import NamedTuple

import numpy as np

from ...jit import kernel
from ...micro_kernel import MR, lanes_of, prefetch, transpose_tile
from ...thread_pool import shared

STRIPS_PER_PASS = 8  # packed together, since their elements are adjacent in every term
TERMS_PER_PASS = 16  # packed together, so that source and target stay in the cache
MAX_UNPACKED_TILES = 4  # tiles of positions, up to which packing takes longer than it saves


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
    """The layout of the packed weights."""

    strips: int  # number of strips to pack; 0: tiles read the weights without packing
    numbers: int  # number of packed elements
    strides: tuple[int, int, int, int]  # of a row, of a k, of a strip, of a group


def layout(matrix: Matrix, taps: int, tiles: int) -> Layout:
    """How to pack the weights for `tiles` tiles of positions."""
    kernel_size = min(matrix.row_step, matrix.term_step)
    # Where the terms and taps of a row are adjacent, tiles can read w without packing.
    is_adjacent = matrix.term_step == taps == kernel_size
    if matrix.rows % MR == 0 and tiles <= MAX_UNPACKED_TILES and is_adjacent:
        strides = matrix.row_step, 1, MR * matrix.row_step, matrix.group_step
        return Layout(0, 0, strides)
    strip = matrix.terms * taps * MR
    count = matrix.groups * matrix.strips
    return Layout(count, count * strip, (1, MR, strip, matrix.strips * strip))


def read_only(array: np.ndarray) -> np.ndarray:
    """A contiguous read-only view: all arguments have one type, so kernels compile only once."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


@kernel
def pack(w, matrix, taps, width, start, packed, pool, first, last):
    """Pack the strips first ... last - 1 of `width` rows of the flat w.

    `packed` begins with the strip `start`. width is a multiple of MR; rows beyond the matrix are
    zero.
    """
    if shared(pool, first, last):
        return
    _, R, C, row_step, term_step = matrix
    T, strips, lanes = len(taps), (R + width - 1) // width, lanes_of(packed)
    group_step = max(R * row_step, C * term_step)
    in_order = min(row_step, term_step) == T  # no tap is skipped
    if in_order and term_step == T:
        C, T = 1, C * T  # the terms of a row are adjacent, like taps
    rounded = (T + lanes - 1) // lanes * lanes
    for begin in range(first, last, STRIPS_PER_PASS):
        for c0 in range(0, C, TERMS_PER_PASS):
            if row_step == T == 1:
                for c in range(c0 + TERMS_PER_PASS, c0 + 2 * TERMS_PER_PASS):
                    for ahead in range(0, STRIPS_PER_PASS * width, lanes):
                        prefetch(w, c * term_step + begin * width + ahead)
            for strip in range(begin, min(begin + STRIPS_PER_PASS, last)):
                for part in range(0, width, MR):
                    row = strip % strips * width + part
                    w_at = strip // strips * group_step + row * row_step
                    for c in range(c0, min(c0 + TERMS_PER_PASS, C)):
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
                            # The next term overwrites the elements that a vector packs beyond T.
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
