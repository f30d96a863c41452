"""Moments and norms: mean, variance, standard deviation, and vector norms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from .. import dtypes
from ..autograd.array_function import ArrayFunction
from .arithmetic import where
from .elementwise import sqrt
from .half import in_float32
from .reduction import amax, amin, axes_of, kept_shape, sum
from .summation import total

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, Dims, DTypeLike, Shape


def mean(
    input: Tensor, dim: Dims | None = None, keepdim: bool = False, *, dtype: DTypeLike | None = None
) -> Tensor:
    """Compute the mean along `dim` (all axes by default); NaN without elements.

    TypeError for integers, unless `dtype` is a float type, to which input is then converted first.
    """
    if dtype is not None:
        dtype = dtypes.check_dtype(dtype, "mean")
        if dtype.kind not in dtypes.FLOATS:
            raise TypeError(f"mean: dtype={dtype} must be floating point")
        input = input.to(dtype)
    _check_floating("mean", input)
    if dtypes.is_half(input.array.dtype):
        return mean(input.float(), dim, keepdim).to(input.dtype)
    axes = axes_of(dim, input.array.ndim, "mean")
    return sum(input, axes, keepdim) / _count(input.array.shape, axes)


def _check_floating(name: str, input: Tensor) -> None:
    if input.array.dtype.kind not in dtypes.FLOATS:
        raise TypeError(f"{name}: input has dtype {input.dtype}, must be floating point")


def _count(shape: Shape, axes: Shape) -> float:
    return float(math.prod([shape[a] for a in axes]))


class Var(ArrayFunction):
    """y = sum (x - mean)^2 / divisor along axes; gx = 2 gy (x - mean) / divisor."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, axes: Shape, keepdim: bool, divisor: float) -> Array:
        ctx.save_for_backward(x)
        ctx.axes, ctx.divisor = axes, divisor
        # Relative to its first element, numbers that differ little have an accurate mean.
        first = tuple([slice(0, 1) if a in axes else slice(None) for a in range(x.ndim)])
        d = x - x[first]
        d = d - total(d, axes, True) / _count(x.shape, axes)
        return total(d * d, axes, keepdim) / divisor

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        centred = x - mean(x, ctx.axes, keepdim=True)
        return gy.reshape(kept_shape(x.shape, ctx.axes)) * (2 * centred / ctx.divisor)


def var(
    input: Tensor,
    dim: Dims | bool | None = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """Compute the variance along `dim`, an axis or several (all by default).

    It is sum (x - mean)^2 / max(0, n - correction). correction=1, the default, gives the unbiased
    variance, like unbiased=True; 0 is unbiased=False. Only one of the two may be given.
    `var(x, False)` is PyTorch's form for all axes, biased.

    Raises: TypeError for integers, for both unbiased and correction, or an unbiased that is not a
    bool.
    """
    return _var("var", input, dim, unbiased, keepdim, correction)


def std(
    input: Tensor,
    dim: Dims | bool | None = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """Compute the square root of `var`, with its arguments; where it is 0, so is the gradient."""
    return _std("std", input, dim, unbiased, keepdim, correction)


def var_mean(
    input: Tensor,
    dim: Dims | bool | None = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Compute `var` and `mean` along `dim` as a pair."""
    y = _var("var_mean", input, dim, unbiased, keepdim, correction)
    return y, mean(input, None if isinstance(dim, bool) else dim, keepdim)


def std_mean(
    input: Tensor,
    dim: Dims | bool | None = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Compute `std` and `mean` along `dim` as a pair."""
    y = _std("std_mean", input, dim, unbiased, keepdim, correction)
    return y, mean(input, None if isinstance(dim, bool) else dim, keepdim)


def _var(
    name: str,
    input: Tensor,
    dim: Dims | bool | None,
    unbiased: bool | None,
    keepdim: bool,
    correction: float | None,
) -> Tensor:
    if isinstance(dim, bool):
        if unbiased is not None or keepdim or correction is not None:
            raise TypeError(f"{name}: dim={dim} is a bool, it must be an axis or several")
        dim, unbiased = None, dim
    if unbiased is not None:
        if not isinstance(unbiased, bool):
            raise TypeError(f"{name}: unbiased={unbiased!r} must be a bool")
        if correction is not None:
            raise TypeError(
                f"{name}: unbiased={unbiased} and correction={correction} say the same; "
                "one of them may be given"
            )
        correction = int(unbiased)
    _check_floating(name, input)
    axes = axes_of(dim, input.array.ndim, name)
    count = _count(input.array.shape, axes) - (1 if correction is None else correction)
    return Var.apply(input, axes=axes, keepdim=keepdim, divisor=max(count, 0.0))


@in_float32
def _std(name: str, *args: Any) -> Tensor:
    return _root(_var(name, *args), 2)


def _root(x: Tensor, p: float) -> Tensor:
    """x^(1/p), with slope 0 instead of infinity at 0, because 0 is replaced first."""
    zero = x == 0
    moved = where(zero, 1.0, x)
    return where(zero, 0.0, sqrt(moved) if p == 2 else moved ** (1 / p))


def norm(
    input: Tensor,
    p: float | Literal["fro"] | None = "fro",
    dim: Dims | None = None,
    keepdim: bool = False,
    dtype: DTypeLike | None = None,
) -> Tensor:
    """Compute (sum |x|^p)^(1/p) along `dim`. The gradient at a zero vector is 0.

    p = inf is the largest |x|, -inf the smallest, 0 the number of non-zero elements; "fro" (or
    None) is 2. The matrix norm "nuc" is not supported. With `dtype`, a float type no narrower than
    input's, input is converted first.

    Raises: TypeError for integers or another dtype, ValueError for another p, IndexError for the
    largest or smallest of zero elements.
    """
    _check_floating("norm", input)
    if dtype is not None:
        dtype = dtypes.check_dtype(dtype, "norm")
        if dtype.kind not in dtypes.FLOATS or dtype.itemsize < input.dtype.itemsize:
            raise TypeError(
                f"norm: dtype={dtype} must be a float type no narrower than {input.dtype}"
            )
        input = input.to(dtype)
    if p is None or p == "fro":
        p = 2
    if isinstance(p, str):
        raise ValueError(f"norm: p={p!r} must be a number or 'fro'")
    axes = axes_of(dim, input.ndim, "norm")
    if (p < 0 or p == math.inf) and 0 in [input.shape[a] for a in axes]:
        raise IndexError(
            f"norm: p={p} of a tensor of shape {input.shape}, which has no elements along {axes}"
        )
    return _norm(input, p, axes, keepdim)


@in_float32
def _norm(input: Tensor, p: float, axes: Shape, keepdim: bool) -> Tensor:
    if p == 0:
        return sum((input != 0).to(input.dtype), axes, keepdim)
    if p == 2:
        return _root(sum(input * input, axes, keepdim), 2)
    size = input.abs()
    if p in (math.inf, -math.inf):
        return (amax if p > 0 else amin)(size, axes, keepdim)
    if p == 1:
        return sum(size, axes, keepdim)
    if p < 1:  # |x|^p has an infinite slope at 0
        powers = where(size == 0, 0.0 if p > 0 else math.inf, where(size == 0, 1.0, size) ** p)
    else:
        powers = size**p
    return _root(sum(powers, axes, keepdim), p)
