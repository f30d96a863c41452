"""The micro-kernel of a weight gradient: the sums of a window's taps, in registers."""

from numba import types
from numba.core import cgutils

from ...intrinsic import intrinsic
from ...micro_kernel import INDEX, REGISTERS
from .reading import Reading

ROWS = 8 if REGISTERS == 32 else 4  # rows of gy that wait in registers beside nine sums


@intrinsic
def product_tile(typing, x, zeros, shape, plane, gy, gy_at, sums, sums_at, j0):
    """sums[sums_at + tap, lane] += sum over rows i of gy[gy_at + i, j0 + lane] * the element that
    the tap reads of the plane at (i, j0 + lane); lanes outside a row add nothing.
    """
    at = types.intp

    def write(context, builder, signature, args):
        _Products(context, builder, signature.args, args).write()
        return context.get_dummy_value()

    return types.void(x, zeros, shape, at, gy, at, sums, at, at), write


class _Products(Reading):
    def __init__(self, context, builder, kinds, args):
        _, _, _, self.plane, gy, self.gy_at, sums, self.sums_at, self.j0 = args
        super().__init__(context, builder, kinds, args, ROWS)
        self.gy, self.memory = self.code.data(kinds[4], gy), self.code.data(kinds[6], sums)
        self.gy_mask = self.code.inside(self.j0, self.s.OW)

    def write(self):
        self.masked_where_needed(self.j0, self.s.OW, self.add_all)

    def add_all(self, masked):
        """Add the products of all taps."""
        self.chunks(lambda kh, taps: self.add_taps(kh, taps, masked))

    def add_taps(self, kh, taps, masked):
        """Add the products of `taps` rows of taps from kh on."""
        end = self.s.OW
        if not self.known.kernel:
            self.code.repeat(
                self.s.KW,
                lambda kw: self.add(kh, taps, [self.columns(self.j0, kw, 1, masked, end)]),
            )
            return
        columns = self.all_columns(self.j0, masked, end)
        if self.known.kernel**2 + ROWS + 2 <= REGISTERS or self.known.kernel == 3:
            self.add(kh, taps, columns)
        else:
            for one in columns:
                self.add(kh, taps, [one])

    def add(self, kh, taps, columns):
        """Add the products of columns of taps, whose sums are in registers meanwhile."""
        builder, code, s = self.builder, self.code, self.s
        sums = [
            [[cgutils.alloca_once(builder, code.vector) for _ in range(one.width)]
             for _ in range(taps)] for one in columns
        ]  # fmt: skip
        for one in sums:
            for totals in one:
                for total in totals:
                    builder.store(code.zero, total)

        def add_band(band):
            i0 = builder.mul(band, INDEX(ROWS))
            factors = [self.read_gy(builder.add(i0, INDEX(r))) for r in range(ROWS)]
            for row in self.rows(self.plane, i0, self.j0, kh, taps):
                for one, totals in zip(columns, sums, strict=True):
                    for p, value in enumerate(self.read(row.address, one)):
                        for r, t in row.uses:
                            total = totals[t][p]
                            added = code.multiply_add(factors[r], value, builder.load(total))
                            builder.store(added, total)

        bands = builder.udiv(builder.add(s.OH, INDEX(ROWS - 1)), INDEX(ROWS))
        code.repeat(bands, add_band)
        for one, totals in zip(columns, sums, strict=True):
            for t in range(taps):
                tap = builder.add(builder.mul(builder.add(kh, INDEX(t)), s.KW), one.kw)
                for p in range(one.width):
                    at = builder.mul(builder.add(tap, INDEX(p)), INDEX(code.lanes))
                    at = builder.add(self.sums_at, at)
                    whole = builder.fadd(code.load(self.memory, at), builder.load(totals[t][p]))
                    code.store(whole, self.memory, at)

    def read_gy(self, i):
        """A vector of row i of gy, 0 outside."""
        builder, code, s = self.builder, self.code, self.s
        at = builder.add(builder.mul(i, s.OW), self.j0)
        row = builder.gep(self.gy, [builder.add(self.gy_at, at)])
        row = builder.select(builder.icmp_signed("<", i, s.OH), row, self.zeros)
        return code.load_where(self.gy_mask, row, INDEX(0))
