"""A window of known size that slides down a strip of a plane: what its micro-kernels share.

A strip is one vector of positions wide. Each row of the plane is read once, for all rows of taps;
the rows of positions that it belongs to are open: what they need waits in registers, and moves on
by one register with each step.

Sums of a row of positions begin when the one before still adds, so a strip needs no unrolled rows
to hide the latency of a multiply-add, and it may have any number of rows.
"""

from numba.core import cgutils

from ...micro_kernel import INDEX
from .reading import Reading


class Strip(Reading):
    """Emits the steps of a strip. depth: rows of positions that are open at once."""

    def __init__(self, context, builder, kinds, args):
        super().__init__(context, builder, kinds, args, 1)
        self.size, self.step = self.known.kernel, self.known.stride
        self.depth = -(-self.size // self.step)

    def variables(self, count: int, start) -> list:
        """`count` vectors that can be stored to; LLVM keeps them in registers."""
        found = [cgutils.alloca_once(self.builder, start.type) for _ in range(count)]
        for variable in found:
            self.builder.store(start, variable)
        return found

    def slide(self, count, step) -> None:
        """step(q, open) for q = 0, 1, ..., where `open` are those t for which the row of positions
        q - t is one of `count`, at least depth - 1.

        The row of taps that such a row needs of the p-th row of step q is p + stride * t.
        """
        builder, last = self.builder, self.depth - 1
        for q in range(last):
            step(INDEX(q), range(q + 1))
        with cgutils.for_range(builder, builder.sub(count, INDEX(last)), intp=INDEX) as loop:
            step(builder.add(loop.index, INDEX(last)), range(self.depth))
        for t in range(1, self.depth):
            step(builder.add(count, INDEX(t - 1)), range(t, self.depth))

    def taps(self, p: int, among: range) -> list[tuple[int, int]]:
        """The (row of taps, t) that need the p-th row of a step, for the t of `among`."""
        found = ((p + self.step * t, t) for t in among)
        return [(kh, t) for kh, t in found if kh < self.size]

    def row(self, plane, h, column):
        """The address of row h of a plane, or of a row of zeros, to be read from `column` on."""
        builder, s = self.builder, self.s
        row = builder.gep(self.x, [builder.add(plane, builder.mul(h, s.W))])
        nothing = builder.gep(self.zeros, [builder.neg(column)])
        return builder.select(builder.icmp_unsigned("<", h, s.H), row, nothing)

    def all_weights(self, w, w_at) -> list[list]:
        """The weight of each tap, in all lanes."""
        code, s = self.code, self.s
        rows = [code.at(w_at, s.w_row, kh) for kh in range(self.size)]
        return [
            [
                code.everywhere(code.load(w, code.at(row, s.w_column, kw), code.number))
                for kw in range(self.size)
            ]
            for row in rows
        ]

    def add_product(self, total, factor, value) -> None:
        """Add a product to a variable."""
        builder = self.builder
        builder.store(self.code.multiply_add(factor, value, builder.load(total)), total)

    def move(self, variables: list, last) -> None:
        """Give each variable the value of the next one, and `last` to the last."""
        builder = self.builder
        values = [builder.load(variable) for variable in variables[1:]]
        for value, variable in zip([*values, last], variables, strict=True):
            builder.store(value, variable)
