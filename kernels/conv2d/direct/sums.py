"""The micro-kernel of a forward convolution: a tile of outputs, summed in registers.

Its inputs are read in place: no copy, no padding.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils

from ...intrinsic import intrinsic
from ...micro_kernel import IN_FLIGHT, INDEX, REGISTERS
from .reading import Reading

ROWS = IN_FLIGHT  # of a tile, one vector wide: its sums hide the latency of a multiply-add


@intrinsic
def sum_tile(typing, x, zeros, shape, plane, w, w_at, bias, scale, relu, y, y_at, i0, j0, height):
    """y[y_at + i, j] = (bias + sum over taps and planes) * scale, for i0 <= i < i0 + height and a
    vector of columns j from j0 on; with relu, max(0, .).

    plane: index of the first of the planes. zeros: a row of zeros, longer than the window reaches.
    """
    at = types.intp

    def write(context, builder, signature, args):
        _Sums(context, builder, signature.args, args).write()
        return context.get_dummy_value()

    scalars = bias, bias, types.boolean
    return types.void(x, zeros, shape, at, w, at, *scalars, y, at, at, at, at), write


class _Sums(Reading):
    def __init__(self, context, builder, kinds, args):
        _, _, _, plane, w, w_at, bias, self.scale, relu, y, y_at, i0, j0, height = args
        super().__init__(context, builder, kinds, args, ROWS)
        code = self.code
        self.w, self.y = code.data(kinds[4], w), code.data(kinds[9], y)
        self.plane, self.w_at, self.relu = plane, w_at, relu
        self.y_at, self.i0, self.j0, self.wanted = y_at, i0, j0, height
        start = code.everywhere(bias)
        self.sums = [cgutils.alloca_once_value(builder, start) for _ in range(ROWS)]

    def write(self):
        self.masked_where_needed(self.j0, None, self.add_planes)
        self.finish()
        self.store()

    def add_planes(self, masked):
        """Add the taps of all planes."""
        builder, s = self.builder, self.s
        size = builder.mul(s.H, s.W)

        def add_plane(term):
            plane = builder.add(self.plane, builder.mul(term, size))
            w_at = builder.add(self.w_at, builder.mul(term, s.w_term))
            self.chunks(lambda kh, taps: self.add_rows(plane, w_at, kh, taps, masked))

        self.code.repeat(s.terms, add_plane)

    def add_rows(self, plane, w_at, kh, taps, masked):
        """Add `taps` rows of taps from kh on."""
        builder, known, s = self.builder, self.known, self.s
        w_at = builder.add(w_at, builder.mul(kh, s.w_row))
        rows = self.rows(plane, self.i0, self.j0, kh, taps)
        if not known.kernel:
            self.code.repeat(
                s.KW,
                lambda kw: self.add(w_at, taps, [self.columns(self.j0, kw, 1, masked)], rows),
            )
            return
        columns = self.all_columns(self.j0, masked)
        if known.kernel**2 + ROWS + 4 <= REGISTERS:  # all weights stay in registers
            self.add(w_at, taps, columns, rows)
        else:
            for one in columns:
                self.add(w_at, taps, [one], rows)

    def add(self, w_at, taps, columns, rows):
        """Add the products of columns of taps with rows."""
        code, builder = self.code, self.builder
        factors = [[self.weight(w_at, t, one) for t in range(taps)] for one in columns]
        for row in rows:
            for one, weights in zip(columns, factors, strict=True):
                for p, value in enumerate(self.read(row.address, one)):
                    for r, t in row.uses:
                        total = self.sums[r]
                        added = code.multiply_add(weights[t][p], value, builder.load(total))
                        builder.store(added, total)

    def weight(self, w_at, t, columns):
        """The weights of tap t of each column, in all lanes."""
        builder, code, s = self.builder, self.code, self.s
        at = code.at(builder.add(w_at, builder.mul(columns.kw, s.w_column)), s.w_row, t)
        places = [code.at(at, s.w_column, p) for p in range(columns.width)]
        return [code.everywhere(code.load(self.w, place, code.number)) for place in places]

    def finish(self):
        """The epilogue."""
        builder, code = self.builder, self.code
        one = ir.Constant(code.number, 1.0)
        with builder.if_then(builder.fcmp_unordered("!=", self.scale, one)):
            scale = code.everywhere(self.scale)
            for total in self.sums:
                builder.store(builder.fmul(builder.load(total), scale), total)
        with builder.if_then(self.relu):
            for total in self.sums:
                value = builder.load(total)
                below = builder.fcmp_ordered("<=", value, code.zero)  # NaN stays NaN
                builder.store(builder.select(below, code.zero, value), total)

    def store(self):
        """Store the rows of the tile.

        Where a row is shorter than a vector, the lanes beyond it are overwritten by the next rows;
        so only the last rows of a plane need a mask.
        """
        builder, code, s = self.builder, self.code, self.s
        start = builder.add(builder.mul(self.i0, s.OW), self.j0)
        size = builder.mul(s.OH, s.OW)
        fits = builder.icmp_signed(">=", s.OW, INDEX(code.lanes))

        def is_inside(r):
            end = builder.add(code.at(start, s.OW, r), INDEX(code.lanes))
            return builder.or_(fits, builder.icmp_signed("<=", end, size))

        full = builder.icmp_signed("==", self.wanted, INDEX(ROWS))
        first = builder.gep(self.y, [builder.add(self.y_at, start)])
        with builder.if_else(builder.and_(full, is_inside(ROWS - 1))) as (then, otherwise):
            with then:
                for r, total in enumerate(self.sums):
                    code.store(builder.load(total), first, builder.mul(s.OW, INDEX(r)))
            with otherwise:
                for r, total in enumerate(self.sums):
                    at = builder.mul(s.OW, INDEX(r))
                    with builder.if_then(builder.icmp_signed("<", INDEX(r), self.wanted)):
                        code.store_some(builder.load(total), first, at, s.OW, is_inside(r))
