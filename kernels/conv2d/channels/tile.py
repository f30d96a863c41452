"""The micro-kernel of sums over output channels: two runs of vectors of outputs, times one or two
blocks of output channels, whose sums stay in registers.

A vector holds lanes / share output channels at `share` adjacent positions, so that thin groups
fill it, too; mostly share is 1. A run is some vectors that follow one another in a row.

    t[r, b] = bias[b] + sum over k of  x[at(r) + x_steps[k]] * w[b, w_steps[k]]

Each step k loads the vectors of weights, and broadcasts to all output channels x of each position,
where it is: no columns are packed.

Source: Georganas et al. (2018), Anatomy of High-Performance Deep Learning Convolutions on SIMD
Architectures (arXiv 1808.05567), section II.
"""

from typing import NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils

from ...intrinsic import intrinsic
from ...micro_kernel import INDEX, Code, transposed
from ..lanes import BLOCKS, MAX_STRIDE


class Form(NamedTuple):
    """What a tile is compiled for. Each number is the length of a tuple, a part of its type."""

    run: tuple[int, ...]  # vectors of a run
    stride: tuple[int, ...]  # from a position's input to the next's; 0: known when it runs
    share: tuple[int, ...]  # positions of a vector

    @classmethod
    def of(cls, run: int, stride: int, share: int) -> "Form":
        known = stride if stride <= MAX_STRIDE else 0
        return cls((0,) * run, (0,) * known, (0,) * share)


def _sums(blocks: int):
    """A function for kernels: a tile of so many blocks of output channels."""

    def write(context, builder, signature, args):
        (_, x, x_first, x_second, x_step, x_steps, w, w_at, w_block, w_steps, k0, count,
         bias, bias_at, relu, t, t_first, t_second, t_step, t_block) = args  # fmt: skip
        kinds = signature.args
        run, stride, share = (kind.count for kind in kinds[0].types)
        code = Code(context, builder, kinds[1])
        x, x_steps, w, w_steps, bias, t = (
            code.data(kinds[k], args[k]) for k in (1, 5, 6, 9, 12, 15)
        )
        step = INDEX(stride * share) if stride else x_step
        starts = [code.load(bias, code.at(bias_at, INDEX(code.lanes), b)) for b in range(blocks)]
        sums = {}
        for r in range(2 * run):
            for b in range(blocks):
                sums[r, b] = cgutils.alloca_once_value(builder, starts[b])
                builder.store(starts[b], sums[r, b])  # a tile may be in a loop
        end = builder.add(k0, count)
        with cgutils.for_range_slice(builder, k0, end, INDEX(1), intp=INDEX) as (k, _):
            begin = builder.load(builder.gep(x_steps, [k]))
            ends = builder.add(x_first, begin), builder.add(x_second, begin)
            at = builder.add(w_at, builder.load(builder.gep(w_steps, [k])))
            row = [code.load(w, code.at(at, w_block, b)) for b in range(blocks)]
            for r in range(2 * run):
                factor = _factor(code, x, code.at(ends[r // run], step, r % run), stride, share)
                for b in range(blocks):
                    total = sums[r, b]
                    builder.store(code.multiply_add(factor, row[b], builder.load(total)), total)
        with builder.if_then(relu):
            for total in sums.values():
                value = builder.load(total)
                below = builder.fcmp_ordered("<=", value, code.zero)  # NaN stays NaN
                builder.store(builder.select(below, code.zero, value), total)
        for (r, b), total in sums.items():
            at = code.at(t_first if r < run else t_second, t_step, r % run)
            code.store(builder.load(total), t, code.at(at, t_block, b))
        return context.get_dummy_value()

    @intrinsic
    def tile(typing, form, x, x_first, x_second, x_step, x_steps, w, w_at, w_block, w_steps,
             k0, count, bias, bias_at, relu, t, t_first, t_second, t_step, t_block):  # fmt: skip
        at = types.intp
        return types.void(
            form, x, at, at, at, x_steps, w, at, at, w_steps, at, at,
            bias, at, types.boolean, t, at, at, at, at,
        ), write  # fmt: skip

    return tile


def _factor(code, x, at, stride, share):
    """x of `share` positions, repeated for all output channels."""
    if share == 1:
        return code.everywhere(code.load(x, at, code.number))
    some = code.load(x, at, ir.VectorType(code.number, share * stride))
    return code.pick(some, some, [k % share * stride for k in range(code.lanes)])


sum_block, sum_blocks = _sums(1), _sums(BLOCKS)


@intrinsic
def transpose_weights(typing, form, w, w_at, w_row, y, y_at):
    """y[y_at + k, r] = w[w_at + r * w_row + k]  for lanes k and output channels r, each repeated
    for all positions of a vector.
    """
    at = types.intp

    def write(context, builder, signature, args):
        _, w, w_at, w_row, y, y_at = args
        code, kinds = Code(context, builder, signature.args[1]), signature.args
        share, w, y = kinds[0].types[2].count, code.data(kinds[1], w), code.data(kinds[4], y)
        rows = [code.load(w, code.at(w_at, w_row, r // share)) for r in range(code.lanes)]
        for k, column in enumerate(transposed(code, rows)):
            code.store(column, y, code.at(y_at, INDEX(code.lanes), k))
        return context.get_dummy_value()

    return types.void(form, w, at, at, y, at), write


@intrinsic
def transpose_sums(typing, form, t, t_at, y, y_at, y_row):
    """y[y_at + r * y_row + p] = the sum of position p and output channel r, for as many adjacent
    positions as lanes and the output channels of a vector.
    """
    at = types.intp

    def write(context, builder, signature, args):
        _, t, t_at, y, y_at, y_row = args
        code, kinds = Code(context, builder, signature.args[1]), signature.args
        share, t, y = kinds[0].types[2].count, code.data(kinds[1], t), code.data(kinds[3], y)
        step = INDEX(code.lanes)
        rows = [code.load(t, code.at(t_at, step, r)) for r in range(code.lanes // share)]
        for r, row in enumerate(transposed(code, rows, share)):
            code.store(row, y, code.at(y_at, y_row, r))
        return context.get_dummy_value()

    return types.void(form, t, at, y, at, at), write
