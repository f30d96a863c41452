"""The bits of a float32 as an int32 and back, in kernels, and what can be told from them."""

from numba import types
from numba.extending import intrinsic

from .jit import kernel


def _same_bits(to, of):
    """What turns a number into the one of another type that has the same bits."""

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
    """The bits of a float32 as an integer that is as much larger as the number is, and back."""
    return types.int32(bits ^ ((bits >> types.int32(31)) & types.int32(0x7FFFFFFF)))


@kernel(inline=True)
def largest_of(row):
    """The largest of one float32 or more, NaN if there is one.

    Integers can be compared in any order, and so side by side; float32 cannot, because of NaN.
    """
    largest = _ordered(bits_of(row[0]))
    for k in range(row.size):
        other = _ordered(bits_of(row[k]))
        largest = other if other > largest else largest
    return float_of(_ordered(largest))
