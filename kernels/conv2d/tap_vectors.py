"""Sums over a few taps that keep all reused values in vector registers.

A line has LANES elements at each position. Tap t reads the positions p + offsets[t]:

    out[p]  = sum over t of weights[t] * line[offsets[t] + p]        the weights stay in registers
    sums[t] = sum over p of g[p] * line[offsets[t] + p]              the sums stay in registers

for each lane separately. So a step loads little more than the line.
"""

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..jit import kernel
from ..micro_kernel import INDEX, REGISTERS, Code, lanes_of

LANES = 16  # elements of a position: one or more vectors of float32
# The taps of a step: 25 (a 5x5 kernel) where the registers suffice, else 9, 3 or 1.
MAX_TAPS = 25 if REGISTERS == 32 else 9


def _taps(code, offsets, tap, count):
    """The offsets of the taps in the line, in elements."""
    found = []
    for k in range(count):
        address = code.builder.gep(offsets, [code.builder.add(tap, INDEX(k))])
        found.append(code.builder.mul(code.builder.load(address), INDEX(LANES)))
    return found


@intrinsic
def _move(typing, source, at, stride, target, to, step, lane, count):
    """Move one vector of each position."""
    index = types.intp

    def write(context, builder, signature, args):
        source, at, stride, target, to, step, lane, count = args
        code = Code(context, builder, signature.args[0])
        source, target = code.data(signature.args[0], source), code.data(signature.args[3], target)
        with cgutils.for_range(builder, count, intp=INDEX) as loop:
            read = builder.add(at, builder.mul(loop.index, stride))
            position = builder.add(to, builder.mul(loop.index, step))
            vector = code.load(source, code.at(lane, read, LANES))
            code.store(vector, target, code.at(lane, position, LANES))
        return context.get_dummy_value()

    return types.void(source, index, index, target, index, index, index, index), write


@kernel
def move(source, at, stride, target, to, step, count):
    """target[to + m * step] = source[at + m * stride], LANES elements each, for m < count."""
    for lane in range(0, LANES, lanes_of(source)):
        _move(source, at, stride, target, to, step, lane, count)


def _weighted(taps: int):
    @intrinsic
    def weighted(typing, line, offsets, weights, tap, lane, count, out, add):
        """out[p] = sum over `taps` taps, plus out[p] if `add`, for one vector of each position."""
        at = types.intp

        def write(context, builder, signature, args):
            line, offsets, weights, tap, lane, count, out, add = args
            kinds = signature.args
            code = Code(context, builder, kinds[0])
            line, weights, out = (
                code.data(kinds[k], value) for k, value in ((0, line), (2, weights), (6, out))
            )
            reads = _taps(code, code.data(kinds[1], offsets), tap, taps)
            factors = [
                code.load(weights, code.at(lane, builder.add(tap, INDEX(k)), LANES))
                for k in range(taps)
            ]
            with cgutils.for_range(builder, count, intp=INDEX) as loop:
                position = code.at(lane, loop.index, LANES)
                before = code.load(out, position)
                total = builder.select(add, before, code.zero)
                for read, factor in zip(reads, factors, strict=True):
                    value = code.load(line, builder.add(position, read))
                    total = code.multiply_add(value, factor, total)
                code.store(total, out, position)
            return context.get_dummy_value()

        return types.void(line, offsets, weights, at, at, at, out, types.boolean), write

    return weighted


def _products(taps: int):
    @intrinsic
    def products(typing, line, offsets, g, start, tap, lane, count, sums):
        """sums[t] += sum over count positions, for `taps` taps and one vector of each position."""
        at = types.intp

        def write(context, builder, signature, args):
            line, offsets, g, start, tap, lane, count, sums = args
            kinds = signature.args
            code = Code(context, builder, kinds[0])
            line, g, sums = (
                code.data(kinds[k], value) for k, value in ((0, line), (2, g), (7, sums))
            )
            reads = _taps(code, code.data(kinds[1], offsets), tap, taps)
            positions = [code.at(lane, builder.add(tap, INDEX(k)), LANES) for k in range(taps)]
            totals = [cgutils.alloca_once_value(builder, code.zero) for _ in positions]
            with cgutils.for_range(builder, count, intp=INDEX) as loop:
                position = code.at(lane, builder.add(start, loop.index), LANES)
                factor = code.load(g, position)
                for read, total in zip(reads, totals, strict=True):
                    value = code.load(line, builder.add(position, read))
                    builder.store(code.multiply_add(value, factor, builder.load(total)), total)
            for position, total in zip(positions, totals, strict=True):
                whole = builder.fadd(code.load(sums, position), builder.load(total))
                code.store(whole, sums, position)
            return context.get_dummy_value()

        return types.void(line, offsets, g, at, at, at, at, sums), write

    return products


_weighted_25, _weighted_9, _weighted_3, _weighted_1 = (_weighted(n) for n in (25, 9, 3, 1))
_products_25, _products_9, _products_3, _products_1 = (_products(n) for n in (25, 9, 3, 1))
RUN = 256  # positions in a partial sum, to keep the rounding error small


@kernel
def weighted_sum(line, offsets, weights, positions, out):
    """out[p, lane] = sum over taps of weights[tap, lane] * line[offsets[tap] + p, lane]

    for p < positions; line, out and weights (taps, LANES) are flat.
    """
    if offsets.size == 0:
        out[: positions * LANES] = 0
    for lane in range(0, LANES, lanes_of(line)):
        tap = 0
        while tap < offsets.size:
            left, add = offsets.size - tap, tap > 0
            if left >= 25 and MAX_TAPS == 25:
                _weighted_25(line, offsets, weights, tap, lane, positions, out, add)
                tap += 25
            elif left >= 9:
                _weighted_9(line, offsets, weights, tap, lane, positions, out, add)
                tap += 9
            elif left >= 3:
                _weighted_3(line, offsets, weights, tap, lane, positions, out, add)
                tap += 3
            else:
                _weighted_1(line, offsets, weights, tap, lane, positions, out, add)
                tap += 1


@kernel
def add_products(line, offsets, g, positions, sums):
    """sums[tap, lane] += sum over p < positions of g[p, lane] * line[offsets[tap] + p, lane]."""
    for start in range(0, positions, RUN):
        count = min(RUN, positions - start)
        for lane in range(0, LANES, lanes_of(line)):
            tap = 0
            while tap < offsets.size:
                left = offsets.size - tap
                if left >= 25 and MAX_TAPS == 25:
                    _products_25(line, offsets, g, start, tap, lane, count, sums)
                    tap += 25
                elif left >= 9:
                    _products_9(line, offsets, g, start, tap, lane, count, sums)
                    tap += 9
                elif left >= 3:
                    _products_3(line, offsets, g, start, tap, lane, count, sums)
                    tap += 3
                else:
                    _products_1(line, offsets, g, start, tap, lane, count, sums)
                    tap += 1
