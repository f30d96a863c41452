"""Activations: elementwise functions, each keeping at most one array for its backward.

PyTorch's `inplace`, which saves memory there, is accepted and ignored: the result is always a new
tensor and the input stays unchanged.

The activations common between convolutions name a kernel for their value and slope, and express the
slope's derivative in Tensor operations, from which all higher derivatives follow. At a kink the
slope is PyTorch's: the left one for leaky_relu, prelu, elu and selu, zero for relu6.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd import autocast
from ..autograd.array_function import ArrayFunction
from ..kernels.prelu import prelu_backward, prelu_forward
from ..tensor.activation import Activation
from ..tensor.activation import relu as tensor_relu
from ..tensor.tensor import Tensor
from .checks import check_float, check_tensor

if TYPE_CHECKING:
    from ..tensor.types import Array


# Klambauer et al. 2017, Self-Normalizing Neural Networks, equation 14
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805

# LeCun et al. 1998, Gradient-Based Learning Applied to Document Recognition, appendix A
TANH_AMPLITUDE = 1.7159
TANH_SLOPE = 2 / 3


class ReLU6(Activation):
    """y = min(max(x, 0), 6), keeping only y."""

    kind, keeps_output = "relu6", True


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Apply max(x, 0) elementwise."""
    return tensor_relu(input)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """Apply min(max(x, 0), 6) elementwise, also to integers.

    Raises: TypeError for booleans.
    """
    check_tensor("relu6", input=input)
    if input.dtype.kind == "b":
        raise TypeError("relu6: input has dtype bool, must be a number")
    return ReLU6.apply(input) if input.dtype.kind in dtypes.FLOATS else input.clamp(0, 6)


class LeakyReLU(Activation):
    """y = x where x > 0, a x elsewhere."""

    kind = "leaky_relu"


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Return x where x > 0 and negative_slope * x elsewhere (Maas et al. 2013)."""
    check_float("leaky_relu", input=input)
    return LeakyReLU.apply(input, settings=(float(negative_slope),))


class PReLU(ArrayFunction):
    """y = x where x > 0, w x elsewhere.    x (N, C, *), w (C,) or of one element -> y (N, C, *)"""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, w: Array) -> Array:
        ctx.save_for_backward(x, w)
        return prelu_forward(_rows(x, w), w.reshape(-1)).reshape(x.shape)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        gx, gw = PReLUBackward.apply(gy, *ctx.saved_tensors)
        need_x, need_w = ctx.needs_input_grad
        return gx if need_x else None, gw if need_w else None


class PReLUBackward(ArrayFunction):
    """gx = gy where x > 0, w gy elsewhere; gw = sum of gy x where x is not > 0, per channel.

    gy, x (N, C, *), w (C,) or of one element -> gx (N, C, *), gw as w
    """

    @staticmethod
    def forward(ctx: ArrayFunction, gy: Array, x: Array, w: Array) -> tuple[Array, Array]:
        ctx.save_for_backward(gy, x, w)
        gx, gw = prelu_backward(_rows(gy, w), _rows(x, w), w.reshape(-1))
        return gx.reshape(x.shape), gw.reshape(w.shape)

    @staticmethod
    def backward(ctx: ArrayFunction, ggx: Any, ggw: Any) -> tuple[Tensor | None, ...]:
        gy, x, w = ctx.saved_tensors
        left = Tensor((~(x.array > 0)).astype(x.dtype))
        shape = (1, -1) + (1,) * (x.ndim - 2) if x.ndim > 1 else (1,) * x.ndim
        g2y = g2x = g2w = None
        if ggx is not None:
            g2y = ggx * (1 - left + w.reshape(shape) * left)
            g2w = _sum_to(ggx * gy * left, w)
        if ggw is not None:
            ggw = ggw.reshape(shape) * left
            g2y = ggw * x if g2y is None else g2y + ggw * x
            g2x = ggw * gy
        return g2y, g2x, g2w


def _rows(x: Array, w: Array) -> Array:
    """x as (N, C, L) for w of C elements."""
    if x.ndim < 2:
        return x.reshape(1, 1, x.size)
    C = w.size
    return x.reshape(x.shape[0], C, math.prod(x.shape[1:]) // C)


def _sum_to(terms: Tensor, w: Tensor) -> Tensor:
    """(N, C, *) -> the sums for each element of w."""
    axes = (0, *range(2, terms.ndim))
    return (terms.sum() if w.numel() == 1 else terms.sum(axes)).reshape(w.shape)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Return x where x > 0 and weight * x elsewhere (He et al. 2015, equation 1).

    x (N, C, *), weight (1,) or (C,) -> y (N, C, *); with fewer than two axes x has one channel

    Raises: ValueError unless weight has one element or one per channel.
    """
    if autocast.active:
        input, weight = autocast.lower(input, weight)
    check_float("prelu", input=input, weight=weight)
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.ndim > 1 or weight.numel() not in (1, channels):
        raise ValueError(
            f"prelu: weight of shape {weight.shape} must have one element or one for each of the "
            f"{channels} channels of input"
        )
    return PReLU.apply(input, weight)


class ELU(Activation):
    """y = scale * x where x > 0, scale * alpha * (exp(x) - 1) elsewhere."""

    kind = "elu"

    @staticmethod
    def slope_of_slope(x: Tensor, alpha: float, scale: float) -> Tensor:
        return (scale * alpha) * x.clamp(max=0).exp() * (x <= 0)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return x where x > 0 and alpha * (exp(x) - 1) elsewhere (Clevert et al. 2016)."""
    check_float("elu", input=input)
    return ELU.apply(input, settings=(float(alpha), 1.0))


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """1.0507 * elu(x, 1.6733), self-normalising to mean 0, variance 1 (Klambauer et al. 2017)."""
    check_float("selu", input=input)
    return ELU.apply(input, settings=(SELU_ALPHA, SELU_SCALE))


class SiLU(Activation):
    """y = x s, s = sigmoid(x)."""

    kind = "silu"

    @staticmethod
    def slope_of_slope(x: Tensor) -> Tensor:
        s = x.sigmoid()
        return s * (1 - s) * (2 + x * (1 - 2 * s))


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x * sigmoid(x), also called swish (Elfwing et al. 2017)."""
    check_float("silu", input=input)
    return SiLU.apply(input)


# exp(-x^2 / 2) is 0 in float64 from here on, while x^2 beyond could overflow
GAUSSIAN_ENDS = 40.0


class GELU(Activation):
    """y = x P(X <= x) for a standard normal X."""

    kind = "gelu"

    @staticmethod
    def slope_of_slope(x: Tensor) -> Tensor:
        near = x.clamp(-GAUSSIAN_ENDS, GAUSSIAN_ENDS)
        density = (near * near * -0.5).exp() / math.sqrt(2 * math.pi)
        return density * (2 - near * near)


# From here on tanh u of TanhGELU rounds to 1 in float64, while x^3 beyond could overflow
TANH_SATURATED = 10.0


class TanhGELU(Activation):
    """y = x (1 + tanh u) / 2, u = a (x + b x^3)."""

    kind = "gelu_tanh"

    @staticmethod
    def slope_of_slope(x: Tensor) -> Tensor:
        a, b = math.sqrt(2 / math.pi), 0.044715
        x = x.clamp(-TANH_SATURATED, TANH_SATURATED)
        square = x * x
        t = (a * x * (1 + b * square)).tanh()
        slope = a * (1 + 3 * b * square)
        return (1 - t * t) * (slope * (1 - x * t * slope) + (3 * a * b) * square)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x P(X <= x) for a standard normal X (Hendrycks and Gimpel 2016).

    approximate="none" computes P with the error function, "tanh" approximates it by
    (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.

    Raises: ValueError for another approximation.
    """
    check_float("gelu", input=input)
    ops = {"none": GELU, "tanh": TanhGELU}
    if approximate not in ops:
        raise ValueError(f"gelu: approximate={approximate!r} must be 'none' or 'tanh'")
    return ops[approximate].apply(input)


class Hardswish(Activation):
    """y = x * min(max(x + 3, 0), 6) / 6."""

    kind = "hardswish"

    @staticmethod
    def slope_of_slope(x: Tensor) -> Tensor:
        return ((x > -3) & (x < 3)).to(x.dtype) / 3


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * relu6(x + 3) / 6 (Howard et al. 2019); its slope is 0 at -3 and 1 at 3."""
    check_float("hardswish", input=input)
    return Hardswish.apply(input)


class ScaledTanh(ArrayFunction):
    """y = A tanh(S x), keeping only y: dy/dx = S (A - y^2 / A)."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array) -> Array:
        y = TANH_AMPLITUDE * np.tanh(TANH_SLOPE * x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return gy * (TANH_SLOPE * TANH_AMPLITUDE - (TANH_SLOPE / TANH_AMPLITUDE) * (y * y))


def scaled_tanh(input: Tensor) -> Tensor:
    """1.7159 * tanh(2 x / 3), the activation of LeNet-5 (LeCun et al. 1998, appendix A)."""
    check_float("scaled_tanh", input=input)
    return ScaledTanh.apply(input)
