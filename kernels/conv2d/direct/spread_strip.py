"""The micro-kernel of the input gradient of a convolution of stride 2 with one output channel per
group: see strip.py, and spread.py for the taps of even and odd rows and columns.
"""

from numba import types
from numba.core import cgutils

from ...intrinsic import intrinsic
from ...micro_kernel import INDEX
from .reading import Columns
from .spread import first_input, store_interleaved
from .strip import Strip


@intrinsic
def spread_strip(typing, gy, zeros, shape, plane, w, w_at, gx, gx_at, a0, count, j0):
    """gx[gx_at + i, j] = sum over taps, for the rows i = 2 a - top and 2 a - top + 1 of all
    a0 <= a < a0 + count and two vectors of columns j from 2 j0 on, as far as gx has them.

    plane: index of the plane of gy. Its size is (H, W) of the shape, gx's (OH, OW).
    """
    at = types.intp

    def write(context, builder, signature, args):
        _Spread(context, builder, signature.args, args).write()
        return context.get_dummy_value()

    return types.void(gy, zeros, shape, at, w, at, gx, at, at, at, at), write


class _Spread(Strip):
    def __init__(self, context, builder, kinds, args):
        _, _, _, self.plane, w, self.w_at, gx, self.gx_at, self.a0, self.count, self.j0 = args
        super().__init__(context, builder, kinds, args)
        self.w, self.gx = self.code.data(kinds[4], w), self.code.data(kinds[6], gx)
        self.counts = (self.size + 1) // 2, self.size // 2  # of even taps, and of odd ones

    def write(self):
        builder, s = self.builder, self.s
        reach = builder.add(builder.add(self.j0, s.left), INDEX(self.code.lanes))
        self.first = builder.sub(self.j0, INDEX(self.size // 2))
        self.masked_outside(self.first, reach, self.write_rows)

    def write_rows(self, masked):
        """Write the rows of the strip. Row a of gy is the first that the tap row 0 reads for the
        rows of gx which it completes; the tap rows 2 t and 2 t + 1 need it t steps before.
        """
        builder, code = self.builder, self.code
        weights, columns = self.all_weights(self.w, self.w_at), self.columns_by_parity(masked)
        sums = [
            [self.variables(2, code.zero) for _ in range(self.counts[parity])] for parity in (0, 1)
        ]

        def step(a, least):
            row = self.row(self.plane, a, self.first)
            for parity, of_parity in enumerate(columns):
                for u, column in enumerate(of_parity):
                    (value,) = self.read(row, column)
                    for kh in range(2 * least, self.size):
                        total = sums[kh % 2][kh // 2][parity]
                        self.add_product(total, weights[kh][2 * u + parity], value)
            for parity in (0, 1):
                if least == 0:
                    self.store(a, parity, *sums[parity][0])
                for one in (0, 1):
                    self.move([pair[one] for pair in sums[parity]], code.zero)

        for t in range(self.counts[0] - 1, 0, -1):
            step(builder.sub(self.a0, INDEX(t)), t)
        with cgutils.for_range(builder, self.count, intp=INDEX) as loop:
            step(builder.add(self.a0, loop.index), 0)

    def columns_by_parity(self, masked):
        """What the even taps of a row read, and what the odd ones."""
        builder, code, s = self.builder, self.code, self.s
        found = []
        for parity in (0, 1):
            _, shift = first_input(builder, parity, s.left)
            starts = [
                builder.add(self.j0, builder.sub(shift, INDEX(u)))
                for u in range(self.counts[parity])
            ]
            masks = [code.inside(start, s.W) if masked else None for start in starts]
            found.append([
                Columns(None, 1, start, [(start, mask)] * 2, None)
                for start, mask in zip(starts, masks, strict=True)
            ])  # fmt: skip
        return found

    def store(self, a, parity, even, odd):
        """Store the row of gx that the sums of tap rows of a parity are, if gx has it."""
        builder, s = self.builder, self.s
        i = builder.add(builder.sub(builder.mul(a, INDEX(2)), s.top), INDEX(parity))
        with builder.if_then(builder.icmp_unsigned("<", i, s.OH)):
            one, two = builder.load(even), builder.load(odd)
            store_interleaved(self, self.gx, self.gx_at, i, self.j0, one, two)
