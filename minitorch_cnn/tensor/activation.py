"""Activations: functions of one number whose value, and whose slope times a gradient, are kernels.

Forward and backward pass over memory once each, whatever the formula. A subclass names its kernel;
formulas and slopes stand in kernels/activation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..autograd.array_function import ArrayFunction
from ..kernels.activation import activation_backward, activation_forward
from .promotion import as_tensor, to_floating

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, TensorLike


class Activation(ArrayFunction):
    """y = f(x). Keeps x, or y where the slope can be told from y."""

    in_float32 = True
    kind: str
    keeps_output = False
    # f'' in operations on Tensors, from what is kept; None where f is made of straight lines.
    slope_of_slope = None

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, settings: tuple[Any, ...] = ()) -> Array:
        y = activation_forward(x, ctx.kind, *settings)
        ctx.save_for_backward(y if ctx.keeps_output else x)
        ctx.settings = settings
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (kept,) = ctx.saved_tensors
        if ctx.slope_of_slope is None:
            kept = kept.array
        return ActivationBackward.apply(gy, kept, op=type(ctx), settings=ctx.settings)


class ActivationBackward(ArrayFunction):
    """gx = gy f'(x)."""

    @staticmethod
    def forward(
        ctx: ArrayFunction, gy: Array, kept: Array, op: type[Activation], settings: tuple[Any, ...]
    ) -> Array:
        ctx.save_for_backward(gy, kept)
        ctx.op, ctx.settings = op, settings
        return activation_backward(gy, kept, op.kind, *settings)

    @staticmethod
    def backward(ctx: ArrayFunction, v: Tensor) -> tuple[Tensor | None, ...]:
        gy, kept = ctx.saved_tensors
        ggy = ActivationBackward.apply(v, kept, op=ctx.op, settings=ctx.settings)
        if ctx.op.slope_of_slope is None:
            return ggy, None
        return ggy, v * gy * ctx.op.slope_of_slope(kept, *ctx.settings)


class ReLU(Activation):
    """y = max(x, 0), NaN stays NaN; the gradient at 0 is 0.

    Only y is kept: it tells where the gradient passes, so x may be freed (half the activation
    memory of an activation behind a linear op, which keeps its own input).
    """

    in_float32 = False  # exact in any format
    kind, keeps_output, never_warns = "relu", True, True


def through_relu(gy: Tensor, y: Tensor) -> Tensor:
    """The gradient gy where a ReLU that gave y did not cut off."""
    return ActivationBackward.apply(gy, y.array, op=ReLU, settings=())


class Tanh(Activation):
    """y = tanh x; y' = 1 - y^2."""

    kind, keeps_output = "tanh", True

    @staticmethod
    def slope_of_slope(y: Tensor) -> Tensor:
        return -2 * y


class Sigmoid(Activation):
    """y = 1 / (1 + e^-x); y' = y (1 - y)."""

    kind, keeps_output = "sigmoid", True

    @staticmethod
    def slope_of_slope(y: Tensor) -> Tensor:
        return 1 - 2 * y


def relu(input: TensorLike) -> Tensor:
    """max(input, 0)."""
    input = as_tensor(input, "relu")
    if input.array.dtype.kind == "b":
        raise TypeError("relu: input has dtype bool, must be a number")
    return ReLU.apply(input)


def tanh(input: TensorLike) -> Tensor:
    """Hyperbolic tangent."""
    return Tanh.apply(to_floating(input, "tanh"))


def sigmoid(input: TensorLike) -> Tensor:
    """1 / (1 + e^-input)."""
    return Sigmoid.apply(to_floating(input, "sigmoid"))
