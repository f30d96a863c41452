"""The micro-kernels of convolutions in the channel-blocked layout.

A vector holds the channels of one block at one pixel. A tile is two runs of `run` adjacent pixels,
times the vectors of one or two blocks of output channels; its sums stay in registers:

    y[r, v] = bias[v] + sum over taps t, channels c of  x[at(r) + offset(t) + c] * w[v, t, c]

Each step loads the vectors w[:, t, c] and broadcasts x of each pixel r. A tap is a block of input
channels at one position of the kernel. There is no packing: all x of a tap are at a constant
distance from those of the tap before. In a depthwise convolution the channels of x are those of y,
and each step loads a vector of x instead.

Source: Georganas et al. (2018), Anatomy of High-Performance Deep Learning Convolutions on SIMD
Architectures (arXiv 1808.05567), section II.
"""

from typing import NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils

from ..intrinsic import intrinsic
from ..micro_kernel import INDEX, REGISTERS, Code

VECTORS = 2  # blocks of output channels of a tile
# Pixels of a run: two runs times VECTORS sums, beside VECTORS weights and one factor, fit the
# registers. Rows that a long run does not divide take a shorter one.
RUNS = (7, 4) if REGISTERS == 32 else (3, 2)


class Tile:
    """Emits a tile: its sums, from a bias to an epilogue. Pixels are numbered through both runs."""

    def __init__(self, code: Code, run: int, vectors: int):
        self.code, self.builder = code, code.builder
        self.run, self.vectors = run, vectors
        self.places = [(r, v) for r in range(2 * run) for v in range(vectors)]
        self.sums = {}

    def begin(self, bias, at) -> None:
        """Every sum is the bias of its channels."""
        for r, v in self.places:
            start = self.code.load(bias, self.builder.add(at, INDEX(v * self.code.lanes)))
            self.sums[r, v] = cgutils.alloca_once_value(self.builder, start)

    def pixel(self, first, second, step, r: int):
        """The offset of pixel r, where the runs begin at `first` and `second`."""
        return self.code.at(first if r < self.run else second, step, r % self.run)

    def add(self, r: int, v: int, a, b) -> None:
        """Add the product a * b to a sum."""
        total = self.sums[r, v]
        self.builder.store(self.code.multiply_add(a, b, self.builder.load(total)), total)

    def end(self, y, first, second, block, residual, has_residual, low, high) -> None:
        """Store the sums, plus the residual at the same place if there is one, in [low, high]."""
        builder, code = self.builder, self.code
        least, most = code.everywhere(low), code.everywhere(high)
        for r, v in self.places:
            at = code.at(self.pixel(first, second, INDEX(code.lanes), r), block, v)
            total = self.sums[r, v]
            with builder.if_then(has_residual):
                more = code.load(residual, at)
                builder.store(builder.fadd(builder.load(total), more), total)
            value = builder.load(total)  # NaN is below and above nothing: it stays
            value = builder.select(builder.fcmp_ordered("<", value, least), least, value)
            value = builder.select(builder.fcmp_ordered(">", value, most), most, value)
            code.store(value, y, at)


class Form(NamedTuple):
    """What a tile is compiled for. Each number is the length of a tuple, a part of its type."""

    run: tuple[int, ...]  # pixels of a run
    stride: tuple[int, ...]  # from a pixel's input to the next's, in pixels; 0: known when it runs
    width: tuple[int, ...]  # channels of a block of the input
    depthwise: tuple[int, ...]  # 1 for a depthwise convolution, else 0

    @classmethod
    def of(cls, run: int, stride: int, width: int, depthwise: bool) -> "Form":
        known = stride if stride <= 2 else 0
        return cls((0,) * run, (0,) * known, (0,) * width, (0,) * depthwise)


def _tile(vectors: int):
    """A function for kernels: the tile of a convolution, of so many blocks of outputs."""

    @intrinsic
    def tile(
        typing, form, x, x_at, x_second, x_step, offsets, taps, w, w_at, w_block,
        bias, bias_at, residual, has_residual, y, y_at, y_second, y_block, low, high,
    ):  # fmt: skip
        at, flag = types.intp, types.boolean
        signature = types.void(
            form, x, at, at, at, offsets, at, w, at, at,
            bias, at, residual, flag, y, at, at, at, low, high,
        )  # fmt: skip
        return signature, lambda *call: _write(vectors, *call)

    return tile


def _write(vectors, context, builder, signature, args):
    (_, _, x_at, x_second, x_step, _, taps, _, w_at, w_block, _, bias_at, _,
     has_residual, _, y_at, y_second, y_block, low, high) = args  # fmt: skip
    run, stride, width, depthwise = (kind.count for kind in signature.args[0].types)
    code = Code(context, builder, signature.args[1])
    x, offsets, w, bias, residual, y = _addresses(code, signature, args)
    tile = Tile(code, run, vectors)
    tile.begin(bias, bias_at)
    step = INDEX(stride * width) if stride else x_step
    with cgutils.for_range(builder, taps, intp=INDEX) as tap:
        first = builder.add(x_at, builder.load(builder.gep(offsets, [tap.index])))
        second = builder.add(first, x_second)
        if depthwise:
            w_tap = builder.add(w_at, builder.mul(tap.index, INDEX(code.lanes)))
            _add_tap_of_channels(tile, x, first, second, step, w, w_tap, w_block)
        else:
            w_tap = builder.add(w_at, builder.mul(tap.index, INDEX(width * code.lanes)))
            _add_tap(tile, width, x, first, second, step, w, w_tap, w_block)
    second = builder.add(y_at, y_second)
    tile.end(y, y_at, second, y_block, residual, has_residual, low, high)
    return context.get_dummy_value()


def _add_tap(tile: Tile, width, x, first, second, step, w, w_tap, w_block) -> None:
    """A dense tap: for each channel, its weights times each pixel's number."""
    code, builder = tile.code, tile.builder
    unroll = next(count for count in (4, 3, 2, 1) if width % count == 0)
    with cgutils.for_range_slice(
        builder, INDEX(0), INDEX(width), INDEX(unroll), intp=INDEX
    ) as (channel, _):
        w_from = builder.add(w_tap, builder.mul(channel, INDEX(code.lanes)))
        ends = builder.add(first, channel), builder.add(second, channel)
        for c in range(unroll):
            at = builder.add(w_from, INDEX(c * code.lanes))
            row = [code.load(w, code.at(at, w_block, v)) for v in range(tile.vectors)]
            for r in range(2 * tile.run):
                where = builder.add(tile.pixel(*ends, step, r), INDEX(c))
                factor = code.everywhere(code.load(x, where, code.number))
                for v in range(tile.vectors):
                    tile.add(r, v, factor, row[v])


def _add_tap_of_channels(tile: Tile, x, first, second, step, w, w_tap, w_block) -> None:
    """A depthwise tap: its weights times each pixel's channels."""
    code = tile.code
    row = [code.load(w, code.at(w_tap, w_block, v)) for v in range(tile.vectors)]
    for r in range(2 * tile.run):
        pixel = code.load(x, tile.pixel(first, second, step, r))
        for v in range(tile.vectors):
            tile.add(r, v, pixel, row[v])


def _addresses(code: Code, signature, args) -> list[ir.Value]:
    """The addresses of x, offsets, w, bias, residual and y."""
    return [code.data(signature.args[k], args[k]) for k in (1, 5, 7, 10, 12, 14)]


tile_pair, tile_single = _tile(2), _tile(1)
