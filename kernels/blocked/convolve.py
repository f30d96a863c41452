"""Convolutions in the channel-blocked layout: dense, grouped and depthwise, with their epilogue.

    y = clamp(bias + w * x + residual, low, high)

Rows of outputs are cut into pairs of runs. A run at the end of a row begins early enough to end
with the row: some outputs are computed twice. Rows as long as one run are taken in pairs. A block
of rows, whose input stays in the second-level cache, is one item of work; where there are too few
for all threads, output channels are cut, too.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from ..jit import kernel
from ..machine import machine
from ..thread_pool import shared
from ..window import Window
from .calls import Call, recorded
from .layout import Layout, lanes
from .tile import RUNS, VECTORS, Form, tile_pair, tile_single

ITEMS = 8  # of work that a call should have, for up to four threads
MACS_PER_ELEMENT = 16  # multiply-adds in the time to read and write one element


class Geometry(NamedTuple):
    """Where a convolution reads and writes, in elements."""

    x_start: int
    x_image: int
    x_block: int  # from one group's blocks to the next group's
    x_row: int  # from the input of an output row to that of the next
    x_step: int  # the same for pixels
    y_start: int
    y_image: int
    y_block: int
    y_row: int
    columns: int  # of outputs
    lanes: int
    w_block: int  # weights of a block of output channels
    group: int  # blocks of output channels of a group


def can_convolve(w_shape: tuple[int, ...], groups: int, width: int, itemsize: int) -> bool:
    """Whether blocks of channels never mix groups, or hold whole groups of as many outputs."""
    O, CG = w_shape[0] // groups, w_shape[1]
    vector = lanes(itemsize)
    if groups == 1:
        return True
    whole = CG % vector == O % vector == 0
    return width == vector and (whole or (CG == O and vector % CG == 0))


def pack_weights(w: np.ndarray, groups: int, width: int) -> np.ndarray:
    """w (O, C/groups, KH, KW) -> (blocks of O, blocks of C/groups, KH, KW, width, lanes).

    Depthwise weights (C, 1, KH, KW) become (blocks of C, KH, KW, lanes). Groups narrower than a
    vector become blocks with zeros beside their diagonal.
    """
    O, CG, KH, KW = w.shape
    vector = lanes(w.itemsize)
    OB = -(-O // vector)
    if CG == 1 and groups == O:
        full = np.zeros((OB * vector, KH, KW), w.dtype)
        full[:O] = w[:, 0]
        return np.ascontiguousarray(full.reshape(OB, vector, KH, KW).transpose(0, 2, 3, 1))
    if groups > 1 and vector > CG:
        w = _diagonal(w, groups, vector)
        CG = vector
    CB = -(-CG // width)
    if (OB * vector, CB * width) != (O, CG):
        full = np.zeros((OB * vector, CB * width, KH, KW), w.dtype)
        full[:O, :CG] = w
        w = full
    parts = w.reshape(OB, vector, CB, width, KH, KW)
    return np.ascontiguousarray(parts.transpose(0, 2, 4, 5, 3, 1))


def _diagonal(w: np.ndarray, groups: int, vector: int) -> np.ndarray:
    """The weights of narrow groups as dense ones within a vector: (O, vector, KH, KW)."""
    O, CG, KH, KW = w.shape
    full = np.zeros((O, vector, KH, KW), w.dtype)
    for o in range(O):
        first = o // (O // groups) * CG % vector
        full[o, first : first + CG] = w[o]
    return full


def pack_bias(bias: np.ndarray | None, O: int, dtype: Any) -> np.ndarray:
    """The bias of every channel of the blocks; zeros without one."""
    vector = lanes(np.dtype(dtype).itemsize)
    full = np.zeros(-(-O // vector) * vector, dtype)
    if bias is not None:
        full[:O] = bias
    return full


def convolution(
    x: Layout, y: Layout, w_shape: tuple[int, ...], window: Window, groups: int,
    low: float, high: float, dtype: Any,
) -> Call:  # fmt: skip
    """The call of a convolution. Its arrays: x, packed weights, packed bias, residual, y.

    The residual has y's layout, or is empty. x's border must be as wide as the window's padding.
    Raises ValueError where it is not, or groups do not fit blocks.
    """
    N = x.shape[0]
    O, CG, KH, KW = w_shape
    vector = lanes(np.dtype(dtype).itemsize)
    depthwise = CG == 1 and groups == O == x.shape[1] and x.width == vector
    if not depthwise and not can_convolve(w_shape, groups, x.width, np.dtype(dtype).itemsize):
        raise ValueError(f"convolution: {groups} groups of {CG} channels do not fit the blocks")
    if y.width != vector:
        raise ValueError(f"convolution: the blocks of y must have {vector} channels, not {y.width}")
    pads = [side for axis in window.padding for side in axis]
    space = [x.border[0], x.border[0], x.border[1], x.border[1]]
    if any(pad > most for pad, most in zip(pads, space, strict=True)):
        raise ValueError(f"convolution: the padding {window.padding} exceeds the border {x.border}")
    (sh, sw), (OH, OW) = window.stride, y.shape[2:]
    top, left = window.padding[0][0], window.padding[1][0]
    narrow = groups > 1 and vector > CG
    CB = 1 if depthwise or narrow else -(-CG // x.width)
    taps = CB * KH * KW
    offsets = np.array(
        [
            cb * x.block + (kh * window.dilation[0]) * x.row + (kw * window.dilation[1]) * x.width
            for cb in range(CB) for kh in range(KH) for kw in range(KW)
        ],
        np.int64,
    )  # fmt: skip
    group = 1 if depthwise or narrow else max(1, O // groups // vector) if groups > 1 else y.blocks
    rows, columns = OH, OW
    if _is_flat(x, y, window):
        rows, columns = 1, OH * OW
    run = _run(rows, columns)
    step = sw * x.width
    geometry = Geometry(
        x.start - top * x.row - left * x.width, x.image, CB * x.block, sh * x.row, step,
        y.start, y.image, y.block, y.row, columns, vector,
        taps * vector * (1 if depthwise else x.width), group,
    )  # fmt: skip
    macs = N * O * OH * OW * CG * KH * KW
    row = 2 * RUNS[0] * x.width if rows == 1 else sh * x.row  # of input, for a tile or a row
    items = _items(N, rows, columns, y.blocks, x.blocks * row * np.dtype(dtype).itemsize)
    form = Form.of(run, sw, x.width, depthwise)
    bounds = np.array([low, high], dtype)
    size = macs // MACS_PER_ELEMENT + math.prod(y.shape)
    settings = offsets, tuple(geometry), tuple(form), bounds, items
    return Call(convolve, settings, len(items), size)


def _is_flat(x: Layout, y: Layout, window: Window) -> bool:
    """Whether the pixels of an image are one row: a kernel of one tap, nothing between rows."""
    one = window.kernel == window.stride == (1, 1) and not any(map(any, window.padding))
    return one and x.border == y.border == (0, 0)


def _run(rows: int, columns: int) -> int:
    """The run that computes the fewest outputs twice; the longest of these."""
    fitting = [run for run in RUNS if run <= columns] or [1]

    def computed(run: int) -> int:
        if columns == run and rows > 1:
            return run
        return -(-columns // (2 * run)) * 2 * run

    return min(fitting, key=lambda run: (computed(run) * (1 + 0.1 * (run != fitting[0])), -run))


def _items(N: int, rows: int, columns: int, blocks: int, row_bytes: int) -> np.ndarray:
    """(n, first row, last row, first column, last column, first block, last block) of each item."""
    most = max(2, machine().l2.size // 4 // max(row_bytes, 1))
    high = min(rows, most + most % 2)
    cuts = N * -(-rows // high)
    down = -(-blocks // VECTORS)
    if cuts * down < ITEMS and rows > 1:  # shorter blocks of rows
        high = max(2, 2 * -(-rows * N * down // (2 * ITEMS)))
        cuts = N * -(-rows // high)
    wide = columns
    if rows == 1:  # all pixels are one row: cut it
        tiles = -(-columns // (2 * RUNS[0]))
        most = min(most, -(-tiles * N * down // ITEMS)) if N * down < ITEMS else most
        wide = min(columns, most * 2 * RUNS[0])
        cuts = N * -(-columns // wide)
    deep = blocks if cuts >= ITEMS else max(VECTORS, VECTORS * (down * cuts // ITEMS))
    return np.array(
        [
            (n, i, min(i + high, rows), j, min(j + wide, columns), b, min(b + deep, blocks))
            for n in range(N)
            for i in range(0, rows, high)
            for j in range(0, columns, wide)
            for b in range(0, blocks, deep)
        ],
        np.int64,
    )


@kernel
def convolve(x, w, bias, residual, y, offsets, geometry, form, bounds, items, pool, first, last):
    """Compute some items: for each pair of blocks of output channels, the tiles of its rows.

    A block of a depthwise convolution is a group of its own, and has no pair.
    """
    if shared(pool, first, last) or recorded(pool, first, last):
        return
    (x_start, x_image, x_block, x_row, x_step, y_start, y_image, y_block, y_row, columns,
     lanes, w_block, group) = geometry  # fmt: skip
    low, high = bounds[0], bounds[1]
    taps, has_residual, run = len(offsets), len(residual) > 0, len(form[0])
    for k in range(first, last):
        n, i0, i1, j0, j1, b, end = item_of(items, k)
        while b < end:
            pair = b + 1 < end and b // group == (b + 1) // group
            x_at = x_start + n * x_image + b // group * x_block
            y_at = y_start + n * y_image + b * y_block
            i = i0
            while i < i1:
                both = columns == run and i + 1 < i1
                j = j0
                while j < j1:
                    left, right = runs_from(j, j1, run)
                    x_from = x_at + i * x_row + left * x_step
                    y_from = y_at + i * y_row + left * lanes
                    x_second = x_row if both else (right - left) * x_step
                    y_second = y_row if both else (right - left) * lanes
                    if pair:
                        tile_pair(
                            form, x, x_from, x_second, x_step, offsets, taps, w, b * w_block,
                            w_block, bias, b * lanes, residual, has_residual,
                            y, y_from, y_second, y_block, low, high,
                        )  # fmt: skip
                    else:
                        tile_single(
                            form, x, x_from, x_second, x_step, offsets, taps, w, b * w_block,
                            w_block, bias, b * lanes, residual, has_residual,
                            y, y_from, y_second, y_block, low, high,
                        )  # fmt: skip
                    j = left + 2 * run
                i += 2 if both else 1
            b += 2 if pair else 1


@kernel
def item_of(items, k):
    """Row k of the items."""
    return (
        items[k, 0], items[k, 1], items[k, 2], items[k, 3], items[k, 4], items[k, 5], items[k, 6],
    )  # fmt: skip


@kernel
def runs_from(j, end, run):
    """The beginnings of the two runs from column j on: the last ends with the row."""
    left = max(0, min(j, end - run))
    return left, max(left, min(left + run, end - run))
