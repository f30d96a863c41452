"""Trigonometric and hyperbolic functions, and their inverses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.array_function import ArrayFunction
from .arithmetic import unbroadcast
from .promotion import meet, to_floating

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, Operand, TensorLike


class Elementary(ArrayFunction):
    """y = f(x); a subclass gives NumPy's f, and its slope in Tensor operations."""

    in_float32 = True
    f = slope = None

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array) -> Array:
        ctx.save_for_backward(x)
        op: type[Any] = type(ctx)
        return op.f(x)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        op: type[Any] = type(ctx)
        return gy * op.slope(x)


class Tan(Elementary):
    """y = tan x."""

    f = np.tan

    @staticmethod
    def slope(x: Tensor) -> Tensor:
        return 1 + tan(x).square()


class Asin(Elementary):
    """y = arcsin x."""

    f = np.arcsin

    @staticmethod
    def slope(x: Tensor) -> Tensor:
        return (1 - x * x).rsqrt()


class Acos(Elementary):
    """y = arccos x."""

    f = np.arccos

    @staticmethod
    def slope(x: Tensor) -> Tensor:
        return -(1 - x * x).rsqrt()


class Atan(Elementary):
    """y = arctan x."""

    f = np.arctan

    @staticmethod
    def slope(x: Tensor) -> Tensor:
        return 1 / (1 + x * x)


class Sinh(Elementary):
    """y = (e^x - e^-x) / 2."""

    f = np.sinh

    @staticmethod
    def slope(x: Tensor) -> Tensor:
        return cosh(x)


class Cosh(Elementary):
    """y = (e^x + e^-x) / 2."""

    f = np.cosh

    @staticmethod
    def slope(x: Tensor) -> Tensor:
        return sinh(x)


class Asinh(Elementary):
    """y = ln(x + sqrt(x^2 + 1))."""

    f = np.arcsinh

    @staticmethod
    def slope(x: Tensor) -> Tensor:
        return (x * x + 1).rsqrt()


class Acosh(Elementary):
    """y = ln(x + sqrt(x^2 - 1))."""

    f = np.arccosh

    @staticmethod
    def slope(x: Tensor) -> Tensor:
        return (x * x - 1).rsqrt()


class Atanh(Elementary):
    """y = ln((1 + x) / (1 - x)) / 2."""

    f = np.arctanh

    @staticmethod
    def slope(x: Tensor) -> Tensor:
        return 1 / (1 - x * x)


class Atan2(ArrayFunction):
    """y = the angle of the point (b, a), in -pi to pi."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, a: Array, b: Array) -> Array:
        ctx.save_for_backward(a, b)
        return np.arctan2(a, b)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        a, b = ctx.saved_tensors
        g = gy / (a * a + b * b)
        return unbroadcast(g * b, a.shape), unbroadcast(-g * a, b.shape)


class Hypot(ArrayFunction):
    """y = sqrt(a^2 + b^2), without overflow."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, a: Array, b: Array) -> Array:
        y = np.hypot(a, b)
        ctx.save_for_backward(a, b, y)
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        a, b, y = ctx.saved_tensors
        return unbroadcast(gy * (a / y), a.shape), unbroadcast(gy * (b / y), b.shape)


def tan(input: TensorLike) -> Tensor:
    """Compute the tangent of radians."""
    return Tan.apply(to_floating(input, "tan"))


def asin(input: TensorLike) -> Tensor:
    """Compute the arcsine: the angle in -pi/2 to pi/2 with that sine; NaN outside -1 to 1."""
    return Asin.apply(to_floating(input, "asin"))


def acos(input: TensorLike) -> Tensor:
    """Compute the arccosine: the angle in 0 to pi with that cosine; NaN outside -1 to 1."""
    return Acos.apply(to_floating(input, "acos"))


def atan(input: TensorLike) -> Tensor:
    """Compute the arctangent: the angle in -pi/2 to pi/2 with that tangent."""
    return Atan.apply(to_floating(input, "atan"))


def sinh(input: TensorLike) -> Tensor:
    """Hyperbolic sine."""
    return Sinh.apply(to_floating(input, "sinh"))


def cosh(input: TensorLike) -> Tensor:
    """Hyperbolic cosine."""
    return Cosh.apply(to_floating(input, "cosh"))


def asinh(input: TensorLike) -> Tensor:
    """Compute the inverse hyperbolic sine."""
    return Asinh.apply(to_floating(input, "asinh"))


def acosh(input: TensorLike) -> Tensor:
    """Compute the inverse hyperbolic cosine, not negative; NaN below 1."""
    return Acosh.apply(to_floating(input, "acosh"))


def atanh(input: TensorLike) -> Tensor:
    """Compute the inverse hyperbolic tangent; NaN outside -1 to 1."""
    return Atanh.apply(to_floating(input, "atanh"))


def atan2(input: Operand, other: Operand) -> Tensor:
    """Compute the angle of the point (other, input) in -pi to pi, with broadcasting."""
    return Atan2.apply(*meet(input, other, "atan2", floating=True))


def hypot(input: Operand, other: Operand) -> Tensor:
    """Compute sqrt(input^2 + other^2), elementwise with broadcasting."""
    return Hypot.apply(*meet(input, other, "hypot", floating=True))
