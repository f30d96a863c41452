"""How the micro-kernels of the direct convolution read planes: in place, zeros outside."""

from typing import Any, NamedTuple

from llvmlite import ir

from ...machine import machine
from ...micro_kernel import INDEX, LANE
from .code import Masked, fields

# With AVX-512 a masked load costs no more than another; elsewhere only the ends of rows need masks.
ALWAYS_MASKED = machine().instructions == "avx512"


class Columns(NamedTuple):
    """Adjacent columns of taps, whose elements are read together."""

    kw: ir.Value | None  # the first; None where the caller knows it
    width: int  # their number, 1 to 3
    start: ir.Value  # the column of a row that the first of them reads for the first position
    parts: list  # of the two vectors with stride 2: first column, and mask
    last: tuple | None  # with a width of 3: likewise, for the last element of the third


class Row(NamedTuple):
    """A row of a plane, or the row of zeros."""

    address: ir.Value
    h: ir.Value  # its number in the plane
    uses: list[tuple[int, int]]  # the (row of the tile, tap) that read it


class Reading:
    """Emits the reads of a tile: `height` rows of one vector of positions, from (i0, j0) on.

    The first three arguments are the planes, a row of what is outside of them, and the shape.
    outside: what is outside, 0 or another number.
    """

    def __init__(self, context, builder, kinds, args, height, outside=0.0):
        (x_kind, zeros_kind, shape_kind), (x, zeros, shape) = kinds[:3], args[:3]
        self.builder, self.known, self.height = builder, shape_kind.instance_class, height
        self.code = code = Masked(context, builder, x_kind, self.known.share)
        self.x, self.zeros = code.data(x_kind, x), code.data(zeros_kind, zeros)
        self.outside = ir.Constant(code.number, outside)
        self.beyond = code.everywhere(self.outside)
        s: Any = type("Fields", (), fields(builder, shape_kind, shape))
        self.s = s
        fixed = self.known.stride
        self.stride = (INDEX(fixed),) * 2 if fixed else (s.stride_h, s.stride_w)
        self.dilation = (INDEX(1),) * 2 if self.known.kernel else (s.dilation_h, s.dilation_w)

    def first_column(self, j0):
        return self.builder.sub(self.builder.mul(j0, self.stride[1]), self.s.left)

    def rows(self, plane, i0, j0, kh, taps) -> list[Row]:
        """The rows that `taps` rows of taps from kh on read.

        plane: the index of its first element. Rows outside of it are read from the row of zeros.
        """
        builder, s = self.builder, self.s
        top = builder.sub(builder.mul(i0, self.stride[0]), s.top)
        first = builder.add(top, builder.mul(kh, self.dilation[0]))
        step = self.known.stride or 1
        places = [(r * step + t, r, t) for r in range(self.height) for t in range(taps)]
        return self.rows_from(plane, first, places, self.first_column(j0))

    def rows_from(self, plane, first, places, column) -> list[Row]:
        """The rows of places (row behind `first`, row of tile, tap), to be read from `column` on or
        behind it.
        """
        builder, s = self.builder, self.s
        uses = {}
        for q, r, t in places:
            uses.setdefault(q, []).append((r, t))
        nothing = builder.gep(self.zeros, [builder.neg(column)])
        rows = []
        for q, used in sorted(uses.items()):
            step = INDEX(q) if self.known.stride else builder.mul(s.stride_h, INDEX(q))
            h = builder.add(first, step)
            row = builder.gep(self.x, [builder.add(plane, builder.mul(h, s.W))])
            valid = builder.icmp_unsigned("<", h, s.H)
            rows.append(Row(builder.select(valid, row, nothing), h, used))
        return rows

    def chunks(self, body):
        """body(kh, taps) for chunks that cover the rows of taps."""
        builder, s, code = self.builder, self.s, self.code
        if self.known.kernel:
            body(INDEX(0), self.known.kernel)
        elif self.known.stride is None:
            code.repeat(s.KH, lambda kh: body(kh, 1))
        else:
            adjacent = builder.icmp_signed("==", s.dilation_h, INDEX(1))
            threes = builder.select(adjacent, builder.udiv(s.KH, INDEX(3)), INDEX(0))
            done = builder.mul(threes, INDEX(3))
            code.repeat(threes, lambda k: body(builder.mul(k, INDEX(3)), 3))
            code.repeat(builder.sub(s.KH, done), lambda k: body(builder.add(done, k), 1))

    def all_columns(self, j0, masked, end=None):
        """The columns of taps of a known kernel."""
        kernel = self.known.kernel
        widths = [1] * kernel
        if self.known.stride == 2:
            widths = [2] * (kernel // 2)
            widths[-1] += kernel % 2
        starts = [sum(widths[:k]) for k in range(len(widths))]
        return [
            self.columns(j0, INDEX(kw), width, masked, end)
            for kw, width in zip(starts, widths, strict=True)
        ]

    def columns(self, j0, kw, width, masked, end=None):
        """`width` columns of taps from kw on. end: the number of positions in a row to read for."""
        builder, code = self.builder, self.code
        start = builder.add(self.first_column(j0), builder.mul(kw, self.dilation[1]))
        W = self.s.W
        if end is not None and masked:
            reach = builder.mul(builder.sub(end, j0), self.stride[1])
            reach = builder.add(builder.add(start, reach), INDEX(width - 1))
            W = builder.select(builder.icmp_signed("<", reach, W), reach, W)
            W = builder.select(builder.icmp_signed("<", W, INDEX(0)), INDEX(0), W)
        parts = [builder.add(start, INDEX(k * code.lanes)) for k in range(2)]
        masks = [code.inside(part, W) for part in parts] if masked else [None] * 2
        last = None
        if width == 3:
            begin = builder.add(start, INDEX(code.lanes + 1))
            top = ir.Constant(code.bits, [0] * (code.lanes - 1) + [1])
            last = begin, builder.and_(code.inside(begin, W), top)
        return Columns(kw, width, start, list(zip(parts, masks, strict=True)), last)

    def read(self, row, columns):
        """The vectors that the columns of taps read of a row."""
        code, lanes = self.code, self.code.lanes
        if self.known.stride is None:
            return [self._gather(row, columns.start)]
        if self.known.stride == 1:
            ((at, mask), _) = columns.parts
            return [code.load_where(mask, row, at, self.beyond)]
        low, high = (code.load_where(mask, row, at, self.beyond) for at, mask in columns.parts)
        width = min(columns.width, 2)
        found = [code.pick(low, high, list(range(p, 2 * lanes, 2))) for p in range(width)]
        if columns.width == 3:
            third = code.pick(low, high, [*range(2, 2 * lanes, 2), 0])
            third = code.builder.insert_element(third, self.outside, LANE(lanes - 1))
            begin, mask = columns.last
            found.append(code.load_where(mask, row, begin, third))
        return found

    def _gather(self, row, start):
        """One element after another, `stride` apart."""
        builder, code = self.builder, self.code
        found = self.beyond
        for k in range(code.lanes):
            at = code.at(start, self.s.stride_w, k)
            valid = builder.icmp_unsigned("<", at, self.s.W)
            with builder.if_else(valid) as (then, otherwise):
                with then:
                    number = code.load(row, at, code.number)
                    end = builder.block
                with otherwise:
                    other = builder.block
            either = builder.phi(code.number)
            either.add_incoming(number, end)
            either.add_incoming(self.outside, other)
            found = builder.insert_element(found, either, LANE(k))
        return found

    def masked_where_needed(self, j0, end, body):
        """body(masked): with masks only where reads for a vector of positions leave a row."""
        builder, code, known = self.builder, self.code, self.known
        if known.stride is None:
            body(True)
            return
        first = self.first_column(j0)
        reach = builder.mul(builder.sub(self.s.KW, INDEX(1)), self.dilation[1])
        reach = builder.add(first, builder.add(reach, INDEX(code.lanes * known.stride)))
        inside = None
        if end is not None:
            inside = builder.icmp_signed("<=", builder.add(j0, INDEX(code.lanes)), end)
        self.masked_outside(first, reach, body, inside)

    def masked_outside(self, first, reach, body, inside=None):
        """body(masked): with masks only where columns first ... reach - 1 leave a row."""
        builder = self.builder
        if ALWAYS_MASKED:
            body(True)
            return
        whole = builder.and_(
            builder.icmp_signed(">=", first, INDEX(0)),
            builder.icmp_signed("<=", reach, self.s.W),
        )
        whole = whole if inside is None else builder.and_(whole, inside)
        with builder.if_else(whole) as (then, otherwise):
            with then:
                body(False)
            with otherwise:
                body(True)
