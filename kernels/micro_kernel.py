"""The micro-kernels in vector registers: multiply and transpose a tile.

The product of two matrices is made of tiles whose sums stay in registers until the end:

    c[r, v] = sum over k of  a[k, r] * b[k, v]        MR rows r, NR = lanes * NR_VECTORS columns v

Each step k loads a few vectors of b and broadcasts every a[k, r] to all lanes. There is no setup
and no restriction on strides, which makes it faster than a BLAS call for the many small products of
a convolution. Numba's own loops would keep the sums in memory, so these functions are written in
LLVM's intermediate representation, which LLVM compiles for the host processor.

All arrays are one-dimensional; offsets in them are counted in elements.

Source: Van Zee, van de Geijn (2015), BLIS: A Framework for Rapidly Instantiating BLAS
Functionality, the micro-kernel of figure 1.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from .intrinsic import intrinsic
from .jit import kernel
from .machine import Machine, machine

IN_FLIGHT = 8  # multiply-adds begun before the first is done: a latency of 4 cycles, two a cycle


def tile_shape(machine: Machine) -> tuple[int, int]:
    """MR and the number of vectors of NR, for float32.

    The sums, a row of b and one factor of a fit the registers, beside a product where it is not
    fused with its sum. There are enough independent sums to hide the latency of a multiply-add, and
    no more loads than multiply-adds. Of such shapes the one reads the fewest bytes per sum. MR is a
    power of two, since tiles are transposed as such.
    """
    lanes, unfused = machine.lanes(4), machine.instructions == "sse"
    shapes = [
        (rows, vectors)
        for rows in (2, 4, 8, 16)
        for vectors in range(1, 7)
        if rows * vectors + vectors + 1 + unfused <= machine.registers
        and rows * vectors >= max(IN_FLIGHT, rows + vectors)
    ]
    return max(shapes, key=lambda s: s[0] * s[1] * lanes / (s[0] + s[1] * lanes))


VECTOR_BYTES, REGISTERS = machine().vector_bytes, machine().registers
MR, NR_VECTORS = tile_shape(machine())  # 8 x 3 for 32 registers, 4 x 3 for 16 (SSE: 4 x 2)

INDEX = ir.IntType(64)
LANE = ir.IntType(32)


def lanes(dtype) -> int:
    """The number of elements in a vector register."""
    return VECTOR_BYTES // np.dtype(dtype).itemsize


class Code:
    """Emits LLVM instructions on vectors of one dtype."""

    def __init__(self, context, builder, array: types.Array):
        self.context, self.builder = context, builder
        self.lanes = lanes(str(array.dtype))
        self.itemsize = VECTOR_BYTES // self.lanes
        self.number = context.get_value_type(array.dtype)
        self.vector = ir.VectorType(self.number, self.lanes)
        self.zero = ir.Constant(self.vector, None)

    def narrow(self) -> None:
        """Go on with vectors of half as many lanes, at least one."""
        self.lanes = max(1, self.lanes // 2)
        self.vector = ir.VectorType(self.number, self.lanes)
        self.zero = ir.Constant(self.vector, None)

    def data(self, array: types.Array, value):
        """The address of an array's first element."""
        return self.context.make_array(array)(self.context, self.builder, value).data

    def at(self, start, stride, times: int):
        """start + stride * times"""
        return self.builder.add(start, self.builder.mul(stride, INDEX(times)))

    def load(self, data, index, kind=None):
        """A vector, or a value of the type `kind`, from any address."""
        kind = kind or self.vector
        found = self.builder.load(self._pointer(data, index, kind))
        found.align = self.itemsize  # tiles begin at any element
        return found

    def store(self, value, data, index):
        stored = self.builder.store(value, self._pointer(data, index, value.type))
        stored.align = self.itemsize

    def _pointer(self, data, index, kind):
        return self.builder.bitcast(self.builder.gep(data, [index]), kind.as_pointer())

    def everywhere(self, number):
        """The vector with `number` in all lanes."""
        one = self.builder.insert_element(self.zero, number, LANE(0))
        first = ir.Constant(ir.VectorType(LANE, self.lanes), None)
        return self.builder.shuffle_vector(one, self.zero, first)

    def multiply_add(self, a, b, c):
        """a * b + c, rounded once where the processor has fused multiply-add."""
        return self.builder.fadd(
            self.builder.fmul(a, b, flags=("contract",)), c, flags=("contract",)
        )

    def pick(self, a, b, lanes: list[int]):
        """The given lanes of the concatenation of a and b."""
        mask = ir.Constant(ir.VectorType(LANE, len(lanes)), [LANE(lane) for lane in lanes])
        return self.builder.shuffle_vector(a, b, mask)


@intrinsic
def lanes_of(typing, x):
    """lanes(x.dtype) in a kernel: a constant, so LLVM divides by it with shifts."""

    def write(context, builder, signature, args):
        return INDEX(lanes(str(signature.args[0].dtype)))

    return types.intp(x), write


def _sums(code, vectors, depth, a_from, b_from):
    """The sums of a tile over k < depth; a_from(k, r) and b_from(k) load factors of step k."""
    builder = code.builder
    sums = [cgutils.alloca_once_value(builder, code.zero) for _ in range(MR * vectors)]
    with cgutils.for_range(builder, depth, intp=INDEX) as loop:  # LLVM: sums are in registers
        row = b_from(loop.index)
        for r in range(MR):
            factor = code.everywhere(a_from(loop.index, r))
            for v in range(vectors):
                total = sums[r * vectors + v]
                builder.store(code.multiply_add(factor, row[v], builder.load(total)), total)
    return sums


def _add_and_store(code, vectors, sums, c, c_at, c_row, add, epilogue=None):
    """c = sums, plus c with `add`; between, `epilogue(sums)`."""
    builder = code.builder
    tile = [(r, v) for r in range(MR) for v in range(vectors)]
    targets = [code.at(code.at(c_at, c_row, r), INDEX(code.lanes), v) for r, v in tile]
    with builder.if_then(add):
        for target, total in zip(targets, sums, strict=True):
            builder.store(builder.fadd(code.load(c, target), builder.load(total)), total)
    if epilogue:
        epilogue(sums)
    for target, total in zip(targets, sums, strict=True):
        code.store(builder.load(total), c, target)


def _product(vectors: int):
    """A function for kernels: the product of a tile that is `vectors` vectors wide."""

    def write(context, builder, signature, args):
        a, a_at, a_row, a_step, b, b_at, b_steps, depth, c, c_at, c_row, add = args
        kinds = signature.args
        code = Code(context, builder, kinds[0])
        a, b, c = (code.data(kinds[k], args[k]) for k in (0, 4, 8))
        steps = code.data(kinds[6], b_steps)

        def a_from(k, r):
            at = builder.add(a_at, builder.mul(a_step, k))
            return code.load(a, code.at(at, a_row, r), code.number)

        def b_from(k):
            at = builder.add(b_at, builder.load(builder.gep(steps, [k])))
            return [code.load(b, code.at(at, INDEX(code.lanes), v)) for v in range(vectors)]

        sums = _sums(code, vectors, depth, a_from, b_from)
        _add_and_store(code, vectors, sums, c, c_at, c_row, add)
        return context.get_dummy_value()

    @intrinsic
    def product(typing, a, a_at, a_row, a_step, b, b_at, b_steps, depth, c, c_at, c_row, add):
        at = types.intp
        return types.void(a, at, at, at, b, at, b_steps, at, c, at, at, types.boolean), write

    return product


_one, _two, _widest = (_product(vectors) for vectors in (1, 2, NR_VECTORS))


@kernel(inline=True)
def multiply_tile(vectors, a, a_at, a_row, a_step, b, b_at, b_steps, depth, c, c_at, c_row, add):
    """c[c_at + r * c_row + v] = sum over k < depth of

        a[a_at + r * a_row + k * a_step] * b[b_at + b_steps[k] + v]

    for MR rows r and all lanes v of `vectors` vectors; with `add` the sum is added to c.
    """
    if vectors == 1:
        _one(a, a_at, a_row, a_step, b, b_at, b_steps, depth, c, c_at, c_row, add)
    elif vectors == 2:
        _two(a, a_at, a_row, a_step, b, b_at, b_steps, depth, c, c_at, c_row, add)
    else:
        _widest(a, a_at, a_row, a_step, b, b_at, b_steps, depth, c, c_at, c_row, add)


def _panel_product(vectors: int, half: bool = False):
    """A function for kernels: multiply_panels for `vectors` vectors of a panel, or half of one."""

    def write(context, builder, signature, args):
        a, a_at, b, b_at, depth, c, c_at, c_row, add, bias, row, finish, relu = args
        kinds = signature.args
        code = Code(context, builder, kinds[0])
        a, b, c, bias = (code.data(kinds[k], args[k]) for k in (0, 2, 5, 9))
        row_of_b = INDEX(NR_VECTORS * code.lanes)
        if half:
            code.narrow()

        def a_from(k, r):
            at = builder.add(a_at, builder.mul(k, INDEX(MR)))
            return code.load(a, code.at(at, INDEX(1), r), code.number)

        def b_from(k):
            at = builder.add(b_at, builder.mul(k, row_of_b))
            return [code.load(b, code.at(at, INDEX(code.lanes), v)) for v in range(vectors)]

        def epilogue(sums):
            with builder.if_then(finish):
                for k, total in enumerate(sums):
                    number = code.load(bias, code.at(row, INDEX(1), k // vectors), code.number)
                    known = builder.fadd(builder.load(total), code.everywhere(number))
                    negative = builder.fcmp_ordered("<=", known, code.zero)
                    cut = builder.select(negative, code.zero, known)
                    builder.store(builder.select(relu, cut, known), total)

        sums = _sums(code, vectors, depth, a_from, b_from)
        _add_and_store(code, vectors, sums, c, c_at, c_row, add, epilogue)
        return context.get_dummy_value()

    @intrinsic
    def product(typing, a, a_at, b, b_at, depth, c, c_at, c_row, add, bias, row, finish, relu):
        at, flag = types.intp, types.boolean
        return types.void(
            a, at, b, at, at, c, at, at, flag, bias, at, flag, flag
        ), write  # fmt: skip

    return product


_half = _panel_product(1, half=True)
_panel_one, _panel_two, _panel = (_panel_product(n) for n in (1, 2, NR_VECTORS))


@kernel(inline=True)
def multiply_panels(columns, a, a_at, b, b_at, depth, c, c_at, c_row, add, epilogue):
    """c[c_at + r * c_row + v] = sum over k < depth of

        a[a_at + k * MR + r] * b[b_at + k * NR + v]

    for MR rows r and all lanes v of the vectors that hold `columns` columns (half of one where that
    is enough): the micro-kernel on packed micro-panels. With `add` the sum is added to c.
    epilogue: (bias, row, finish, relu). With finish, bias[row + r] is added in registers, and with
    relu the result is max(0, .), where NaN stays NaN.
    """
    bias, row, end, relu = epilogue
    lanes = lanes_of(c)
    if 2 * columns <= lanes:
        _half(a, a_at, b, b_at, depth, c, c_at, c_row, add, bias, row, end, relu)
    elif columns <= lanes:
        _panel_one(a, a_at, b, b_at, depth, c, c_at, c_row, add, bias, row, end, relu)
    elif columns <= 2 * lanes:
        _panel_two(a, a_at, b, b_at, depth, c, c_at, c_row, add, bias, row, end, relu)
    else:
        _panel(a, a_at, b, b_at, depth, c, c_at, c_row, add, bias, row, end, relu)


@intrinsic
def transpose_tile(typing, x, x_at, x_row, y, y_at, y_row):
    """y[y_at + k * y_row + r] = x[x_at + r * x_row + k]  for MR rows r and all lanes k."""
    at = types.intp

    def write(context, builder, signature, args):
        x, x_at, x_row, y, y_at, y_row = args
        code = Code(context, builder, signature.args[0])
        x, y = code.data(signature.args[0], x), code.data(signature.args[3], y)
        whole = interleave(code, [code.load(x, code.at(x_at, x_row, r)) for r in range(MR)])
        for k in range(code.lanes):
            column = code.pick(whole, whole, [k * MR + r for r in range(MR)])
            code.store(column, y, code.at(y_at, y_row, k))
        return context.get_dummy_value()

    return types.void(x, at, at, y, at, at), write


@intrinsic
def transpose_strip(typing, x, x_at, x_row, y, y_at):
    """transpose_tile with y_row = MR: stores whole vectors, since y's columns are adjacent."""
    at = types.intp

    def write(context, builder, signature, args):
        x, x_at, x_row, y, y_at = args
        code = Code(context, builder, signature.args[0])
        x, y = code.data(signature.args[0], x), code.data(signature.args[3], y)
        whole = interleave(code, [code.load(x, code.at(x_at, x_row, r)) for r in range(MR)])
        for r in range(MR):
            vector = [r * code.lanes + lane for lane in range(code.lanes)]
            code.store(code.pick(whole, whole, vector), y, code.at(y_at, INDEX(code.lanes), r))
        return context.get_dummy_value()

    return types.void(x, at, at, y, at), write


@intrinsic
def transpose_square(typing, x, x_at, x_row, y, y_at, y_row):
    """y[y_at + k * y_row + r] = x[x_at + r * x_row + k]  for as many rows r as lanes k."""
    at = types.intp

    def write(context, builder, signature, args):
        x, x_at, x_row, y, y_at, y_row = args
        code = Code(context, builder, signature.args[0])
        x, y = code.data(signature.args[0], x), code.data(signature.args[3], y)
        rows = [code.load(x, code.at(x_at, x_row, r)) for r in range(code.lanes)]
        for k, column in enumerate(transposed(code, rows)):
            code.store(column, y, code.at(y_at, y_row, k))
        return context.get_dummy_value()

    return types.void(x, at, at, y, at, at), write


def transposed(code: Code, rows: list, share: int = 1) -> list:
    """The columns of a square of as many rows as lanes, or with `share` of a square whose elements
    are so many adjacent lanes.

    Step d exchanges the blocks of d x d elements beside the diagonals of blocks twice as large.
    """
    n, d = code.lanes // share, 1
    while d < n:
        left = [k if not k & d else n + k - d for k in range(n)]
        right = [k + d if not k & d else n + k for k in range(n)]
        left, right = (
            [k * share + q for k in side for q in range(share)] for side in (left, right)
        )
        for r in (r for r in range(n) if not r & d):
            pair = rows[r], rows[r + d]
            rows[r], rows[r + d] = code.pick(*pair, left), code.pick(*pair, right)
        d *= 2
    return rows


def interleave(code: Code, vectors: list):
    """Lane 0 of each vector, then lane 1 of each, and so on, for 2^n vectors."""
    if len(vectors) == 1:
        return vectors[0]
    even, odd = interleave(code, vectors[::2]), interleave(code, vectors[1::2])
    count = even.type.count
    return code.pick(even, odd, [lane for k in range(count) for lane in (k, count + k)])
