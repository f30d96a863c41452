"""The product C += A B in the loops of BLIS around the micro-kernel.

A is the weights, B the columns of the image, and C lies in the images y: a tile of MR output
channels and NR positions is added to y directly if it is whole and its positions are adjacent
there, else through a buffer.
"""

from typing import NamedTuple

import numpy as np

from ...jit import kernel
from ...micro_kernel import MR, multiply_panels
from ...thread_pool import shared
from ...vector_copy import gather_run, spread_run
from .grid import block_of
from .pack_b import pack_from_image, pack_from_lines
from .runs import row_of
from .weights import STRIPS_PER_PASS, pack_strips, prefetch_strips


class Out(NamedTuple):
    """The matrix C of a group, in y: elements from a row and from an image to the next."""

    y: np.ndarray
    at: int
    plane: int
    image: int
    step: int  # between positions of a row
    rows: int


class Stage(NamedTuple):
    """A pass pc over KC terms: whether it adds to C, and the epilogue of the last one."""

    depth: int
    more: bool
    finish: bool
    bias: np.ndarray
    row: int  # of the bias
    relu: bool


@kernel
def multiply(x, w, y, memories, matrix, sizes, places, lines, taps, runs, memory, after, blocks,
             pool, first, last):  # fmt: skip
    """Compute some blocks of y: the loops jc and pc."""
    if shared(pool, first, last):
        return
    bias, relu = after
    H, W = x.shape[2:]
    CY, plane = y.shape[1], y.shape[2] * y.shape[3]
    C, NR, T = sizes.terms, sizes.NR, sizes.taps
    flat, out, end = x.reshape(-1), y.reshape(-1), len(x) * places.GH * places.GW
    pitch = (sizes.step * T + 1) * NR
    packed, rest = memories[-pool][: memory.weights], memories[-pool][memory.weights :]
    tile, rest = rest[: memory.tile], rest[memory.tile :]
    panels, line = rest[: memory.panels], rest[memory.panels : memory.panels + memory.line]
    for k in range(first, last):
        g, q0, q1, s0, s1 = block_of(blocks, k)
        p0, p1 = q0 * NR, min(q1 * NR, end)
        r0, r1 = row_of(p0, places, lines), row_of(p1 - 1, places, lines) + lines.more + 1
        line[:] = 0
        c = Out(out, g * sizes.rows * plane, plane, CY * plane, places.step_w, sizes.rows)
        for c0 in range(0, C, sizes.step):
            c1 = min(c0 + sizes.step, C)
            channels = (g * C + c0) * H * W, H * W, c1 - c0
            if sizes.in_place:
                pack_from_image(flat, channels, runs, q0, q1, NR, pitch, panels)
            else:
                rows = r0, r1, lines.columns
                pack_from_lines(
                    flat, channels, places.sw, line, rows, runs, q0, q1, NR, pitch, panels
                )
            depth, row = (c1 - c0) * T, g * sizes.strips * MR
            stage = Stage(depth, c0 > 0, c1 == C and len(bias) > 0, bias, row, relu)
            for begin in range(s0, s1, STRIPS_PER_PASS):
                strips = begin, min(begin + STRIPS_PER_PASS, s1)
                pack_strips(w, matrix, taps, g, strips, (c0, c1), packed)
                # While these strips are multiplied, fetch the next ones.
                terms, ahead = (c0, c1), (strips[1], min(strips[1] + STRIPS_PER_PASS, s1))
                if strips[1] == s1:
                    terms = min(c1, C), min(c1 + sizes.step, C)
                    ahead = s0, min(s0 + STRIPS_PER_PASS, s1)
                for s in range(strips[0], strips[1]):
                    prefetch_strips(w, matrix, g, ahead, terms, s - begin, strips[1] - begin)
                    block, at = (q0, q1, s), (s - begin) * depth * MR
                    add_block(
                        packed, at, panels, pitch, c, stage, runs, sizes, places, block, p1, tile
                    )


@kernel
def clear(y, pool, first, last):
    """Fill the rows first ... last - 1 with zeros."""
    if shared(pool, first, last):
        return
    y[first:last] = 0


@kernel
def add_block(a, a_at, panels, pitch, c, stage, runs, sizes, places, block, end, tile):
    """C += A B for the terms of a pass and a packed strip of A: the loop jr over panels of B."""
    q0, q1, s = block
    NR, plane = sizes.NR, places.GH * places.GW
    row, valid = c.at + s * MR * c.plane, min(MR, c.rows - s * MR)
    for q in range(q0, q1):
        n, at = q * NR // plane, q * NR % plane
        count, b_at = min(NR, end - q * NR), (q - q0) * pitch
        whole = sizes.whole and valid == MR and count == NR and at + NR <= plane
        puts = runs.puts[runs.starts[q, 1] : runs.starts[q + 1, 1]]
        if stage.more and not whole:
            load_tile(c, row, valid, puts, tile, NR)
        to = row + n * c.image + at
        target, to, to_row = (c.y, to, c.plane) if whole else (tile, 0, NR)
        add_tile(a, a_at, s * MR, panels, b_at, count, stage, target, to, to_row)
        if not whole:
            store_tile(c, row, valid, puts, tile, NR)


@kernel
def add_tile(a, at, row, panels, b_at, count, stage, c, to, c_row):
    """A tile of a packed strip and one panel: the micro-kernel, as wide as its columns need.

    row: the first row of the strip in its group, for the bias.
    """
    epilogue = stage.bias, stage.row + row, stage.finish, stage.relu
    multiply_panels(count, a, at, panels, b_at, stage.depth, c, to, c_row, stage.more, epilogue)


@kernel
def load_tile(c, row, valid, puts, tile, NR):
    """The rows of y that a buffered tile adds to."""
    for r in range(valid):
        for k in range(len(puts)):
            at = row + r * c.plane + puts[k, 1]
            gather_run(c.y, at, c.step, tile, r * NR + puts[k, 0], puts[k, 2])


@kernel
def store_tile(c, row, valid, puts, tile, NR):
    """Store the rows of a buffered tile in y."""
    for r in range(valid):
        for k in range(len(puts)):
            to = row + r * c.plane + puts[k, 1]
            spread_run(tile, r * NR + puts[k, 0], c.y, to, c.step, puts[k, 2])
