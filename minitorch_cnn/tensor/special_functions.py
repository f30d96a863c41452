"""Special functions of numbers: those related to erf, signs, steps, degrees, sinc."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .. import dtypes
from ..autograd import array_function
from ..autograd.array_function import ArrayFunction
from ..kernels import special
from .arithmetic import Mul, unbroadcast, where
from .elementwise import exp
from .promotion import as_tensor, meet, to_floating
from .trigonometry import Elementary

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, Operand, TensorLike


class Erfc(Elementary):
    """y = 1 - erf x."""

    @staticmethod
    def f(x: Array) -> Array:
        return special.erfc(x)

    @staticmethod
    def slope(x: Tensor) -> Tensor:
        return exp(-x * x) * (-2 / math.sqrt(math.pi))


class Erfinv(Elementary):
    """y = the number whose erf is x."""

    @staticmethod
    def f(x: Array) -> Array:
        return special.erfinv(x)

    @staticmethod
    def slope(x: Tensor) -> Tensor:
        return exp(erfinv(x).square()) * (math.sqrt(math.pi) / 2)


class Sinc(ArrayFunction):
    """y = sin(pi x) / (pi x), 1 at 0."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array) -> Array:
        ctx.save_for_backward(x)
        return np.sinc(x).astype(x.dtype, copy=False)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        at_zero = x == 0  # there y = 1 - (pi x)^2 / 6 + ...
        z = where(at_zero, 1.0, x) * math.pi
        slope = math.pi * (z.cos() - z.sin() / z) / z
        return gy * where(at_zero, x * (-(math.pi**2) / 3), slope)


class CopySign(ArrayFunction):
    """y = |a| with the sign of b: a or -a."""

    @staticmethod
    def forward(ctx: ArrayFunction, a: Array, b: Array) -> Array:
        y = np.copysign(a, b)
        ctx.keep((np.sign(a) * np.sign(y)).astype(y.dtype))
        ctx.shapes = a.shape, b.shape
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        (turn,) = ctx.kept
        ga, gb = Mul.apply(gy, turn), Mul.apply(gy, np.zeros_like(turn))
        return unbroadcast(ga, ctx.shapes[0]), unbroadcast(gb, ctx.shapes[1])


def erfc(input: TensorLike) -> Tensor:
    """Compute 1 - erf(input), accurate where erf rounds to 1."""
    return Erfc.apply(to_floating(input, "erfc"))


def erfinv(input: TensorLike) -> Tensor:
    """Find the number whose `erf` is input: infinite at -1 and 1, NaN outside."""
    return Erfinv.apply(to_floating(input, "erfinv"))


def sinc(input: TensorLike) -> Tensor:
    """Compute sin(pi input) / (pi input), and 1 at 0."""
    return Sinc.apply(to_floating(input, "sinc"))


def deg2rad(input: TensorLike) -> Tensor:
    """Convert degrees to radians."""
    return to_floating(input, "deg2rad") * (math.pi / 180)


def rad2deg(input: TensorLike) -> Tensor:
    """Convert radians to degrees."""
    return to_floating(input, "rad2deg") * (180 / math.pi)


def logaddexp2(input: Operand, other: Operand) -> Tensor:
    """Compute log2(2^input + 2^other), with broadcasting, without overflow."""
    a, b = (array_function.Tensor(x) if not isinstance(x, array_function.Tensor) else x
            for x in meet(input, other, "logaddexp2", floating=True))  # fmt: skip
    ln2 = math.log(2)
    return (a * ln2).logaddexp(b * ln2) / ln2


def _steps(
    name: str, input: Operand, other: Operand, function: Callable[[Array, Array], Array]
) -> Tensor:
    """A function of two operands without gradient, in their common dtype."""
    pair = meet(input, other, name)
    a, b = (x.array if isinstance(x, array_function.Tensor) else x for x in pair)
    return array_function.Tensor(function(a, b))


def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """Return 0 below 0, 1 above, `values` at 0; no gradient passes through it.

    Raises: RuntimeError for different dtypes.
    """
    if input.dtype != values.dtype:
        raise RuntimeError(f"heaviside: dtypes {input.dtype} and {values.dtype} must be equal")
    return _steps(
        "heaviside", input, values,
        lambda x, v: np.where(x == 0, v, np.where(np.isnan(x), x, x > 0).astype(x.dtype)),
    )  # fmt: skip


def copysign(input: Operand, other: Operand) -> Tensor:
    """Return |input| with the sign of `other`, where -0.0 is negative; the gradient at 0 is 0."""
    return CopySign.apply(*meet(input, other, "copysign", floating=True))


def signbit(input: TensorLike) -> Tensor:
    """Whether each element is negative, including -0.0."""
    x = as_tensor(input, "signbit").array
    return array_function.Tensor(np.signbit(x) if x.dtype.kind in dtypes.FLOATS else x < 0)


def isposinf(input: TensorLike) -> Tensor:
    """Whether each element is +infinity."""
    x = as_tensor(input, "isposinf").array
    return array_function.Tensor(x == np.inf)


def isneginf(input: TensorLike) -> Tensor:
    """Whether each element is -infinity."""
    x = as_tensor(input, "isneginf").array
    return array_function.Tensor(x == -np.inf)


def float_power(input: Operand, exponent: Operand) -> Tensor:
    """Compute input ** exponent in float64; one of the two may be a number."""
    base, exponent = (
        x.double() if isinstance(x, array_function.Tensor) else float(x) for x in (input, exponent)
    )
    if not isinstance(base, array_function.Tensor) and not isinstance(
        exponent, array_function.Tensor
    ):
        raise TypeError("float_power: input or exponent must be a Tensor")
    return base**exponent
