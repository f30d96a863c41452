"""Functions of one number, applied to every element, with their derivatives."""

from __future__ import annotations

import numpy as np

from ..autograd import array_function
from ..autograd.array_function import ArrayFunction
from ..kernels import special
from .arithmetic import Mul
from .promotion import as_tensor, to_floating


class Neg(ArrayFunction):
    """y = -x."""

    @staticmethod
    def forward(ctx, x):
        return -x

    @staticmethod
    def backward(ctx, gy):
        return -gy


class Exp(ArrayFunction):
    """y = e^x."""

    @staticmethod
    def forward(ctx, x):
        y = np.exp(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, gy):
        (y,) = ctx.saved_tensors
        return gy * y


class Expm1(ArrayFunction):
    """y = e^x - 1, exact near 0."""

    @staticmethod
    def forward(ctx, x):
        y = np.expm1(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, gy):
        (y,) = ctx.saved_tensors
        return gy * (y + 1)


class Log(ArrayFunction):
    """y = ln x."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return np.log(x)

    @staticmethod
    def backward(ctx, gy):
        (x,) = ctx.saved_tensors
        return gy / x


class Log1p(ArrayFunction):
    """y = ln(1 + x), exact near 0."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return np.log1p(x)

    @staticmethod
    def backward(ctx, gy):
        (x,) = ctx.saved_tensors
        return gy / (x + 1)


class Sqrt(ArrayFunction):
    """y = x^(1/2)."""

    @staticmethod
    def forward(ctx, x):
        y = np.sqrt(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, gy):
        (y,) = ctx.saved_tensors
        return gy / (2 * y)


class Rsqrt(ArrayFunction):
    """y = x^(-1/2)."""

    in_float32 = True

    @staticmethod
    def forward(ctx, x):
        y = 1 / np.sqrt(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, gy):
        (y,) = ctx.saved_tensors
        return -0.5 * gy * y * y * y


class Square(ArrayFunction):
    """y = x^2."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return np.square(x)

    @staticmethod
    def backward(ctx, gy):
        (x,) = ctx.saved_tensors
        return gy * (2 * x)


class Reciprocal(ArrayFunction):
    """y = 1 / x."""

    @staticmethod
    def forward(ctx, x):
        y = 1 / x
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, gy):
        (y,) = ctx.saved_tensors
        return -gy * y * y


class Abs(ArrayFunction):
    """y = |x|; the gradient at 0 is 0."""

    @staticmethod
    def forward(ctx, x):
        ctx.keep(_signs(x))
        return np.abs(x)

    @staticmethod
    def backward(ctx, gy):
        (sign_of_x,) = ctx.kept
        return Mul.apply(gy, sign_of_x)


class Sin(ArrayFunction):
    """y = sin x."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return np.sin(x)

    @staticmethod
    def backward(ctx, gy):
        (x,) = ctx.saved_tensors
        return gy * cos(x)


class Cos(ArrayFunction):
    """y = cos x."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return np.cos(x)

    @staticmethod
    def backward(ctx, gy):
        (x,) = ctx.saved_tensors
        return -gy * sin(x)


class Erf(ArrayFunction):
    """y = 2 / sqrt(pi) * integral from 0 to x of e^(-t^2) dt."""

    in_float32 = True

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return special.erf(x)

    @staticmethod
    def backward(ctx, gy):
        (x,) = ctx.saved_tensors
        return gy * exp(-x * x) * (2 / np.sqrt(np.pi))


class Flat(ArrayFunction):
    """y = step(x), piecewise constant (floor, ceil, round, sign): its gradient is 0."""

    @staticmethod
    def forward(ctx, x, step):
        return step(x).astype(x.dtype, copy=False)

    @staticmethod
    def backward(ctx, gy):
        return array_function.Tensor(np.zeros_like(gy.array))


def _signs(x):
    """-1, 0 or 1; 0 for NaN, where NumPy's sign is NaN."""
    return (x > 0).astype(x.dtype) - (x < 0)


def positive(input):
    """+input: the tensor itself."""
    input = as_tensor(input, "positive")
    if input.dtype.kind == "b":
        raise TypeError("positive: a boolean tensor has no sign")
    return input


def neg(input):
    """-input."""
    input = as_tensor(input, "neg")
    if input.dtype.kind == "b":
        raise TypeError("neg: a boolean tensor has no negative; use ~ to invert a mask")
    return Neg.apply(input)


def exp(input):
    """e^input."""
    return Exp.apply(to_floating(input, "exp"))


def expm1(input):
    """e^input - 1, exact near 0."""
    return Expm1.apply(to_floating(input, "expm1"))


def log(input):
    """Natural logarithm: -inf at 0, NaN below."""
    return Log.apply(to_floating(input, "log"))


def log1p(input):
    """ln(1 + input), exact near 0."""
    return Log1p.apply(to_floating(input, "log1p"))


def sqrt(input):
    """Square root: NaN below 0."""
    return Sqrt.apply(to_floating(input, "sqrt"))


def rsqrt(input):
    """1 / sqrt(input)."""
    return Rsqrt.apply(to_floating(input, "rsqrt"))


def square(input):
    """input^2; booleans are squared as int64."""
    input = as_tensor(input, "square")
    if input.dtype.kind == "b":
        input = input.long()
    return Square.apply(input)


def reciprocal(input):
    """1 / input."""
    return Reciprocal.apply(to_floating(input, "reciprocal"))


def abs(input):
    """|input|; the gradient at 0 is 0."""
    input = as_tensor(input, "abs")
    if input.dtype.kind == "b":
        raise TypeError("abs: a boolean tensor has no sign")
    return Abs.apply(input)


def sin(input):
    """Sine of radians."""
    return Sin.apply(to_floating(input, "sin"))


def cos(input):
    """Cosine of radians."""
    return Cos.apply(to_floating(input, "cos"))


def erf(input):
    """The error function, 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to `input`."""
    return Erf.apply(to_floating(input, "erf"))


def sign(input):
    """-1, 0 or 1; 0 for NaN."""
    input = as_tensor(input, "sign")
    return input.clone() if input.dtype.kind == "b" else Flat.apply(input, step=_signs)
