"""Emits vector instructions that read and write parts of vectors, beside those of a tile."""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from ...intrinsic import intrinsic
from ...micro_kernel import INDEX, LANE, Code

_BYTES = {ir.FloatType(): 4, ir.DoubleType(): 8, LANE: 4, INDEX: 8}


class Masked(Code):
    """Emits instructions on vectors some of whose lanes are outside a row.

    share: the vectors are 1 / share of a register.
    """

    def __init__(self, context, builder, array, share: int = 1):
        super().__init__(context, builder, array)
        self.lanes //= share
        self.vector = ir.VectorType(self.number, self.lanes)
        self.zero = ir.Constant(self.vector, None)
        self.bits = ir.VectorType(ir.IntType(1), self.lanes)
        self.ones = ir.Constant(self.bits, [1] * self.lanes)
        self.numbers = ir.Constant(ir.VectorType(LANE, self.lanes), list(range(self.lanes)))

    def load(self, data, index, kind=None):
        """A vector, or a value of the type `kind`, from any address."""
        kind = kind or self.vector
        found = self.builder.load(self._pointer(data, index, kind))
        found.align = _BYTES[getattr(kind, "element", kind)]
        return found

    def store(self, value, data, index):
        """Store a vector to any address."""
        stored = self.builder.store(value, self._pointer(data, index, value.type))
        stored.align = _BYTES[value.type.element]

    def spread(self, index):
        """The vector of 32-bit integers with `index` in all lanes."""
        zero = ir.Constant(self.numbers.type, None)
        one = self.builder.insert_element(zero, self.builder.trunc(index, LANE), LANE(0))
        return self.builder.shuffle_vector(one, one, zero)

    def inside(self, start, end):
        """Which lanes l have 0 <= start + l < end."""
        place = self.builder.add(self.spread(start), self.numbers)
        return self.builder.icmp_unsigned("<", place, self.spread(end))

    def load_where(self, mask, data, index, others=None):
        """The lanes of `mask` of a vector in memory; the others are not read, but 0 or `others`."""
        if mask is None:
            return self.load(data, index)
        others = self.zero if others is None else others
        vector: Any = others.type
        pointer, align = self._pointer(data, index, vector), LANE(_BYTES[vector.element])
        return self._call("load", vector, vector, pointer, align, mask, others)

    def store_where(self, mask, value, data, index):
        """Store the lanes of `mask`."""
        pointer, align = self._pointer(data, index, value.type), LANE(_BYTES[value.type.element])
        self._call("store", ir.VoidType(), value.type, value, pointer, align, mask)

    def store_some(self, value, data, index, count, whole):
        """Store a vector, or if not `whole` its first `count` lanes."""
        with self.builder.if_else(whole) as (then, otherwise):
            with then:
                self.store(value, data, index)
            with otherwise:
                self.store_where(self.inside(INDEX(0), count), value, data, index)

    def _call(self, name, result, vector, *arguments):
        kind = ir.FunctionType(result, [argument.type for argument in arguments])
        element = {4: "f32", 8: "f64"}[_BYTES[vector.element]]
        element = "i32" if vector.element == LANE else element
        function = cgutils.get_or_insert_function(
            self.builder.module, kind, f"llvm.masked.{name}.v{self.lanes}{element}.p0"
        )
        return self.builder.call(function, arguments)

    def repeat(self, count, body: Callable) -> None:
        """body(k) for k < count; unrolled where `count` is known now."""
        if isinstance(count, int):
            for k in range(count):
                body(INDEX(k))
        else:
            with cgutils.for_range(self.builder, count, intp=INDEX) as loop:
                body(loop.index)


def fields(builder, kind, value) -> dict:
    """The values of a NamedTuple of integers, by name."""
    return {name: builder.extract_value(value, k) for k, name in enumerate(kind.fields)}


@intrinsic
def lanes_for(typing, x, shape):
    """The number of positions in a vector, for a variant of Shape."""

    def write(context, builder, signature, args):
        return INDEX(Masked(context, builder, x, shape.instance_class.share).lanes)

    return types.intp(x, shape), write


@intrinsic
def lane_sum(typing, sums, at, shape):
    """The sum of the numbers of a vector in memory, for a variant of Shape: halves are added."""

    def write(context, builder, signature, args):
        code = Masked(context, builder, sums, shape.instance_class.share)
        value, lanes = code.load(code.data(sums, args[0]), args[1]), code.lanes
        while lanes > 1:
            lanes //= 2
            low, high = (code.pick(value, value, list(range(k, k + lanes))) for k in (0, lanes))
            value = builder.fadd(low, high)
        return builder.extract_element(value, LANE(0))

    return sums.dtype(sums, types.intp, shape), write
