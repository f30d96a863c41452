"""The micro-kernel of a forward convolution with one channel per group: see strip.py."""

from llvmlite import ir
from numba import types

from ...intrinsic import intrinsic
from ...micro_kernel import INDEX
from .reading import ALWAYS_MASKED
from .strip import Strip


@intrinsic
def sum_strip(typing, x, zeros, shape, plane, w, w_at, bias, scale, relu, y, y_at, i0, count, j0):
    """y[y_at + i, j] = (bias + sum over taps) * scale, for i0 <= i < i0 + count and a vector of
    columns j from j0 on; with relu, max(0, .).

    plane: index of the plane. zeros: a row of zeros, longer than the window reaches.
    """
    at = types.intp

    def write(context, builder, signature, args):
        _Sums(context, builder, signature.args, args).write()
        return context.get_dummy_value()

    scalars = bias, bias, types.boolean
    return types.void(x, zeros, shape, at, w, at, *scalars, y, at, at, at, at), write


class _Sums(Strip):
    def __init__(self, context, builder, kinds, args):
        _, _, _, self.plane, w, self.w_at, bias, scale, relu, y, self.y_at, i0, count, j0 = args
        super().__init__(context, builder, kinds, args)
        code = self.code
        self.w, self.y = code.data(kinds[4], w), code.data(kinds[9], y)
        self.i0, self.count, self.j0, self.scale = i0, count, j0, scale
        self.start = code.everywhere(bias)
        one = ir.Constant(code.number, 1.0)
        zero, nothing = (ir.Constant(code.number, least) for least in (0.0, float("-inf")))
        self.floor = code.everywhere(builder.select(relu, zero, nothing))
        self.plain = builder.and_(builder.not_(relu), builder.fcmp_ordered("==", scale, one))
        self.mask = code.inside(j0, self.s.OW)

    def write(self):
        self.masked_where_needed(self.j0, None, self.write_rows)

    def write_rows(self, masked):
        """Write the rows of the strip. Of the sums, the k-th is complete after k more steps."""
        builder, s = self.builder, self.s
        weights, columns = self.all_weights(self.w, self.w_at), self.all_columns(self.j0, masked)
        sums = self.variables(self.depth, self.start)
        top = builder.sub(builder.mul(self.i0, INDEX(self.step)), s.top)

        def step(q, among):
            first = builder.add(top, builder.mul(q, INDEX(self.step)))
            for p in range(self.step):
                taps = self.taps(p, among)
                if not taps:
                    continue
                h = builder.add(first, INDEX(p))
                row = self.row(self.plane, h, self.first_column(self.j0))
                kw = 0
                for one in columns:
                    for value in self.read(row, one):
                        for kh, t in taps:
                            self.add_product(sums[self.depth - 1 - t], weights[kh][kw], value)
                        kw += 1
            if self.depth - 1 in among:
                self.store(builder.sub(q, INDEX(self.depth - 1)), sums[0])
            self.move(sums, self.start)

        self.slide(self.count, step)

    def store(self, row, total):
        """Store a row of sums after the epilogue.

        Where it is shorter than a vector and masks cost time, the lanes beyond it are overwritten
        by the next rows; so only the last rows of a plane need a mask.
        """
        builder, code, s = self.builder, self.code, self.s
        with builder.if_then(builder.not_(self.plain)):
            value = builder.fmul(builder.load(total), code.everywhere(self.scale))
            below = builder.fcmp_ordered("<=", value, self.floor)  # NaN stays NaN
            builder.store(builder.select(below, self.floor, value), total)
        value = builder.load(total)
        start = builder.add(builder.mul(builder.add(self.i0, row), s.OW), self.j0)
        at = builder.add(self.y_at, start)
        if ALWAYS_MASKED:
            code.store_where(self.mask, value, self.y, at)
            return
        fits = builder.icmp_signed(">=", s.OW, INDEX(code.lanes))
        end = builder.add(start, INDEX(code.lanes))
        whole = builder.or_(fits, builder.icmp_signed("<=", end, builder.mul(s.OH, s.OW)))
        code.store_some(value, self.y, at, s.OW, whole)
