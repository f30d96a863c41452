"""Max pooling with maxima and their positions in registers; the planes are read in place."""

from functools import lru_cache

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from ..conv2d.direct.code import lanes_for
from ..conv2d.direct.reading import Reading
from ..conv2d.direct.shape import known_shape, row_of
from ..intrinsic import intrinsic
from ..jit import kernel
from ..micro_kernel import INDEX, lanes_of
from ..thread_pool import shared
from ..vector_copy import prefetch

ROWS = 2  # of a tile; with more, a tile reads too many rows for the processor to read ahead


@intrinsic
def _max_tile(typing, x, outside, shape, plane, firsts, y, argmax, at, i0, j0, height):
    """y and argmax at i0 <= i < i0 + height and a vector of columns from j0 on.

    firsts: for each row, then for each column, the first row or column of its window that is inside
    the plane.
    """
    index = types.intp

    def write(context, builder, signature, args):
        _Maxima(context, builder, signature.args, args).write()
        return context.get_dummy_value()

    return types.void(x, outside, shape, index, firsts, y, argmax, *[index] * 4), write


class _Maxima(Reading):
    def __init__(self, context, builder, kinds, args):
        _, _, _, self.plane, firsts, y, argmax, self.at, self.i0, self.j0, self.wanted = args
        super().__init__(context, builder, kinds, args, ROWS, -np.inf)
        code = self.code
        self.firsts, self.y, self.argmax = (
            code.data(kinds[k], array) for k, array in ((4, firsts), (5, y), (6, argmax))
        )
        self.best = [cgutils.alloca_once_value(builder, self.beyond) for _ in range(ROWS)]
        self.winner = [cgutils.alloca_once_value(builder, first) for first in self.first_cells()]

    def first_cells(self):
        """The position of the first cell of each window: the argmax if all of them are -inf."""
        builder, code, s = self.builder, self.code, self.s
        mask = code.inside(self.j0, s.OW)
        column = builder.gep(self.firsts, [builder.add(s.OH, self.j0)])
        columns = code.load_where(mask, column, INDEX(0), ir.Constant(code.numbers.type, None))
        last = builder.sub(s.OH, INDEX(1))
        for r in range(ROWS):
            i = builder.add(self.i0, INDEX(r))
            i = builder.select(builder.icmp_signed("<", i, s.OH), i, last)
            row = builder.sext(builder.load(builder.gep(self.firsts, [i])), INDEX)
            yield builder.add(columns, code.spread(builder.mul(row, s.W)))

    def write(self):
        self.masked_where_needed(self.j0, None, self.compare_all)
        self.store()

    def compare_all(self, masked):
        """Compare the elements of each window in their order: the first of equal ones wins."""
        s, known = self.s, self.known
        if known.kernel:
            columns = self.all_columns(self.j0, masked)
            rows = self.rows(self.plane, self.i0, self.j0, INDEX(0), known.kernel)
            self.compare(columns, rows)
            return

        def compare_row(kh):
            rows = self.rows(self.plane, self.i0, self.j0, kh, 1)
            self.code.repeat(
                s.KW, lambda kw: self.compare([self.columns(self.j0, kw, 1, masked)], rows)
            )

        self.code.repeat(s.KH, compare_row)

    def compare(self, columns, rows):
        """Let the largest elements of rows, among the columns, replace smaller ones.

        Reduced along the row first, an element is compared once, however many windows share it.
        """
        builder, code = self.builder, self.code
        steps = builder.mul(code.numbers, code.spread(self.stride[1]))
        for row in rows:
            values, places = [], []
            for one in columns:
                values += self.read(row.address, one)
                for p in range(len(values) - len(places)):
                    start = code.spread(builder.add(one.start, INDEX(p)))
                    places.append(builder.add(start, steps))
            largest, place = values[0], places[0]
            for value, at in zip(values[1:], places[1:], strict=True):
                largest, place = self.larger(largest, place, value, at)
            place = builder.add(place, code.spread(builder.mul(row.h, self.s.W)))
            for r, _ in row.uses:
                best, winner = builder.load(self.best[r]), builder.load(self.winner[r])
                best, winner = self.larger(best, winner, largest, place)
                builder.store(best, self.best[r])
                builder.store(winner, self.winner[r])

    def larger(self, best, winner, value, place):
        """The larger of two elements, the first of equal ones, and its place; NaN replaces any."""
        builder = self.builder
        is_number = builder.fcmp_ordered("ord", value, value)
        stays = builder.and_(is_number, builder.fcmp_unordered("ule", value, best))
        return builder.select(stays, best, value), builder.select(stays, winner, place)

    def store(self):
        """Store the rows of the tile as far as they are wanted."""
        builder, code, s = self.builder, self.code, self.s
        whole = builder.icmp_signed(">=", s.OW, INDEX(code.lanes))
        for r in range(ROWS):
            with builder.if_then(builder.icmp_signed("<", INDEX(r), self.wanted)):
                row = builder.mul(builder.add(self.i0, INDEX(r)), s.OW)
                at = builder.add(self.at, builder.add(row, self.j0))
                for totals, array in ((self.best, self.y), (self.winner, self.argmax)):
                    code.store_some(builder.load(totals[r]), array, at, s.OW, whole)


@kernel
def max_planes(x, outside, shape, firsts, y, argmax, pool, first, last):
    """y and argmax of the planes first ... last - 1."""
    if shared(pool, first, last):
        return
    s, lanes = shape, lanes_for(x, shape)
    height = min(ROWS, s.OH)
    reads = ROWS * s.stride_h  # rows of a plane, of which a tile prefetches its part of the next
    for item in range(first, last):
        for band in range(0, s.OH, ROWS):
            i0 = max(0, min(band, s.OH - ROWS))
            for block in range(0, s.OW, lanes):
                j0 = max(0, min(block, s.OW - lanes))
                plane, at = item * s.H * s.W, item * s.OH * s.OW
                part = plane + (band + ROWS) * s.stride_h * s.W + block * s.stride_w * reads
                for k in range(0, lanes * s.stride_w * reads, lanes_of(x)):
                    prefetch(x, part + k)
                _max_tile(x, outside, shape, plane, firsts, y, argmax, at, i0, j0, height)


@lru_cache(maxsize=256)
def settings(window, H, W, dtype):
    """The arguments of max_planes for planes (H, W): what is outside, shape and first cells."""
    outputs = window.output_size(H, W)
    (top, _), (left, _) = window.padding
    shape = known_shape(
        H, W, *outputs, *window.kernel, *window.stride, *window.dilation, top, left, 1, 1, 1,
        row=outputs[1], dtype=np.dtype(dtype),
    )  # fmt: skip
    firsts = []
    for size, before, stride, dilation in zip(
        outputs, (top, left), window.stride, window.dilation, strict=True
    ):
        corner = np.arange(size) * stride - before
        firsts.append(np.where(corner < 0, corner % dilation, corner))
    return row_of(-np.inf, shape, np.dtype(dtype)), shape, np.concatenate(firsts).astype(np.int32)
