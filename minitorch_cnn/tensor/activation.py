"""Activations: elementwise functions with kernels for the value and for the slope times a gradient.

Forward and backward each pass over memory once, whatever the formula. A subclass names its kernel;
kernels/activation has the formulas and slopes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..autograd.array_function import ArrayFunction
from ..autograd.modes import is_grad_enabled
from ..autograd.usual_calls import apply_one, apply_two
from ..dtypes import bool_
from ..kernels.activation import (
    activation_backward,
    activation_forward,
    relu_backward_of_sum,
    relu_of_sum,
)
from .promotion import as_tensor, to_floating

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, TensorLike


class Activation(ArrayFunction):
    """y = f(x). Saves x, or y if the slope is a function of y."""

    in_float32 = True
    kind: str
    keeps_output = False
    # f'' in Tensor operations, computed from the saved array; None for piecewise linear f.
    slope_of_slope = None

    def __init_subclass__(cls) -> None:
        kind = cls.kind

        def compute(x: Array, settings: tuple[Any, ...] = ()) -> Array:
            return activation_forward(x, kind, *settings)

        cls.compute = staticmethod(compute)
        super().__init_subclass__()

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, settings: tuple[Any, ...] = ()) -> Array:
        y = activation_forward(x, ctx.kind, *settings)
        ctx.save_for_backward(y if ctx.keeps_output else x)
        ctx.settings = settings
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        if ctx.second is not None:
            return _of_two(ctx, gy, *ctx.saved_tensors)
        (kept,) = ctx.saved_tensors
        if ctx.slope_of_slope is None and is_grad_enabled():
            return ActivationBackward.apply(gy, kept.array, op=type(ctx), settings=ctx.settings)
        return apply_two(ActivationBackward, gy, kept, op=type(ctx), settings=ctx.settings)


class ActivationBackward(ArrayFunction):
    """gx = gy f'(x)."""

    @staticmethod
    def compute(gy: Array, kept: Array, op: type[Activation], settings: tuple[Any, ...]) -> Array:
        return activation_backward(gy, kept, op.kind, *settings)

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

    Only y is saved: it determines where the gradient passes, so x may be freed (half the activation
    memory after a linear op, which saves its own input).
    """

    in_float32 = False  # exact in any format
    kind, keeps_output, never_warns = "relu", True, True
    adds_gradients = True


class ReLUOfSum(ArrayFunction):
    """y = max(a + b, 0) of two arrays `added_at_once`, by one kernel instead of two.

    relu: False makes backward that of the sum alone, for rules that replace a ReLU's.
    """

    adds_gradients = True

    @staticmethod
    def forward(ctx: ArrayFunction, a: Array, b: Array) -> Array:
        y = relu_of_sum(a, b)
        ctx.save_for_backward(y)
        ctx.relu = True
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor, Tensor]:
        gy = of_relus_sum(ctx, gy, *ctx.saved_tensors)
        return gy, gy


def of_relus_sum(ctx: ArrayFunction, gy: Tensor, y: Tensor) -> Tensor:
    """The gradient of the sum whose ReLU ctx has computed as y."""
    if ctx.second is not None:
        return _of_two(ctx, gy, y)
    return through_relu(gy, y) if ctx.relu else gy


class ReLUBackwardOfSum(ArrayFunction):
    """gx = a + b where the ReLU with output y passed, in passes that record nothing."""

    @staticmethod
    def forward(ctx: ArrayFunction, a: Array, b: Array, y: Array) -> Array:
        return relu_backward_of_sum(a, b, y)


def _of_two(ctx: ArrayFunction, gy: Tensor, y: Tensor) -> Tensor:
    """The gradient of a ReLU's input by the two gradients that arrived for its output y."""
    other, ctx.second = ctx.second, None
    return ReLUBackwardOfSum.apply(gy, other, y)


def through_relu(gy: Tensor, y: Tensor) -> Tensor:
    """The gradient gy, zero where the ReLU with output y cut off."""
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
    if input.array.dtype is bool_:
        raise TypeError("relu: input has dtype bool, must be a number")
    return apply_one(ReLU, input)


def tanh(input: TensorLike) -> Tensor:
    """Hyperbolic tangent."""
    return apply_one(Tanh, to_floating(input, "tanh"))


def sigmoid(input: TensorLike) -> Tensor:
    """Compute 1 / (1 + e^-input) elementwise."""
    return apply_one(Sigmoid, to_floating(input, "sigmoid"))
