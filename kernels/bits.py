"""Reinterprets the bits of a float32 as an int32 and back, in kernels; the maximum of a row."""

from numba import types

from .intrinsic import intrinsic
from .jit import kernel


def _same_bits(to, of):
    """A function for kernels that converts a value to another type with the same bits."""

    @intrinsic
    def cast(typing_context, value):
        def generate(context, builder, signature, arguments):
            return builder.bitcast(arguments[0], context.get_value_type(to))

        return to(of), generate

    return cast


bits_of = _same_bits(types.int32, types.float32)
float_of = _same_bits(types.float32, types.int32)


@kernel(inline=True)
def _ordered(bits):
    """The bits of a float32 as an integer that has the same order as the float; its own inverse."""
    return types.int32(bits ^ ((bits >> types.int32(31)) & types.int32(0x7FFFFFFF)))


@kernel(inline=True)
def largest_of(row):
    """The maximum of a row of at least one float32, NaN if it contains one.

    Integers can be compared in any order, and so in vectors; float32 cannot, because of NaN.
    """
    largest = _ordered(bits_of(row[0]))
    for k in range(row.size):
        other = _ordered(bits_of(row[k]))
        largest = other if other > largest else largest
    return float_of(_ordered(largest))
