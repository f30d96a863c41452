"""Local response normalisation: strong neighbours weaken a channel (AlexNet, section 3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..autograd.array_function import ArrayFunction
from ..kernels.local_response_norm import (
    local_response_norm_backward,
    local_response_norm_forward,
)
from ..tensor.padding import pad
from ..tensor.tensor import Tensor
from .checks import check_float
from .geometry import is_int

if TYPE_CHECKING:
    from ..tensor.types import Array


class LocalResponseNorm(ArrayFunction):
    """y = x s^-beta, s = k + alpha/size A(x^2), A the sum over `size` channels.  (N, C, *)"""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, **settings: Any) -> Array:
        ctx.save_for_backward(x)
        ctx.settings = settings
        return local_response_norm_forward(x, **settings)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return LocalResponseNormBackward.apply(gy, x, **ctx.settings)


class LocalResponseNormBackward(ArrayFunction):
    """gx = gy s^-beta - 2 beta alpha/size x A'(gy x s^(-beta-1)), A' the adjoint of A."""

    @staticmethod
    def forward(ctx: ArrayFunction, gy: Array, x: Array, **settings: Any) -> Array:
        ctx.save_for_backward(gy, x)
        ctx.settings = settings
        return local_response_norm_backward(gy, x, **settings)

    @staticmethod
    def backward(ctx: ArrayFunction, v: Any) -> tuple[Tensor | None, ...]:
        # v is the gradient for gx. With c = alpha/size and s = k + c A(x^2):
        #   L = sum of v gx = sum of v gy s^-beta - 2 beta c A(v x) gy x s^(-beta-1)
        # dL/dgy, and dL/dx for constant s, follow directly; through s:  dL/dx = 2 c x A'(dL/ds)
        gy, x = ctx.saved_tensors
        size, alpha, beta, k = (ctx.settings[key] for key in ("size", "alpha", "beta", "k"))
        c = alpha / size
        before, after = size // 2, (size - 1) // 2
        s = k + c * window_sum(x * x, before, after)
        power = s**-beta
        lower = power / s
        seen = window_sum(v * x, before, after)

        ggy = v * power - 2 * beta * c * seen * x * lower
        gs = -beta * v * gy * lower + 2 * beta * (beta + 1) * c * seen * gy * x * lower / s
        gx = -2 * beta * c * (v * window_sum(gy * x * lower, after, before) + seen * gy * lower)
        return ggy, gx + 2 * c * x * window_sum(gs, after, before)


def window_sum(x: Tensor, before: int, after: int) -> Tensor:
    """The sum of x over the channels from `before` ahead of each channel to `after` after it."""
    channels = x.shape[1]
    padded = pad(x, (0, 0) * (x.ndim - 2) + (before, after))
    total: Any = sum(padded[:, i : i + channels] for i in range(before + after + 1))
    return total


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Compute y = x (k + alpha/size * sum of x^2 over `size` channels)^-beta (Krizhevsky 2012).

    x (N, C, *) with 3 axes or more -> y (N, C, *)
    The window has size//2 channels before and (size - 1)//2 after each channel; channels that do
    not exist count as 0. The paper's alpha is this one divided by size.

    Raises: ValueError for a size below 1 or fewer than 3 axes, TypeError for dtypes other than
    floats.
    """
    name = "local_response_norm"
    check_float(name, input=input)
    if input.ndim < 3:
        raise ValueError(
            f"{name}: input of shape {input.shape} must be (N, C, *) with 3 axes or more"
        )
    if not is_int(size):
        raise TypeError(f"{name}: size={size!r} must be an int")
    if size < 1:
        raise ValueError(f"{name}: size={size} must be at least 1")
    return LocalResponseNorm.apply(input, size=size, alpha=alpha, beta=beta, k=k)
