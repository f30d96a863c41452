"""Functions of one number, applied to every element, with their derivatives."""

from __future__ import annotations

import numpy as np

from ..autograd import function
from ..autograd.function import Function
from ..kernels import special
from .arithmetic import Mul
from .promotion import as_tensor, to_floating


class Neg(Function):
    """y = -x."""

    def forward(ctx, x):
        return -x

    def backward(ctx, gy):
        return -gy


class Exp(Function):
    """y = e^x."""

    def forward(ctx, x):
        y = np.exp(x)
        ctx.save(y)
        return y

    def backward(ctx, gy):
        (y,) = ctx.saved
        return gy * y


class Expm1(Function):
    """y = e^x - 1, exact near 0."""

    def forward(ctx, x):
        y = np.expm1(x)
        ctx.save(y)
        return y

    def backward(ctx, gy):
        (y,) = ctx.saved
        return gy * (y + 1)


class Log(Function):
    """y = ln x."""

    def forward(ctx, x):
        ctx.save(x)
        return np.log(x)

    def backward(ctx, gy):
        (x,) = ctx.saved
        return gy / x


class Log1p(Function):
    """y = ln(1 + x), exact near 0."""

    def forward(ctx, x):
        ctx.save(x)
        return np.log1p(x)

    def backward(ctx, gy):
        (x,) = ctx.saved
        return gy / (x + 1)


class Sqrt(Function):
    """y = x^(1/2)."""

    def forward(ctx, x):
        y = np.sqrt(x)
        ctx.save(y)
        return y

    def backward(ctx, gy):
        (y,) = ctx.saved
        return gy / (2 * y)


class Rsqrt(Function):
    """y = x^(-1/2)."""

    in_float32 = True

    def forward(ctx, x):
        y = 1 / np.sqrt(x)
        ctx.save(y)
        return y

    def backward(ctx, gy):
        (y,) = ctx.saved
        return -0.5 * gy * y * y * y


class Square(Function):
    """y = x^2."""

    def forward(ctx, x):
        ctx.save(x)
        return np.square(x)

    def backward(ctx, gy):
        (x,) = ctx.saved
        return gy * (2 * x)


class Reciprocal(Function):
    """y = 1 / x."""

    def forward(ctx, x):
        y = 1 / x
        ctx.save(y)
        return y

    def backward(ctx, gy):
        (y,) = ctx.saved
        return -gy * y * y


class Abs(Function):
    """y = |x|; the gradient at 0 is 0."""

    def forward(ctx, x):
        ctx.keep(_signs(x))
        return np.abs(x)

    def backward(ctx, gy):
        (sign_of_x,) = ctx.kept
        return Mul.apply(gy, sign_of_x)


class Sin(Function):
    """y = sin x."""

    def forward(ctx, x):
        ctx.save(x)
        return np.sin(x)

    def backward(ctx, gy):
        (x,) = ctx.saved
        return gy * cos(x)


class Cos(Function):
    """y = cos x."""

    def forward(ctx, x):
        ctx.save(x)
        return np.cos(x)

    def backward(ctx, gy):
        (x,) = ctx.saved
        return -gy * sin(x)


class Erf(Function):
    """y = 2 / sqrt(pi) * integral from 0 to x of e^(-t^2) dt."""

    in_float32 = True

    def forward(ctx, x):
        ctx.save(x)
        return special.erf(x)

    def backward(ctx, gy):
        (x,) = ctx.saved
        return gy * exp(-x * x) * (2 / np.sqrt(np.pi))


class Flat(Function):
    """y = step(x), piecewise constant (floor, ceil, round, sign): its gradient is 0."""

    def forward(ctx, x, step):
        return step(x).astype(x.dtype, copy=False)

    def backward(ctx, gy):
        return function.Tensor(np.zeros_like(gy.array))


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
