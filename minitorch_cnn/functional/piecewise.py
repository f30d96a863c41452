"""Piecewise linear activations: hardsigmoid, hardtanh, hardshrink, softshrink, threshold, and
rrelu, whose slopes are random.

At a kink the slope is 0, as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .. import random
from ..autograd.array_function import ArrayFunction
from ..kernels.philox import uniform
from ..tensor.arithmetic import masked, where
from ..tensor.half import in_float32
from ..tensor.tensor import Tensor
from .activation import leaky_relu, relu6
from .checks import check_float, check_tensor

if TYPE_CHECKING:
    from ..tensor.types import Array


class Piecewise(ArrayFunction):
    """y = f(x), with slope 1 where `passes(x)` holds and 0 elsewhere."""

    in_float32 = True

    @staticmethod
    def forward(
        ctx: ArrayFunction, x: Array, f: Callable[[Array], Array], passes: Callable[[Array], Array]
    ) -> Array:
        ctx.keep(passes(x))
        return f(x).astype(x.dtype, copy=False)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return masked(gy, ctx.kept[0])


@in_float32
def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """relu6(x + 3) / 6: a piecewise linear sigmoid, with slope 0 at -3 and at 3."""
    check_float("hardsigmoid", input=input)
    return relu6(input + 3) / 6


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """Apply min(max(x, min_val), max_val) elementwise, also to signed integers.

    Raises: ValueError for min_val > max_val, TypeError for booleans and unsigned integers.
    """
    check_tensor("hardtanh", input=input)
    if input.dtype.kind in "bu":
        raise TypeError(f"hardtanh: input has dtype {input.dtype}, must be a signed number")
    if min_val > max_val:
        raise ValueError(f"hardtanh: min_val={min_val} must not exceed max_val={max_val}")

    def f(x: Array) -> Array:
        return np.minimum(np.maximum(x, min_val), max_val)

    def passes(x: Array) -> Array:
        return ~((x <= min_val) | (x >= max_val))

    return Piecewise.apply(input, f=f, passes=passes)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x where |x| > lambd, 0 elsewhere."""
    check_float("hardshrink", input=input)

    def passes(x: Array) -> Array:
        return ~((x >= -lambd) & (x <= lambd))

    def f(x: Array) -> Array:
        return np.where(passes(x), x, 0)

    return Piecewise.apply(input, f=f, passes=passes)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x - lambd where x > lambd, x + lambd where x < -lambd, 0 elsewhere.

    Raises: ValueError for a negative lambd.
    """
    check_float("softshrink", input=input)
    if not lambd >= 0:
        raise ValueError(f"softshrink: lambd={lambd} must not be negative")

    def f(x: Array) -> Array:
        return np.where(x > lambd, x - lambd, np.where(x < -lambd, x + lambd, x * 0))

    def passes(x: Array) -> Array:
        return ~((x >= -lambd) & (x <= lambd))

    return Piecewise.apply(input, f=f, passes=passes)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """Return x where x > threshold and `value` elsewhere, for numbers of any dtype; NaN stays."""
    check_tensor("threshold", input=input)
    if input.dtype.kind == "b":
        raise TypeError("threshold: input has dtype bool, must be a number")

    def f(x: Array) -> Array:
        return np.where(x <= threshold, value, x)

    def passes(x: Array) -> Array:
        return ~(x <= threshold)

    return Piecewise.apply(input, f=f, passes=passes)


@in_float32
def rrelu(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """Return x where x > 0 and a x elsewhere, with a random slope a (Xu et al. 2015).

    In training a is drawn for each element from U(lower, upper), otherwise it is
    (lower + upper) / 2.

    Raises: ValueError for lower > upper.
    """
    check_float("rrelu", input=input)
    if not lower <= upper:
        raise ValueError(f"rrelu: lower={lower} must not exceed upper={upper}")
    if not training:
        return leaky_relu(input, (lower + upper) / 2)
    if type(input.array) is np.ndarray:
        slopes = random.default_generator().uniform(lower, upper, input.shape).astype(input.dtype)
    else:
        key, first = random.device_draw(input.shape)
        drawn = uniform(input.numel(), np.float32, key, input.array, first).reshape(input.shape)
        slopes = (drawn * (upper - lower) + lower).astype(input.dtype)
    return where(input > 0, input, input * Tensor(slopes))
