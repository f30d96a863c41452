"""Elementwise operations with a gradient: arithmetic with broadcasting, and the functions of one
number.
"""

from __future__ import annotations

import math

import numpy as np

from ..autograd import function
from ..autograd.function import Function
from .promotion import as_operand, meet, result_type, to_floating

_erf = np.frompyfunc(math.erf, 1, 1)


def unbroadcast(g, shape):
    """The sum of `g` over the axes along which an operand of `shape` was repeated: broadcasting's
    adjoint.
    """
    if g.data.shape == shape:
        return g
    added = g.ndim - len(shape)
    axes = tuple(range(added)) + tuple(
        added + i for i, size in enumerate(shape) if size == 1 and g.data.shape[added + i] != 1
    )
    return g.sum(axes, keepdim=True).reshape(shape) if axes else g.reshape(shape)


def quiet():
    """NumPy's floating-point warnings off: infinities and NaNs are results here, as in PyTorch."""
    return np.errstate(all="ignore")


# ----------------------------------------------------------------------------- arithmetic of two
# operands


class Add(Function):
    """y = a + b."""

    def forward(ctx, a, b):
        ctx.shapes = a.shape, b.shape
        return a + b

    def backward(ctx, gy):
        return tuple(
            unbroadcast(gy, shape) if need else None
            for shape, need in zip(ctx.shapes, ctx.needs_input_grad, strict=True)
        )


class Sub(Function):
    """y = a - b."""

    def forward(ctx, a, b):
        ctx.shapes = a.shape, b.shape
        return a - b

    def backward(ctx, gy):
        need_a, need_b = ctx.needs_input_grad
        return (
            unbroadcast(gy, ctx.shapes[0]) if need_a else None,
            unbroadcast(-gy, ctx.shapes[1]) if need_b else None,
        )


class Mul(Function):
    """y = a * b."""

    def forward(ctx, a, b):
        need_a, need_b = ctx.needs_input_grad
        ctx.save(a if need_b else None, b if need_a else None)
        ctx.shapes = a.shape, b.shape
        return a * b

    def backward(ctx, gy):
        a, b = ctx.saved
        return (
            None if b is None else unbroadcast(gy * b, ctx.shapes[0]),
            None if a is None else unbroadcast(gy * a, ctx.shapes[1]),
        )


class Div(Function):
    """y = a / b."""

    def forward(ctx, a, b):
        need_b = ctx.needs_input_grad[1]
        ctx.save(a if need_b else None, b)
        ctx.shapes = a.shape, b.shape
        with quiet():
            return a / b

    def backward(ctx, gy):
        a, b = ctx.saved
        return (
            unbroadcast(gy / b, ctx.shapes[0]) if ctx.needs_input_grad[0] else None,
            None if a is None else unbroadcast(-gy * a / (b * b), ctx.shapes[1]),
        )


class Remainder(Function):
    """y = a - floor(a / b) * b, with the sign of b."""

    def forward(ctx, a, b):
        ctx.save(a, b)
        with quiet():
            return np.remainder(a, b)

    def backward(ctx, gy):
        a, b = ctx.saved
        return unbroadcast(gy, a.shape), unbroadcast(-gy * floor(a / b), b.shape)


class Pow(Function):
    """y = a ^ b. The derivative with respect to a is 0 where b = 0, that with respect to b is 0
    where a = 0 <= b.
    """

    def forward(ctx, a, b):
        ctx.save(a, b)
        with quiet():
            return np.power(a, b)

    def backward(ctx, gy):
        a, b = ctx.saved
        ga = gb = None
        if ctx.needs_input_grad[0]:
            slope = b * a ** (b - 1)
            if (b.data == 0).any():
                slope = where(b == 0, 0.0, slope)
            ga = unbroadcast(gy * slope, a.shape)
        if ctx.needs_input_grad[1]:
            flat = (a == 0) & (b >= 0)
            logarithm = log(where(flat, 1.0, a))
            gb = unbroadcast(gy * a**b * logarithm, b.shape)
        return ga, gb


class Maximum(Function):
    """y = max(a, b), NaN if either is; equal operands share the gradient half and half."""

    choose, beats = np.maximum, np.greater

    def forward(ctx, a, b):
        y = type(ctx).choose(a, b)
        beats = type(ctx).beats
        tie = a == b
        ctx.keep(*((beats(p, q) + 0.5 * tie).astype(y.dtype) for p, q in ((a, b), (b, a))))
        ctx.shapes = a.shape, b.shape
        return y

    def backward(ctx, gy):
        return tuple(
            unbroadcast(Mul.apply(gy, share), shape)
            for share, shape in zip(ctx.kept, ctx.shapes, strict=True)
        )


class Minimum(Maximum):
    """y = min(a, b), NaN if either is; equal operands share the gradient half and half."""

    choose, beats = np.minimum, np.less


class Where(Function):
    """y = a where the mask holds, b elsewhere."""

    def forward(ctx, a, b, mask):
        ctx.keep(mask)
        ctx.shapes = a.shape, b.shape
        return np.where(mask, a, b)

    def backward(ctx, gy):
        (mask,) = ctx.kept
        zero = function.Tensor(np.zeros((), gy.data.dtype))
        ga, gb = Where.apply(gy, zero, mask=mask), Where.apply(zero, gy, mask=mask)
        return unbroadcast(ga, ctx.shapes[0]), unbroadcast(gb, ctx.shapes[1])


def add(input, other, *, alpha=1):
    """input + alpha * other, with broadcasting."""
    return Add.apply(*meet(input, other if alpha == 1 else as_operand(other, "add") * alpha, "add"))


def sub(input, other, *, alpha=1):
    """input - alpha * other, with broadcasting."""
    a, b = meet(input, other if alpha == 1 else as_operand(other, "sub") * alpha, "sub")
    if a.dtype.kind == "b":
        raise TypeError("sub: boolean tensors have no difference; use logical_xor or ^")
    return Sub.apply(a, b)


def mul(input, other):
    """input * other, with broadcasting."""
    return Mul.apply(*meet(input, other, "mul"))


def div(input, other):
    """input / other, with broadcasting; integers become the default float type."""
    return Div.apply(*meet(input, other, "div", floating=True))


def floor_divide(input, other):
    """floor(input / other), in the dtype of the operands; no gradient."""
    a, b = _arrays(*meet(input, other, "floor_divide"))
    if a.dtype.kind in "iu" and (b == 0).any():
        raise ZeroDivisionError("floor_divide: integer division by zero")
    with quiet():
        return function.Tensor(np.floor_divide(a, b))


def remainder(input, other):
    """input - floor(input / other) * other, with the sign of `other`."""
    a, b = meet(input, other, "remainder")
    if a.dtype.kind in "iu" and (_arrays(a, b)[1] == 0).any():
        raise ZeroDivisionError("remainder: integer division by zero")
    return Remainder.apply(a, b)


def pow(input, exponent):
    """input ^ exponent, elementwise."""
    if (
        isinstance(exponent, (int, float))
        and not isinstance(exponent, bool)
        and isinstance(input, function.Tensor)
    ):
        if exponent == 2:
            return square(input)
        if exponent == 0.5:
            return sqrt(input)
    return Pow.apply(*meet(input, exponent, "pow"))


def maximum(input, other):
    """The larger of two numbers, elementwise; NaN if either is; at ties the gradient is shared."""
    return Maximum.apply(*meet(input, other, "maximum"))


def minimum(input, other):
    """The smaller of two numbers, elementwise; NaN if either is; at ties the gradient is shared."""
    return Minimum.apply(*meet(input, other, "minimum"))


def where(condition, input, other):
    """`input` where `condition` (boolean Tensor) holds, `other` elsewhere; all three broadcast."""
    mask = condition.data if isinstance(condition, function.Tensor) else np.asarray(condition)
    if mask.dtype.kind != "b":
        raise TypeError(f"where: condition has dtype {mask.dtype}, must be bool")
    return Where.apply(*meet(input, other, "where"), mask=mask)


def masked_fill(input, mask, value):
    """`value` (a number or 0-d tensor) where `mask` holds, `input` elsewhere; the dtype stays
    `input`'s.
    """
    if getattr(value, "ndim", 0) != 0:
        raise ValueError(
            f"masked_fill: value has {value.ndim} axes, must be a number or a 0-d tensor"
        )
    value = (
        value.to(input.dtype)
        if isinstance(value, function.Tensor)
        else np.asarray(value, input.dtype)
    )
    mask = mask.data if isinstance(mask, function.Tensor) else np.asarray(mask)
    if mask.dtype.kind != "b":
        raise TypeError(f"masked_fill: mask has dtype {mask.dtype}, must be bool")
    return Where.apply(value, input, mask=mask)


# --------------------------------------------------------------------------------- functions of one
# number


class Neg(Function):
    """y = -x."""

    def forward(ctx, x):
        return -x

    def backward(ctx, gy):
        return -gy


class Exp(Function):
    """y = e^x."""

    def forward(ctx, x):
        with quiet():
            y = np.exp(x)
        ctx.save(y)
        return y

    def backward(ctx, gy):
        (y,) = ctx.saved
        return gy * y


class Expm1(Function):
    """y = e^x - 1, exact near 0."""

    def forward(ctx, x):
        with quiet():
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
        with quiet():
            return np.log(x)

    def backward(ctx, gy):
        (x,) = ctx.saved
        return gy / x


class Log1p(Function):
    """y = ln(1 + x), exact near 0."""

    def forward(ctx, x):
        ctx.save(x)
        with quiet():
            return np.log1p(x)

    def backward(ctx, gy):
        (x,) = ctx.saved
        return gy / (x + 1)


class Sqrt(Function):
    """y = x^(1/2)."""

    def forward(ctx, x):
        with quiet():
            y = np.sqrt(x)
        ctx.save(y)
        return y

    def backward(ctx, gy):
        (y,) = ctx.saved
        return gy / (2 * y)


class Rsqrt(Function):
    """y = x^(-1/2)."""

    def forward(ctx, x):
        with quiet():
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
        with quiet():
            y = 1 / x
        ctx.save(y)
        return y

    def backward(ctx, gy):
        (y,) = ctx.saved
        return -gy * y * y


class Abs(Function):
    """y = |x|; the gradient at 0 is 0."""

    def forward(ctx, x):
        ctx.keep(np.sign(x))
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


class Tanh(Function):
    """y = tanh x; y' = 1 - y^2."""

    def forward(ctx, x):
        y = np.tanh(x)
        ctx.save(y)
        return y

    def backward(ctx, gy):
        (y,) = ctx.saved
        return gy * (1 - y * y)


class Sigmoid(Function):
    """y = 1 / (1 + e^-x); y' = y (1 - y)."""

    def forward(ctx, x):
        # tanh neither overflows nor loses bits at either end: sigmoid(x) = (1 + tanh(x / 2)) / 2.
        y = np.tanh(x * x.dtype.type(0.5))
        y = (y + 1) * x.dtype.type(0.5)
        ctx.save(y)
        return y

    def backward(ctx, gy):
        (y,) = ctx.saved
        return gy * (y * (1 - y))


class ReLU(Function):
    """y = max(x, 0), NaN stays NaN; the gradient at 0 is 0.

    Only y is kept: it tells where the gradient passes, so x may be freed (half the activation
    memory of tanh behind a linear op, which keeps its own input).
    """

    def forward(ctx, x):
        y = np.maximum(x, 0)
        ctx.save(y)
        return y

    def backward(ctx, gy):
        (y,) = ctx.saved
        stopped = y.data <= 0  # and not `y > 0` for what passes: a NaN lets its gradient through
        return Mul.apply(gy, np.logical_not(stopped, out=stopped))


class Erf(Function):
    """y = 2 / sqrt(pi) * integral from 0 to x of e^(-t^2) dt."""

    def forward(ctx, x):
        ctx.save(x)
        return _erf(x).astype(x.dtype)  # element by element: exact, and NumPy has no erf of its own

    def backward(ctx, gy):
        (x,) = ctx.saved
        return gy * exp(-x * x) * (2 / np.sqrt(np.pi))


class Clamp(Function):
    """y = min(max(x, low), high); the gradient passes where low <= x <= high."""

    def forward(ctx, x, low, high):
        y = np.clip(x, low, high)
        ctx.keep(
            (x >= (-np.inf if low is None else low)) & (x <= (np.inf if high is None else high))
        )
        return y

    def backward(ctx, gy):
        (inside,) = ctx.kept
        return Mul.apply(gy, inside)


class Flat(Function):
    """y = step(x), piecewise constant (floor, ceil, round, sign): its gradient is 0."""

    def forward(ctx, x, step):
        return step(x)

    def backward(ctx, gy):
        return function.Tensor(np.zeros_like(gy.data))


def neg(input):
    """-input."""
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
    """input^2."""
    return Square.apply(input)


def reciprocal(input):
    """1 / input."""
    return Reciprocal.apply(to_floating(input, "reciprocal"))


def abs(input):
    """|input|; the gradient at 0 is 0."""
    return Abs.apply(input)


def sin(input):
    """Sine of radians."""
    return Sin.apply(to_floating(input, "sin"))


def cos(input):
    """Cosine of radians."""
    return Cos.apply(to_floating(input, "cos"))


def tanh(input):
    """Hyperbolic tangent."""
    return Tanh.apply(to_floating(input, "tanh"))


def sigmoid(input):
    """1 / (1 + e^-input)."""
    return Sigmoid.apply(to_floating(input, "sigmoid"))


def erf(input):
    """The error function, 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to `input`."""
    return Erf.apply(to_floating(input, "erf"))


def relu(input):
    """max(input, 0)."""
    return ReLU.apply(input)


def floor(input):
    """The largest integer not above."""
    return Flat.apply(input, step=np.floor)


def ceil(input):
    """The smallest integer not below."""
    return Flat.apply(input, step=np.ceil)


def round(input):
    """The nearest integer, halves to the even one."""
    return Flat.apply(input, step=np.round)


def sign(input):
    """-1, 0 or 1."""
    return Flat.apply(input, step=np.sign)


def clamp(input, min=None, max=None):
    """`input` limited to [min, max]; bounds are numbers or broadcastable Tensors, one may be left
    out.
    """
    if min is None and max is None:
        raise ValueError("clamp: min and max are both None; at least one must be given")
    if isinstance(min, function.Tensor) or isinstance(max, function.Tensor):
        input = input if min is None else maximum(input, min)
        return input if max is None else minimum(input, max)
    for bound in (min, max):
        if bound is not None:
            input = input.to(result_type(input, bound))
    return Clamp.apply(input, low=min, high=max)


def _arrays(*operands):
    return [x.data if isinstance(x, function.Tensor) else x for x in operands]
