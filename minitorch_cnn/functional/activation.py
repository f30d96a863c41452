"""Activations: elementwise functions, each keeping at most one array for its backward.

A slope is written in Tensor operations on what was saved, so that slopes of slopes follow. At a
kink it is PyTorch's: the one of the left side for leaky_relu, prelu, elu and selu, zero for relu6.
"""

from __future__ import annotations

import math

import numpy as np

from ..autograd.function import Function
from ..tensor.arithmetic import quiet
from ..tensor.elementwise import erf
from ..tensor.tensor import Tensor
from .checks import check_float

# Klambauer et al. 2017, Self-Normalizing Neural Networks, equation 14
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805

# LeCun et al. 1998, Gradient-Based Learning Applied to Document Recognition, appendix A
TANH_AMPLITUDE = 1.7159
TANH_SLOPE = 2 / 3


class ReLU6(Function):
    """y = min(max(x, 0), 6). Keeps one byte per element."""

    def forward(ctx, x):
        ctx.keep((x > 0) & (x < 6))
        return np.clip(x, 0, 6)

    def backward(ctx, gy):
        (inside,) = ctx.kept
        return gy * inside


def relu6(input: Tensor) -> Tensor:
    """min(max(x, 0), 6), elementwise."""
    check_float("relu6", input=input)
    return ReLU6.apply(input)


class LeakyReLU(Function):
    """y = x where x > 0, slope * x elsewhere. Keeps one byte per element."""

    def forward(ctx, x, slope):
        ctx.keep(x > 0)
        ctx.slope = slope
        return np.maximum(x, 0) + slope * np.minimum(x, 0)

    def backward(ctx, gy):
        (positive,) = ctx.kept
        return gy * (positive + gy.dtype.type(ctx.slope) * ~positive)


def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """x where x > 0, negative_slope * x elsewhere (Maas et al. 2013)."""
    check_float("leaky_relu", input=input)
    return LeakyReLU.apply(input, slope=float(negative_slope))


class PReLU(Function):
    """y = x where x > 0, w * x elsewhere; w broadcasts against x."""

    def forward(ctx, x, w):
        ctx.save(x, w)
        return np.maximum(x, 0) + w * np.minimum(x, 0)

    def backward(ctx, gy):
        x, w = ctx.saved
        gx = gy * ((x > 0) + w * ~(x > 0)) if ctx.needs_input_grad[0] else None
        if not ctx.needs_input_grad[1]:
            return gx, None
        shared = tuple(axis for axis in range(w.ndim) if w.shape[axis] == 1)
        return gx, (gy * x.clamp(max=0)).sum(dim=shared, keepdim=True)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where x > 0, weight * x elsewhere (He et al. 2015, equation 1).

    x (N, C, *), weight (1,) or (C,) -> y (N, C, *); with fewer than two axes x has one channel

    Raises: ValueError if weight is not of one element per channel.
    """
    check_float("prelu", input=input, weight=weight)
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.ndim > 1 or weight.numel() not in (1, channels):
        raise ValueError(
            f"prelu: weight of shape {weight.shape} must have one element or one for each of the "
            f"{channels} channels of input"
        )
    shape = (1, -1) + (1,) * (input.ndim - 2) if input.ndim > 1 else (1,) * input.ndim
    return PReLU.apply(input, weight.reshape(shape))


class ELU(Function):
    """y = scale * x where x > 0, scale * alpha * (exp(x) - 1) elsewhere."""

    def forward(ctx, x, alpha, scale):
        ctx.save(x)
        ctx.alpha, ctx.scale = alpha, scale
        return scale * (np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0)))

    def backward(ctx, gy):
        (x,) = ctx.saved
        left = ctx.alpha * x.clamp(max=0).exp()
        return gy * (ctx.scale * ((x > 0) + left * ~(x > 0)))


def elu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """x where x > 0, alpha * (exp(x) - 1) elsewhere (Clevert et al. 2016)."""
    check_float("elu", input=input)
    return ELU.apply(input, alpha=float(alpha), scale=1.0)


def selu(input: Tensor) -> Tensor:
    """1.0507 * elu(x, 1.6733): drifts to mean 0 and variance 1 (Klambauer et al. 2017)."""
    check_float("selu", input=input)
    return ELU.apply(input, alpha=SELU_ALPHA, scale=SELU_SCALE)


class SiLU(Function):
    """y = x * sigmoid(x)."""

    def forward(ctx, x):
        ctx.save(x)
        with quiet():  # exp(-x) = inf gives the right limit
            return x / (1 + np.exp(-x))

    def backward(ctx, gy):
        (x,) = ctx.saved
        s = x.sigmoid()
        return gy * (s * (1 + x * (1 - s)))


def silu(input: Tensor) -> Tensor:
    """x * sigmoid(x), also called swish (Elfwing et al. 2017)."""
    check_float("silu", input=input)
    return SiLU.apply(input)


# exp(-x^2 / 2) is 0 in float64 from here on, while x^2 beyond could overflow
GAUSSIAN_ENDS = 40.0


class GELU(Function):
    """y = x (1 + erf(x / sqrt 2)) / 2 = x P(X <= x) for a standard normal X."""

    def forward(ctx, x):
        ctx.save(x)
        cdf = 0.5 * (1 + erf(Tensor(x * math.sqrt(0.5))).data)
        with quiet():
            return x * cdf

    def backward(ctx, gy):
        (x,) = ctx.saved
        below = 0.5 * (1 + (x * math.sqrt(0.5)).erf())
        near = x.clamp(-GAUSSIAN_ENDS, GAUSSIAN_ENDS)
        density = (near * near * -0.5).exp() / math.sqrt(2 * math.pi)
        return gy * (below + near * density)


# From here on tanh u of TanhGELU rounds to 1 in float64, while x^3 beyond could overflow
TANH_SATURATED = 10.0


class TanhGELU(Function):
    """y = x (1 + tanh u) / 2, u = sqrt(2 / pi) (x + 0.044715 x^3)."""

    def forward(ctx, x):
        ctx.save(x)
        u, _ = _gelu_inner(np.clip(x, -TANH_SATURATED, TANH_SATURATED))
        with quiet():
            return x * (0.5 * (1 + np.tanh(u)))

    def backward(ctx, gy):
        (x,) = ctx.saved
        near = x.clamp(-TANH_SATURATED, TANH_SATURATED)
        u, slope = _gelu_inner(near)
        t = u.tanh()
        return gy * (0.5 * (1 + t) + 0.5 * near * (1 - t * t) * slope)


def _gelu_inner(x):
    """u and du/dx of TanhGELU."""
    a, b = math.sqrt(2 / math.pi), 0.044715
    square = x * x
    return a * x * (1 + b * square), a * (1 + 3 * b * square)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x P(X <= x) for a standard normal X (Hendrycks and Gimpel 2016).

    approximate="none" takes P from the error function, "tanh" approximates it by
    (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.

    Raises: ValueError for another approximation.
    """
    check_float("gelu", input=input)
    ops = {"none": GELU, "tanh": TanhGELU}
    if approximate not in ops:
        raise ValueError(f"gelu: approximate={approximate!r} must be 'none' or 'tanh'")
    return ops[approximate].apply(input)


def hardsigmoid(input: Tensor) -> Tensor:
    """relu6(x + 3) / 6: a sigmoid of three straight lines; its slope is 0 at -3 and at 3."""
    check_float("hardsigmoid", input=input)
    return relu6(input + 3) / 6


class Hardswish(Function):
    """y = x * min(max(x + 3, 0), 6) / 6."""

    def forward(ctx, x):
        ctx.save(x)
        return x * (np.clip(x + 3, 0, 6) / 6)

    def backward(ctx, gy):
        (x,) = ctx.saved
        inside = (x > -3) & (x < 3)
        return gy * ((x.clamp(-3, 3) / 3 + 0.5) * inside + (x >= 3))


def hardswish(input: Tensor) -> Tensor:
    """x * relu6(x + 3) / 6 (Howard et al. 2019); its slope is 0 at -3 and 1 at 3."""
    check_float("hardswish", input=input)
    return Hardswish.apply(input)


class Softplus(Function):
    """y = log(1 + exp(beta x)) / beta where beta x <= threshold, x above."""

    def forward(ctx, x, beta, threshold):
        ctx.save(x)
        ctx.beta, ctx.threshold = beta, threshold
        z = x * beta
        with quiet():
            tail = np.log1p(np.exp(-np.abs(z)))
        return (np.maximum(z, 0) + tail * (z <= threshold)) / beta

    def backward(ctx, gy):
        (x,) = ctx.saved
        z = x * ctx.beta
        above = z > ctx.threshold
        return gy * (z.sigmoid() * ~above + above)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta * x)) / beta, and x itself where beta * x > threshold.

    Raises: ValueError if beta is 0.
    """
    check_float("softplus", input=input)
    if beta == 0:
        raise ValueError(f"softplus: beta={beta} must not be 0")
    return Softplus.apply(input, beta=float(beta), threshold=float(threshold))


class ScaledTanh(Function):
    """y = A tanh(S x), keeping y alone: dy/dx = S (A - y^2 / A)."""

    def forward(ctx, x):
        y = TANH_AMPLITUDE * np.tanh(TANH_SLOPE * x)
        ctx.save(y)
        return y

    def backward(ctx, gy):
        (y,) = ctx.saved
        return gy * (TANH_SLOPE * TANH_AMPLITUDE - (TANH_SLOPE / TANH_AMPLITUDE) * (y * y))


def scaled_tanh(input: Tensor) -> Tensor:
    """1.7159 * tanh(2 x / 3), the activation of LeNet-5 (LeCun et al. 1998, appendix A)."""
    check_float("scaled_tanh", input=input)
    return ScaledTanh.apply(input)
