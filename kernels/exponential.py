"""e^x of float32 in kernels, written so that LLVM vectorises it over 8 or 16 elements.

The C library's function computes one element at a time. Relative errors: 2e-7; for `normal` 6e-7,
and up to 6e-6 for large negative x, where the rounding error of x^2 is in the exponent.
"""

import math

import numpy as np
from numba import types

from .bits import bits_of, float_of
from .compat_numba import use_longest_vectors
from .intrinsic import intrinsic
from .jit import kernel

LOG2_E = np.float32(math.log2(math.e))
LN2_HIGH = np.float32(0.693359375)  # so few bits that its product with a small integer is exact
LN2_LOW = np.float32(math.log(2) - 0.693359375)
# All float32 from 2^23 to 2^24 are integers. Adding this constant to a small number rounds the
# number to an integer and leaves it in the last bits; 127 makes it the exponent of a power of two.
ROUNDS = np.float32(1.5 * 2**23 + 127)
# Beyond these bounds the power is 2^-127, encoded as 0, or 2^128, encoded as infinity, although
# e^x fits float32 up to 88.72.
LOWEST, HIGHEST = np.float32(-88.0), np.float32(88.5)
LAST_NORMAL = np.float32(88.375)  # up to here the power is at most 2^127
HALF, ONE = np.float32(0.5), np.float32(1)
DENSITY_AT_0 = np.float32(1 / math.sqrt(2 * math.pi))  # of a standard normal variable

# (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2, fitted at Chebyshev nodes, relative error below 1e-8
P0, P1, P2, P3, P4 = map(
    np.float32, (0.5, 0.16666576266, 0.041666466743, 0.0083631752059, 0.0013933643932)
)
# P(X > a) e^(a^2 / 2) for a >= 0 as a fraction, above / below, fitted up to FARTHEST, relative
# error 4e-7; beyond FARTHEST, e^(-a^2 / 2) is 0
FARTHEST = np.float32(13.26)
A0, A1, A2, A3 = map(np.float32, (0.5, 0.359605849, 0.118135951, 0.016701691))
B1, B2, B3, B4 = map(np.float32, (1.517084241, 0.946846068, 0.295902729, 0.041870534))


@intrinsic
def in_long_vectors(typing_context):
    """Let the kernel that calls it use the longest vectors of the processor.

    Otherwise the compiler uses at most 256 bits, since some processors slow down at 512. For
    exponentials of elements in the cache, 512 bits gain a tenth to a quarter.
    """

    def generate(context, builder, signature, arguments):
        use_longest_vectors(builder.function)
        return context.get_dummy_value()

    return types.void(), generate


@kernel(inline=True)
def _reduced(x):
    """2^n and r of x = n ln 2 + r with |r| <= ln 2 / 2."""
    rounded = x * LOG2_E + ROUNDS  # no any_order here: regrouping would cancel it in the next line
    n = rounded - ROUNDS
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    return float_of(bits_of(rounded) << np.int32(23)), r


@kernel(inline=True)
def _exp_within(x):
    """e^x for x from LOWEST to HIGHEST."""
    power, r = _reduced(x)
    return power * (ONE + r * (ONE + r * (P0 + r * (P1 + r * (P2 + r * (P3 + r * P4))))))


@kernel(inline=True)
def exp(x):
    """e^x."""
    x = LOWEST if x < LOWEST else x  # a NaN stays NaN, and propagates to the result
    return _exp_within(HIGHEST if x > HIGHEST else x)


@kernel(inline=True)
def exp_minus_1(x):
    """e^x - 1 for x <= 88, exact near 0."""
    x = LOWEST if x < LOWEST else x
    power, r = _reduced(LAST_NORMAL if x > LAST_NORMAL else x)
    rest = r + r * r * (P0 + r * (P1 + r * (P2 + r * (P3 + r * P4))))
    return power * rest + (power - ONE)


@kernel(inline=True)
def normal(x):
    """P(X <= x) for a standard normal X, with all digits of small values, and the density of X."""
    a = abs(x)
    a = FARTHEST if a > FARTHEST else a
    gauss = _exp_within(-HALF * a * a)
    above = A0 + a * (A1 + a * (A2 + a * A3))
    below = ONE + a * (B1 + a * (B2 + a * (B3 + a * B4)))
    tail = gauss * above / below
    return tail if x < 0 else ONE - tail, gauss * DENSITY_AT_0


@kernel(inline=True)
def sigmoid(x):
    """1 / (1 + e^-x); small values keep their digits."""
    return ONE / (ONE + exp(-x))
