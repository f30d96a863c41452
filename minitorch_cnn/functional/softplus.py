"""Softplus, a smooth ReLU, and the functions built on it: logsigmoid and mish."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..autograd.array_function import ArrayFunction
from ..tensor.tensor import Tensor
from .checks import check_float

if TYPE_CHECKING:
    from ..tensor.types import Array


def _log1p_exp(z: Array) -> Array:
    """log(1 + e^z), without overflow or loss of small values."""
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


class Softplus(ArrayFunction):
    """y = x where beta x > threshold, log(1 + exp(beta x)) / beta elsewhere."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, beta: float, threshold: float) -> Array:
        ctx.save_for_backward(x)
        ctx.beta, ctx.threshold = beta, threshold
        z = x * beta
        return np.where(z > threshold, x, _log1p_exp(z) / beta)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        above = x.array * ctx.beta > ctx.threshold
        return gy * ((x * ctx.beta).sigmoid() * ~above + above)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Compute log(1 + exp(beta * x)) / beta, and x itself where beta * x > threshold.

    beta and threshold may have any sign. The values stay correct where PyTorch overflows (threshold
    above 88).

    Raises: ValueError if beta is 0.
    """
    check_float("softplus", input=input)
    if beta == 0:
        raise ValueError(f"softplus: beta={beta} must not be 0")
    return Softplus.apply(input, beta=float(beta), threshold=float(threshold))


class LogSigmoid(ArrayFunction):
    """y = -log(1 + e^-x)."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array) -> Array:
        ctx.save_for_backward(x)
        return -_log1p_exp(-x)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gy * (-x).sigmoid()


def logsigmoid(input: Tensor) -> Tensor:
    """log(1 / (1 + exp(-x))), elementwise, without overflow."""
    check_float("logsigmoid", input=input)
    return LogSigmoid.apply(input)


class Mish(ArrayFunction):
    """y = x t, t = tanh(log(1 + e^x)); y' = t + x (1 - t^2) sigmoid(x)."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array) -> Array:
        ctx.save_for_backward(x)
        return x * np.tanh(_log1p_exp(x))

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        t = Softplus.apply(x, beta=1.0, threshold=np.inf).tanh()
        return gy * (t + x * (1 - t * t) * x.sigmoid())


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * tanh(softplus(x)), elementwise (Misra 2019)."""
    check_float("mish", input=input)
    return Mish.apply(input)
