"""Logarithms and powers with other bases, and functions computed from logarithms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..autograd import array_function
from ..autograd.array_function import ArrayFunction
from .arithmetic import masked, unbroadcast, where
from .promotion import meet, to_floating
from .trigonometry import Elementary

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, Operand, TensorLike


class Log2(Elementary):
    """y = ln x / ln 2."""

    f = np.log2

    @staticmethod
    def slope(x: Tensor) -> Tensor:
        return 1 / (x * math.log(2))


class Log10(Elementary):
    """y = ln x / ln 10."""

    f = np.log10

    @staticmethod
    def slope(x: Tensor) -> Tensor:
        return 1 / (x * math.log(10))


class Exp2(Elementary):
    """y = 2^x."""

    f = np.exp2

    @staticmethod
    def slope(x: Tensor) -> Tensor:
        return exp2(x) * math.log(2)


class Logit(Elementary):
    """y = ln(x / (1 - x)), with gradient 0 outside 0 to 1."""

    @staticmethod
    def f(x: Array) -> Array:
        return np.log(x / (1 - x))

    @staticmethod
    def slope(x: Tensor) -> Tensor:
        return where((x >= 0) & (x <= 1), 1 / (x * (1 - x)), math.nan)


class Xlogy(ArrayFunction):
    """y = a ln b, 0 where a = 0 and b is not NaN."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, a: Array, b: Array) -> Array:
        ctx.save_for_backward(a, b)
        return np.where((a == 0) & ~np.isnan(b), a * 0, a * np.log(b))

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        a, b = ctx.saved_tensors
        ga = gb = None
        if ctx.needs_input_grad[0]:
            counts = ~((a.array == 0) & (b.array <= 0))
            ga = unbroadcast(masked(gy, counts) * masked_to_one(b, counts).log(), a.shape)
        if ctx.needs_input_grad[1]:
            gb = unbroadcast(gy * a / b, b.shape)
        return ga, gb


def masked_to_one(x: Tensor, mask: Array) -> Tensor:
    """`x` where the mask holds, else 1, whose logarithm is harmless."""
    return masked(x, mask) + array_function.Tensor((~mask).astype(x.dtype))


class LogAddExp(ArrayFunction):
    """y = ln(e^a + e^b), without overflow."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, a: Array, b: Array) -> Array:
        y = np.logaddexp(a, b)
        ctx.save_for_backward(a, b)
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        a, b = ctx.saved_tensors
        share = (a - b).sigmoid()
        return unbroadcast(gy * share, a.shape), unbroadcast(gy * (1 - share), b.shape)


def log2(input: TensorLike) -> Tensor:
    """Compute the logarithm to base 2: -inf at 0, NaN below."""
    return Log2.apply(to_floating(input, "log2"))


def log10(input: TensorLike) -> Tensor:
    """Compute the logarithm to base 10: -inf at 0, NaN below."""
    return Log10.apply(to_floating(input, "log10"))


def exp2(input: TensorLike) -> Tensor:
    """2^input."""
    return Exp2.apply(to_floating(input, "exp2"))


def logit(input: TensorLike, eps: float | None = None) -> Tensor:
    """Compute ln(input / (1 - input)), the inverse of sigmoid; NaN outside 0 to 1.

    With `eps`, input is first limited to eps ... 1 - eps (no gradient beyond).
    """
    input = to_floating(input, "logit")
    return Logit.apply(input if eps is None else input.clamp(eps, 1 - eps))


def xlogy(input: Operand, other: Operand) -> Tensor:
    """Compute input * ln(other), with broadcasting; 0 where input is 0, NaN where other is."""
    return Xlogy.apply(*meet(input, other, "xlogy", floating=True))


def logaddexp(input: Operand, other: Operand) -> Tensor:
    """Compute ln(e^input + e^other), elementwise with broadcasting."""
    return LogAddExp.apply(*meet(input, other, "logaddexp", floating=True))
