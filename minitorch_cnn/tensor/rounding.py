"""Rounding: floor, ceil, round and trunc, with gradient 0, and frac."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from .elementwise import Flat
from .promotion import as_tensor

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, TensorLike


def floor(input: TensorLike) -> Tensor:
    """Round down to the largest integer not above."""
    return Flat.apply(as_tensor(input, "floor"), step=np.floor)


def ceil(input: TensorLike) -> Tensor:
    """Round up to the smallest integer not below."""
    return Flat.apply(as_tensor(input, "ceil"), step=np.ceil)


def trunc(input: TensorLike) -> Tensor:
    """Round towards 0 to the next integer."""
    return Flat.apply(as_tensor(input, "trunc"), step=np.trunc)


def round(input: TensorLike, *, decimals: int = 0) -> Tensor:
    """Round to `decimals` digits after the point (before it if negative), halves to even.

    Raises: TypeError for integers with decimals other than 0.
    """
    input = as_tensor(input, "round")
    if decimals == 0:
        return Flat.apply(input, step=np.round)
    if input.dtype.kind not in dtypes.FLOATS:
        raise TypeError(f"round: decimals={decimals} needs floats, input has dtype {input.dtype}")
    return Flat.apply(input, step=functools.partial(_round_at, decimals=decimals))


def _round_at(x: Array, decimals: int) -> Array:
    scale: Any = x.dtype.type(10.0 ** abs(decimals))
    return np.round(x * scale) / scale if decimals > 0 else np.round(x / scale) * scale


def frac(input: TensorLike) -> Tensor:
    """Return the fractional part: input - trunc(input), with the sign of `input`."""
    input = as_tensor(input, "frac")
    if input.dtype.kind not in dtypes.FLOATS:
        raise TypeError(f"frac: input has dtype {input.dtype}, must be a floating-point number")
    return input - trunc(input)
