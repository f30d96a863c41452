"""The micro-kernel of a weight gradient: the sums of a window's taps, in registers."""

from numba import types
from numba.core import cgutils

from ...intrinsic import intrinsic
from ...micro_kernel import INDEX, REGISTERS
from .reading import Reading
from .strip import Strip

ROWS = 8 if REGISTERS == 32 else 4  # rows of gy that wait in registers beside nine sums


@intrinsic
def product_tile(typing, x, zeros, shape, plane, gy, gy_at, sums, sums_at, j0):
    """sums[sums_at + tap, lane] += sum over rows i of gy[gy_at + i, j0 + lane] * the element that
    the tap reads of the plane at (i, j0 + lane); lanes outside a row add nothing.
    """
    at = types.intp

    def write(context, builder, signature, args):
        emitter = _Strip if shape.instance_class.kernel else _Tile
        emitter(context, builder, signature.args, args).write()
        return context.get_dummy_value()

    return types.void(x, zeros, shape, at, gy, at, sums, at, at), write


class _Tile(Reading):
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
        self.code.repeat(
            self.s.KW,
            lambda kw: self.add(kh, taps, self.columns(self.j0, kw, 1, masked, self.s.OW)),
        )

    def add(self, kh, taps, column):
        """Add the products of a column of taps, whose sums are in registers meanwhile."""
        builder, code, s = self.builder, self.code, self.s
        sums = [cgutils.alloca_once(builder, code.vector) for _ in range(taps)]
        for total in sums:
            builder.store(code.zero, total)

        def add_band(band):
            i0 = builder.mul(band, INDEX(ROWS))
            factors = [self.read_gy(builder.add(i0, INDEX(r))) for r in range(ROWS)]
            for row in self.rows(self.plane, i0, self.j0, kh, taps):
                (value,) = self.read(row.address, column)
                for r, t in row.uses:
                    added = code.multiply_add(factors[r], value, builder.load(sums[t]))
                    builder.store(added, sums[t])

        bands = builder.udiv(builder.add(s.OH, INDEX(ROWS - 1)), INDEX(ROWS))
        code.repeat(bands, add_band)
        for t, total in enumerate(sums):
            tap = builder.add(builder.mul(builder.add(kh, INDEX(t)), s.KW), column.kw)
            at = builder.add(self.sums_at, builder.mul(tap, INDEX(code.lanes)))
            code.store(
                builder.fadd(code.load(self.memory, at), builder.load(total)), self.memory, at
            )

    def read_gy(self, i):
        """A vector of row i of gy, 0 outside."""
        builder, code, s = self.builder, self.code, self.s
        at = builder.add(builder.mul(i, s.OW), self.j0)
        row = builder.gep(self.gy, [builder.add(self.gy_at, at)])
        row = builder.select(builder.icmp_signed("<", i, s.OH), row, self.zeros)
        return code.load_where(self.gy_mask, row, INDEX(0))


class _Strip(Strip):
    def __init__(self, context, builder, kinds, args):
        _, _, _, self.plane, gy, self.gy_at, sums, self.sums_at, self.j0 = args
        super().__init__(context, builder, kinds, args)
        self.gy, self.memory = self.code.data(kinds[4], gy), self.code.data(kinds[6], sums)
        self.gy_mask = self.code.inside(self.j0, self.s.OW)

    def write(self):
        self.masked_where_needed(self.j0, self.s.OW, self.add_all)

    def add_all(self, masked):
        """Add the products of as many columns of taps at once as have registers for their sums."""
        columns = self.all_columns(self.j0, masked, self.s.OW)
        if self.size**2 + self.depth + 2 <= REGISTERS:
            self.add(columns, masked)
        else:
            for one in columns:
                self.add([one], masked)

    def add(self, columns, masked):
        """Add the products of columns of taps."""
        builder, code, s = self.builder, self.code, self.s
        width = sum(one.width for one in columns)
        sums = [self.variables(width, code.zero) for _ in range(self.size)]
        open_rows = self.variables(self.depth, code.zero)  # of gy, the first one last

        def step(q, among):
            row = self.read_gy(q, masked) if 0 in among else code.zero
            self.move(open_rows, row)
            first = builder.sub(builder.mul(q, INDEX(self.step)), s.top)
            for p in range(self.step):
                taps = self.taps(p, among)
                if not taps:
                    continue
                h = builder.add(first, INDEX(p))
                row = self.row(self.plane, h, self.first_column(self.j0))
                values = [value for one in columns for value in self.read(row, one)]
                for k, value in enumerate(values):
                    for kh, t in taps:
                        factor = builder.load(open_rows[self.depth - 1 - t])
                        self.add_product(sums[kh][k], factor, value)

        self.slide(s.OH, step)
        for kh, totals in enumerate(sums):
            tap = builder.add(INDEX(kh * self.size), columns[0].kw)
            for k, total in enumerate(totals):
                at = builder.mul(builder.add(tap, INDEX(k)), INDEX(code.lanes))
                at = builder.add(self.sums_at, at)
                whole = builder.fadd(code.load(self.memory, at), builder.load(total))
                code.store(whole, self.memory, at)

    def read_gy(self, i, masked):
        """A vector of row i of gy."""
        builder = self.builder
        at = builder.add(builder.mul(i, self.s.OW), self.j0)
        mask = self.gy_mask if masked else None
        return self.code.load_where(mask, self.gy, builder.add(self.gy_at, at))
