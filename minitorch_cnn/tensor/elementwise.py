"""Elementwise functions of one number, with their derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..autograd import array_function
from ..autograd.array_function import ArrayFunction
from ..autograd.usual_calls import apply_one
from ..kernels import special
from .arithmetic import Mul
from .promotion import as_tensor, to_floating

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, TensorLike


class Neg(ArrayFunction):
    """y = -x."""

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array) -> Array:
        return -x

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return -gy


class Exp(ArrayFunction):
    """y = e^x."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array) -> Array:
        y = np.exp(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return gy * y


class Expm1(ArrayFunction):
    """y = e^x - 1, exact near 0."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array) -> Array:
        y = np.expm1(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return gy * (y + 1)


class Log(ArrayFunction):
    """y = ln x."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array) -> Array:
        ctx.save_for_backward(x)
        return np.log(x)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gy / x


class Log1p(ArrayFunction):
    """y = ln(1 + x), exact near 0."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array) -> Array:
        ctx.save_for_backward(x)
        return np.log1p(x)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gy / (x + 1)


class Sqrt(ArrayFunction):
    """y = x^(1/2)."""

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array) -> Array:
        y = np.sqrt(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return gy / (2 * y)


class Rsqrt(ArrayFunction):
    """y = x^(-1/2)."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array) -> Array:
        y = 1 / np.sqrt(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return -0.5 * gy * y * y * y


class Square(ArrayFunction):
    """y = x^2."""

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array) -> Array:
        ctx.save_for_backward(x)
        return np.square(x)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gy * (2 * x)


class Reciprocal(ArrayFunction):
    """y = 1 / x."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array) -> Array:
        y = 1 / x
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return -gy * y * y


class Abs(ArrayFunction):
    """y = |x|; the gradient at 0 is 0."""

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array) -> Array:
        ctx.keep(_signs(x))
        return np.abs(x)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (sign_of_x,) = ctx.kept
        return Mul.apply(gy, sign_of_x)


class Sin(ArrayFunction):
    """y = sin x."""

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array) -> Array:
        ctx.save_for_backward(x)
        return np.sin(x)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gy * cos(x)


class Cos(ArrayFunction):
    """y = cos x."""

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array) -> Array:
        ctx.save_for_backward(x)
        return np.cos(x)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return -gy * sin(x)


class Erf(ArrayFunction):
    """y = 2 / sqrt(pi) * integral from 0 to x of e^(-t^2) dt."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array) -> Array:
        ctx.save_for_backward(x)
        return special.erf(x)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gy * exp(-x * x) * (2 / np.sqrt(np.pi))


class Flat(ArrayFunction):
    """y = step(x), piecewise constant (floor, ceil, round, sign): its gradient is 0."""

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, step: Callable[[Array], Array]) -> Array:
        return step(x).astype(x.dtype, copy=False)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return array_function.Tensor(np.zeros_like(gy.array))


def _signs(x: Array) -> Array:
    """-1, 0 or 1; 0 for NaN, where NumPy's sign is NaN."""
    return (x > 0).astype(x.dtype) - (x < 0)


def positive(input: TensorLike) -> Tensor:
    """Return the tensor itself, +input."""
    input = as_tensor(input, "positive")
    if input.dtype.kind == "b":
        raise TypeError("positive: a boolean tensor has no sign")
    return input


def neg(input: TensorLike) -> Tensor:
    """-input."""
    input = as_tensor(input, "neg")
    if input.dtype.kind == "b":
        raise TypeError("neg: a boolean tensor has no negative; use ~ to invert a mask")
    return apply_one(Neg, input)


def exp(input: TensorLike) -> Tensor:
    """e^input."""
    return apply_one(Exp, to_floating(input, "exp"))


def expm1(input: TensorLike) -> Tensor:
    """Compute e^input - 1, accurate near 0."""
    return apply_one(Expm1, to_floating(input, "expm1"))


def log(input: TensorLike) -> Tensor:
    """Compute the natural logarithm: -inf at 0, NaN below."""
    return apply_one(Log, to_floating(input, "log"))


def log1p(input: TensorLike) -> Tensor:
    """Compute ln(1 + input), accurate near 0."""
    return apply_one(Log1p, to_floating(input, "log1p"))


def sqrt(input: TensorLike) -> Tensor:
    """Compute the square root: NaN below 0."""
    return apply_one(Sqrt, to_floating(input, "sqrt"))


def rsqrt(input: TensorLike) -> Tensor:
    """Compute 1 / sqrt(input)."""
    return apply_one(Rsqrt, to_floating(input, "rsqrt"))


def square(input: TensorLike) -> Tensor:
    """Compute input^2; booleans are squared as int64."""
    input = as_tensor(input, "square")
    if input.dtype.kind == "b":
        input = input.long()
    return apply_one(Square, input)


def reciprocal(input: TensorLike) -> Tensor:
    """Compute 1 / input."""
    return apply_one(Reciprocal, to_floating(input, "reciprocal"))


def abs(input: TensorLike) -> Tensor:
    """Compute |input|; the gradient at 0 is 0."""
    input = as_tensor(input, "abs")
    if input.dtype.kind == "b":
        raise TypeError("abs: a boolean tensor has no sign")
    return apply_one(Abs, input)


def sin(input: TensorLike) -> Tensor:
    """Compute the sine of radians."""
    return apply_one(Sin, to_floating(input, "sin"))


def cos(input: TensorLike) -> Tensor:
    """Compute the cosine of radians."""
    return apply_one(Cos, to_floating(input, "cos"))


def erf(input: TensorLike) -> Tensor:
    """The error function, 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to `input`."""
    return apply_one(Erf, to_floating(input, "erf"))


def sign(input: TensorLike) -> Tensor:
    """The sign of each element: -1, 0 or 1; 0 for NaN."""
    input = as_tensor(input, "sign")
    return input.clone() if input.dtype.kind == "b" else Flat.apply(input, step=_signs)
