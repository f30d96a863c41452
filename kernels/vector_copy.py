"""Copies of runs of adjacent elements by whole vectors, between any addresses.

Numba's own loops would check for overlaps and handle the rest of a run one element at a time. All
arrays are one-dimensional; offsets in them are counted in elements.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils

from .intrinsic import intrinsic
from .jit import kernel
from .micro_kernel import INDEX, LANE, MR, Code, lanes_of


@intrinsic
def _copy_vector(typing, x, x_at, x_step, y, y_at):
    """y[y_at + v] = x[x_at + v * x_step]  for the lanes v of a vector; x_step is a literal."""
    if not isinstance(x_step, types.IntegerLiteral):
        return None
    step = x_step.literal_value

    def write(context, builder, signature, args):
        x, x_at, _, y, y_at = args
        code = Code(context, builder, signature.args[0])
        x, y = code.data(signature.args[0], x), code.data(signature.args[3], y)
        wide = code.load(x, x_at, ir.VectorType(code.number, step * code.lanes))
        code.store(code.pick(wide, wide, [v * step for v in range(code.lanes)]), y, y_at)
        return context.get_dummy_value()

    return types.void(x, types.intp, x_step, y, types.intp), write


@intrinsic
def _copy_numbers(typing, x, x_at, x_step, y, y_at, y_step, count):
    """y[y_at + k * y_step] = x[x_at + k * x_step]  for k < count."""
    at = types.intp

    def write(context, builder, signature, args):
        x, x_at, x_step, y, y_at, y_step, count = args
        code = Code(context, builder, signature.args[0])
        x, y = code.data(signature.args[0], x), code.data(signature.args[3], y)
        with cgutils.for_range(builder, count, intp=INDEX) as loop:
            source = builder.add(x_at, builder.mul(x_step, loop.index))
            target = builder.add(y_at, builder.mul(y_step, loop.index))
            code.store(code.load(x, source, code.number), y, target)
        return context.get_dummy_value()

    return types.void(x, at, at, y, at, at, at), write


@intrinsic
def _spread_vector(typing, x, x_at, y, y_at):
    """y[y_at + 2 * v] = x[x_at + v]  for the lanes v of a vector; the numbers between are kept."""

    def write(context, builder, signature, args):
        x, x_at, y, y_at = args
        code = Code(context, builder, signature.args[0])
        x, y = code.data(signature.args[0], x), code.data(signature.args[2], y)
        lanes = code.lanes
        double = ir.VectorType(code.number, 2 * lanes)
        old, new = code.load(y, y_at, double), code.load(x, x_at)
        wide = code.pick(new, new, list(range(2 * lanes)))
        odd_even = [v + 2 * lanes if v % 2 else v // 2 for v in range(2 * lanes)]
        code.store(code.pick(wide, old, odd_even), y, y_at)
        return context.get_dummy_value()

    return types.void(x, types.intp, y, types.intp), write


@intrinsic
def copy_rows(typing, x, x_at, x_row, y, y_at):
    """y[y_at + k * MR + r] = x[x_at + k * x_row + r]  for MR numbers r of as many rows k as a
    vector holds, at least one.
    """
    at = types.intp

    def write(context, builder, signature, args):
        x, x_at, x_row, y, y_at = args
        code = Code(context, builder, signature.args[0])
        x, y = code.data(signature.args[0], x), code.data(signature.args[3], y)
        kind = ir.VectorType(code.number, MR)
        starts = [code.at(x_at, x_row, k) for k in range(max(1, code.lanes // MR))]
        rows = [code.load(x, start, kind) for start in starts]
        while len(rows) > 1:
            both = list(range(2 * rows[0].type.count))
            rows = [code.pick(a, b, both) for a, b in zip(rows[::2], rows[1::2], strict=True)]
        code.store(rows[0], y, y_at)
        return context.get_dummy_value()

    return types.void(x, at, at, y, at), write


@intrinsic
def copy_columns(typing, x, first, second, x_step, y, y_at):
    """y[y_at + r] = x[first + r * x_step]  and  y[y_at + MR + r] = x[second + r * x_step]  for MR
    numbers r.
    """
    at = types.intp

    def write(context, builder, signature, args):
        x, first, second, x_step, y, y_at = args
        code = Code(context, builder, signature.args[0])
        x, y = code.data(signature.args[0], x), code.data(signature.args[4], y)
        columns = ir.Constant(ir.VectorType(code.number, 2 * MR), None)
        for k in range(2 * MR):
            at = code.at(second if k >= MR else first, x_step, k % MR)
            number = code.load(x, at, code.number)
            columns = builder.insert_element(columns, number, LANE(k))
        code.store(columns, y, y_at)
        return context.get_dummy_value()

    return types.void(x, at, at, at, y, at), write


@intrinsic
def _copy_first(typing, x, x_at, y, y_at, count):
    """y[y_at + v] = x[x_at + v]  for v < count; the other numbers of y's vector are kept."""
    at = types.intp

    def write(context, builder, signature, args):
        x, x_at, y, y_at, count = args
        code = Code(context, builder, signature.args[0])
        x, y = code.data(signature.args[0], x), code.data(signature.args[2], y)
        kind = ir.VectorType(INDEX, code.lanes)
        one = builder.insert_element(ir.Constant(kind, None), count, LANE(0))
        every = builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(LANE, code.lanes), None))
        lane = ir.Constant(kind, [INDEX(v) for v in range(code.lanes)])
        new, old = code.load(x, x_at), code.load(y, y_at)
        code.store(builder.select(builder.icmp_signed("<", lane, every), new, old), y, y_at)
        return context.get_dummy_value()

    return types.void(x, at, y, at, at), write


@intrinsic
def prefetch(typing, x, x_at):
    """Prefetch x[x_at] into the cache; the element need not exist."""

    def write(context, builder, signature, args):
        code = Code(context, builder, signature.args[0])
        data = code.data(signature.args[0], args[0])
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, LANE, LANE, LANE])
        fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        address = builder.bitcast(builder.gep(data, [args[1]]), byte)
        builder.call(fetch, [address, LANE(0), LANE(3), LANE(1)])  # to read, to keep, data
        return context.get_dummy_value()

    return types.void(x, types.intp), write


@intrinsic
def _copy_part(typing, x, x_at, y, y_at, part):
    """y[y_at + v] = x[x_at + v]  for v < lanes / part; part is a literal."""
    if not isinstance(part, types.IntegerLiteral):
        return None
    parts = part.literal_value

    def write(context, builder, signature, args):
        code = Code(context, builder, signature.args[0])
        x, y = code.data(signature.args[0], args[0]), code.data(signature.args[2], args[2])
        kind = ir.VectorType(code.number, max(1, code.lanes // parts))
        code.store(code.load(x, args[1], kind), y, args[3])
        return context.get_dummy_value()

    return types.void(x, types.intp, y, types.intp, part), write


@kernel(inline=True)
def copy_run(x, x_at, y, y_at, count):
    """y[y_at + k] = x[x_at + k]  for k < count, and nothing beyond is read or written.

    The last vector of a run ends with the run and overlaps the vector before.
    """
    width = lanes_of(x)
    if count >= width:
        for k in range(0, count - width, width):
            _copy_part(x, x_at + k, y, y_at + k, 1)
        _copy_part(x, x_at + count - width, y, y_at + count - width, 1)
    elif 2 * count >= width:
        _copy_part(x, x_at, y, y_at, 2)
        _copy_part(x, x_at + count - width // 2, y, y_at + count - width // 2, 2)
    elif 4 * count >= width:
        _copy_part(x, x_at, y, y_at, 4)
        _copy_part(x, x_at + count - width // 4, y, y_at + count - width // 4, 4)
    else:
        for k in range(count):
            y[y_at + k] = x[x_at + k]


@kernel(inline=True)
def copy_over(x, x_at, y, y_at, count):
    """y[y_at + k] = x[x_at + k]  for k < count and on to the end of the last vector."""
    for k in range(0, count, lanes_of(x)):
        _copy_part(x, x_at + k, y, y_at + k, 1)


@kernel(inline=True)
def copy_shifted(x, x_at, shifts, y, y_at, y_row, count, beyond):
    """y[y_at + t * y_row + k] = x[x_at + shifts[t] + k]  for all t and k < count, and with `beyond`
    on to the end of the last vector.
    """
    width = lanes_of(x)
    whole = (count + width - 1) // width if beyond else count // width
    for v in range(0, whole * width, width):
        for t in range(len(shifts)):
            _copy_part(x, x_at + shifts[t] + v, y, y_at + t * y_row + v, 1)
    if whole * width < count:
        v = whole * width
        for t in range(len(shifts)):
            _copy_first(x, x_at + shifts[t] + v, y, y_at + t * y_row + v, count - v)


@kernel(inline=True)
def copy_strided(x, x_at, x_step, y, y_at, count):
    """y[y_at + k] = x[x_at + k * x_step]  for k < count, and nothing beyond is read or written."""
    width, done = lanes_of(x), 0
    if x_step == 1:
        copy_run(x, x_at, y, y_at, count)
        done = count
    elif x_step == 2:
        while done + width < count:
            _copy_vector(x, x_at + 2 * done, 2, y, y_at + done)
            done += width
    _copy_numbers(x, x_at + done * x_step, x_step, y, y_at + done, 1, count - done)


@kernel(inline=True)
def spread_run(x, x_at, y, y_at, y_step, count):
    """y[y_at + k * y_step] = x[x_at + k]  for k < count, and nothing beyond is read or written."""
    if y_step == 1:
        copy_run(x, x_at, y, y_at, count)
        return
    width, done = lanes_of(x), 0
    if y_step == 2:
        while done + width < count:
            _spread_vector(x, x_at + done, y, y_at + 2 * done)
            done += width
    _copy_numbers(x, x_at + done, 1, y, y_at + done * y_step, y_step, count - done)


@kernel(inline=True)
def gather_run(x, x_at, x_step, y, y_at, count):
    """y[y_at + k] = x[x_at + k * x_step]  for k < count: the inverse of spread_run."""
    if x_step == 1:
        copy_run(x, x_at, y, y_at, count)
    else:
        _copy_numbers(x, x_at, x_step, y, y_at, 1, count)
