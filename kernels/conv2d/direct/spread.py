"""The micro-kernel of the input gradient of a convolution of stride 2.

Inputs whose rows, and columns, are all even or all odd have the same taps: every second one. So a
tile has sums for the even and for the odd columns, which are interleaved when they are stored.
"""

from numba import types
from numba.core import cgutils

from ...intrinsic import intrinsic
from ...micro_kernel import INDEX
from .reading import ALWAYS_MASKED, Columns, Reading

PAIRS = 4  # pairs of rows of a tile, each with two vectors of sums


@intrinsic
def spread_tile(typing, gy, zeros, shape, plane, w, w_at, gx, gx_at, i0, j0):
    """gx[gx_at + i, j] = sum over taps and planes, for 2 i0 <= i < 2 (i0 + PAIRS) and two vectors
    of columns j from 2 j0 on, as far as gx has them.

    plane: index of the first of the planes of gy. Its size is (H, W) of the shape, gx's (OH, OW).
    """
    at = types.intp

    def write(context, builder, signature, args):
        _Spread(context, builder, signature.args, args).write()
        return context.get_dummy_value()

    return types.void(gy, zeros, shape, at, w, at, gx, at, at, at), write


class _Spread(Reading):
    def __init__(self, context, builder, kinds, args):
        _, _, _, self.plane, w, self.w_at, gx, self.gx_at, self.i0, self.j0 = args
        super().__init__(context, builder, kinds, args, PAIRS)
        self.w, self.gx = self.code.data(kinds[4], w), self.code.data(kinds[6], gx)

    def write(self):
        builder, s, code = self.builder, self.s, self.code
        reach = builder.add(builder.add(self.j0, s.left), INDEX(code.lanes))
        self.first = builder.sub(self.j0, builder.udiv(s.KW, INDEX(2)))
        self.masked_outside(self.first, reach, self.write_rows)

    def write_rows(self, masked):
        """Write the rows of the taps kh = 0, 2, ..., then those of kh = 1, 3, ..."""
        for parity in (0, 1):
            sums = [
                [cgutils.alloca_once_value(self.builder, self.code.zero) for _ in range(2)]
                for _ in range(PAIRS)
            ]
            for row in sums:
                for total in row:
                    self.builder.store(self.code.zero, total)
            self.add_planes(parity, sums, masked)
            self.store(parity, sums)

    def along(self, parity, padding, size):
        """The `first_input` of the taps k = parity, parity + 2, ..., and their number."""
        builder = self.builder
        count = builder.ashr(builder.add(size, INDEX(1 - parity)), INDEX(1))
        if self.known.kernel:
            count = (self.known.kernel + 1 - parity) // 2
        return *first_input(builder, parity, padding), count

    def add_planes(self, parity, sums, masked):
        builder, s, code = self.builder, self.s, self.code
        size = builder.mul(s.H, s.W)
        _, shift, count = self.along(parity, s.top, s.KH)

        def add_plane(term):
            plane = builder.add(self.plane, builder.mul(term, size))
            w_at = builder.add(self.w_at, builder.mul(term, s.w_term))
            w_at = builder.add(w_at, builder.mul(INDEX(parity), s.w_row))
            if self.known.kernel:
                self.add_taps(plane, w_at, shift, count, sums, masked)
                return

            def add_row(t):
                at = builder.add(w_at, builder.mul(builder.mul(t, INDEX(2)), s.w_row))
                self.add_taps(plane, at, builder.sub(shift, t), 1, sums, masked)

            code.repeat(count, add_row)

        code.repeat(s.terms, add_plane)

    def add_taps(self, plane, w_at, shift, taps, sums, masked):
        """Add `taps` rows of taps, of which the first reads row i + shift of gy."""
        builder, s, code = self.builder, self.s, self.code
        first = builder.add(builder.add(self.i0, shift), INDEX(1 - taps))
        places = [(r - t + taps - 1, r, t) for r in range(PAIRS) for t in range(taps)]
        rows = self.rows_from(plane, first, places, self.first)
        for parity in (0, 1):
            _, shift, count = self.along(parity, s.left, s.KW)

            def add_column(u, parity=parity, shift=shift):
                start = builder.add(self.j0, builder.sub(shift, u))
                mask = code.inside(start, s.W) if masked else None
                column = Columns(None, 1, start, [(start, mask)] * 2, None)
                kw = builder.add(builder.mul(u, INDEX(2)), INDEX(parity))
                at = builder.add(w_at, builder.mul(kw, s.w_column))
                factors = [
                    code.everywhere(code.load(self.w, code.at(at, s.w_row, 2 * t), code.number))
                    for t in range(taps)
                ]
                for row in rows:
                    (value,) = self.read(row.address, column)
                    for r, t in row.uses:
                        total = sums[r][parity]
                        added = code.multiply_add(factors[t], value, builder.load(total))
                        builder.store(added, total)

            code.repeat(count, add_column)

    def store(self, parity, sums):
        """Store the rows of sums that gx has."""
        builder, s = self.builder, self.s
        start, _, _ = self.along(parity, s.top, s.KH)
        for r, row in enumerate(sums):
            i = builder.add(builder.mul(builder.add(self.i0, INDEX(r)), INDEX(2)), start)
            with builder.if_then(builder.icmp_signed("<", i, s.OH)):
                one, two = (builder.load(total) for total in row)
                store_interleaved(self, self.gx, self.gx_at, i, self.j0, one, two)


def first_input(builder, parity: int, padding):
    """Of the taps k = parity, parity + 2, ...: the remainder modulo 2 of the inputs that have them,
    and the shift from half the input to the output that the first of them reads.
    """
    start = builder.and_(builder.add(padding, INDEX(parity)), INDEX(1))
    shift = builder.sub(builder.add(start, padding), INDEX(parity))
    return start, builder.ashr(shift, INDEX(1))


def store_interleaved(tile: Reading, gx, gx_at, i, j0, one, two) -> None:
    """Store a row of sums, of even and of odd taps, from column 2 j0 of row i on, as far as it is
    in gx.
    """
    builder, code, s = tile.builder, tile.code, tile.s
    lanes = code.lanes
    swapped = builder.icmp_signed("==", builder.and_(s.left, INDEX(1)), INDEX(1))
    even, odd = builder.select(swapped, two, one), builder.select(swapped, one, two)
    column = builder.mul(j0, INDEX(2))
    at = builder.add(gx_at, builder.add(builder.mul(i, s.OW), column))
    for half in range(2):
        taken = range(half * lanes // 2, (half + 1) * lanes // 2)
        both = code.pick(even, odd, [k + p * lanes for k in taken for p in (0, 1)])
        to = builder.add(at, INDEX(half * lanes))
        left = builder.sub(s.OW, builder.add(column, INDEX(half * lanes)))
        count = builder.select(builder.icmp_signed("<", left, INDEX(0)), INDEX(0), left)
        if ALWAYS_MASKED:
            code.store_where(code.inside(INDEX(0), count), both, gx, to)
        else:
            code.store_some(both, gx, to, count, builder.icmp_signed(">=", left, INDEX(lanes)))
