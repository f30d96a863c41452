"""Micro-kernels with few rows for thin groups, which would leave the MR rows of a tile empty.

Like those of micro_kernel.py they are written in LLVM's intermediate representation, so that all
sums stay in registers. The vectors of a tile are given by a list of offsets in a line: a tile may
consist of parts of several rows of an image.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ...jit import kernel
from ...micro_kernel import INDEX, LANE, REGISTERS, Code

# (rows, vectors) of a tile of sums, or (rows, taps) of a tile of products. With one row: as many
# sums as hide the latency of a multiply-add. With four rows: as many as the registers hold.
ONE, FOUR = (1, 8), (4, REGISTERS // 5)
ONE_BY_NINE = (1, 9)
MOST_TAPS = max(ONE_BY_NINE[1], FOUR[1])


def _sums(rows, vectors):
    """A function for kernels: the sums of a tile."""

    @intrinsic
    def sums(typing, w, w_at, w_row, taps, line, offsets, terms, ats, p, last, bias, b_at, relu,
             outs, y, y_at, y_row):  # fmt: skip
        at = types.intp
        first = w, at, at, taps, line, offsets, at, ats, at, at, bias, at, types.boolean
        return types.void(*first, outs, y, at, at), lambda *call: _write(rows, vectors, *call)

    return sums


def _write(rows, vectors, context, builder, signature, args):
    w, w_at, w_row, taps, line, offsets, terms, ats, p, last, bias, b_at, relu = args[:13]
    outs, y, y_at, y_row = args[13:]
    code = Code(context, builder, signature.args[14])
    w, taps, line, offsets, ats, bias, outs, y = (
        code.data(signature.args[k], args[k]) for k in (0, 3, 4, 5, 7, 10, 13, 14)
    )
    tile = [(r, v) for r in range(rows) for v in range(vectors)]
    wanted = [builder.add(p, INDEX(v)) for v in range(vectors)]
    chosen = [builder.select(builder.icmp_signed("<", k, last), k, last) for k in wanted]
    starts = [code.load(ats, k, INDEX) for k in chosen]
    bases = [code.load(bias, builder.add(b_at, INDEX(r)), code.number) for r in range(rows)]
    sums = [cgutils.alloca_once_value(builder, code.everywhere(bases[r])) for r, _ in tile]
    with cgutils.for_range(builder, terms, intp=INDEX) as loop:
        offset = code.load(offsets, loop.index, INDEX)
        weight = builder.add(w_at, code.load(taps, loop.index, INDEX))
        columns = [code.load(line, builder.add(offset, start)) for start in starts]
        for r in range(rows):
            factor = code.everywhere(code.load(w, code.at(weight, w_row, r), code.number))
            for v in range(vectors):
                total = sums[r * vectors + v]
                builder.store(code.multiply_add(factor, columns[v], builder.load(total)), total)
    bits = ir.VectorType(ir.IntType(1), code.lanes)
    cut = builder.select(relu, ir.Constant(bits, [1] * code.lanes), ir.Constant(bits, None))
    ends = [code.load(outs, k, INDEX) for k in chosen]
    for (r, v), total in zip(tile, sums, strict=True):
        value = builder.load(total)
        below = builder.and_(cut, builder.fcmp_ordered("<=", value, code.zero))
        value = builder.select(below, code.zero, value)
        code.store(value, y, builder.add(ends[v], code.at(y_at, y_row, r)))
    return context.get_dummy_value()


_sums_of_one, _sums_of_four = _sums(*ONE), _sums(*FOUR)


@kernel(inline=True)
def write_sums(rows, w, w_at, w_row, taps, line, offsets, terms, ats, count, after, b_at, outs,
               y, y_at, y_row):  # fmt: skip
    """y[y_at + r * y_row + outs[p] + l] = bias[b_at + r] + sum over k < terms of

        w[w_at + r * w_row + taps[k]] * line[ats[p] + offsets[k] + l]

    for 1 or 4 rows r, p < count and all lanes l of a vector; after = (bias, relu): with relu,
    max(0, .) is stored.
    """
    bias, relu = after
    last = count - 1  # a tile computes this vector again in place of vectors beyond it
    if rows == 4:
        for p in range(0, count, FOUR[1]):
            _sums_of_four(w, w_at, w_row, taps, line, offsets, terms, ats, p, last, bias, b_at,
                          relu, outs, y, y_at, y_row)  # fmt: skip
    else:
        for p in range(0, count, ONE[1]):
            _sums_of_one(w, w_at, w_row, taps, line, offsets, terms, ats, p, last, bias, b_at,
                         relu, outs, y, y_at, y_row)  # fmt: skip


def _products(rows, taps):
    """A function for kernels: the sums of the products of a tile."""

    @intrinsic
    def products(typing, g, g_at, g_row, line, ats, count, offsets, k, sums, s_at, s_row):
        at = types.intp
        signature = types.void(g, at, at, line, ats, at, offsets, at, sums, at, at)
        return signature, lambda *call: _write_products(rows, taps, *call)

    return products


def _write_products(rows, taps, context, builder, signature, args):
    g, g_at, g_row, line, ats, count, offsets, k, sums, s_at, s_row = args
    code = Code(context, builder, signature.args[0])
    g, line, ats, offsets, sums = (code.data(signature.args[i], args[i]) for i in (0, 3, 4, 6, 8))
    lanes = INDEX(code.lanes)
    tile = [(r, t) for r in range(rows) for t in range(taps)]
    reads = [code.load(offsets, builder.add(k, INDEX(t)), INDEX) for t in range(taps)]
    totals = [cgutils.alloca_once_value(builder, code.zero) for _ in tile]
    with cgutils.for_range(builder, count, intp=INDEX) as loop:
        start = code.load(ats, loop.index, INDEX)
        at = builder.add(g_at, builder.mul(loop.index, lanes))
        factors = [code.load(g, code.at(at, g_row, r)) for r in range(rows)]
        for t in range(taps):
            column = code.load(line, builder.add(start, reads[t]))
            for r in range(rows):
                total = totals[r * taps + t]
                builder.store(code.multiply_add(factors[r], column, builder.load(total)), total)
    for (r, t), total in zip(tile, totals, strict=True):
        to = code.at(code.at(s_at, s_row, r), builder.add(k, INDEX(t)), code.lanes)
        code.store(builder.fadd(code.load(sums, to), builder.load(total)), sums, to)
    return context.get_dummy_value()


_products_of_one, _products_of_four = _products(*ONE_BY_NINE), _products(*FOUR)


@kernel(inline=True)
def add_products(rows, g, g_at, g_row, line, ats, count, offsets, taps, sums, s_at, s_row):
    """sums[s_at + r * s_row + k * lanes + l] += sum over p < count of

        g[g_at + r * g_row + p * lanes + l] * line[ats[p] + offsets[k] + l]

    for 1 or 4 rows r, k < taps and all lanes l of a vector. Tiles are always whole, so offsets and
    sums hold MOST_TAPS more taps.
    """
    if rows == 4:
        for k in range(0, taps, FOUR[1]):
            _products_of_four(g, g_at, g_row, line, ats, count, offsets, k, sums, s_at, s_row)
    else:
        for k in range(0, taps, ONE_BY_NINE[1]):
            _products_of_one(g, g_at, g_row, line, ats, count, offsets, k, sums, s_at, s_row)


@intrinsic
def copy_some(typing, x, x_at, y, y_at, count):
    """y[y_at + l] = x[x_at + l] for lanes l < count, 0 for the other lanes of a vector."""
    at = types.intp

    def write(context, builder, signature, args):
        x, x_at, y, y_at, count = args
        code = Code(context, builder, signature.args[0])
        x, y = code.data(signature.args[0], x), code.data(signature.args[2], y)
        kind = ir.VectorType(LANE, code.lanes)
        zero, lane = ir.Constant(kind, None), ir.Constant(kind, list(range(code.lanes)))
        one = builder.insert_element(zero, builder.trunc(count, LANE), LANE(0))
        below = builder.icmp_signed("<", lane, builder.shuffle_vector(one, one, zero))
        code.store(builder.select(below, code.load(x, x_at), code.zero), y, y_at)
        return context.get_dummy_value()

    return types.void(x, at, y, at, at), write
