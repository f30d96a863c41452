"""Sums of arrays whose error does not grow with the number of terms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes

if TYPE_CHECKING:
    from .types import Array, DType, Shape


ndarray = np.ndarray
add_up: Any = np.add.reduce

LONG = 512  # terms that may be added sequentially
CACHED = 2048  # numbers of an inner loop that stay in the first-level cache


def sum_dtype(x: Array) -> DType | None:
    """The dtype for sums and products of x; None for its own dtype, since naming that makes NumPy
    take twice as long.
    """
    return None if x.dtype.kind in dtypes.FLOATS else dtypes.int64


def total(x: Array, axes: Shape, keepdim: bool) -> Array:
    """The sum of an array along axes, with an error that does not grow with their length.

    NumPy uses pairwise summation along the innermost axis only; along others it adds sequentially,
    by which a million float32 lose a percent. Such sums are split into short ones.
    """
    if x.size <= LONG and type(x) is ndarray:  # what x.sum calls
        return add_up(x, axes, sum_dtype(x), None, keepdim)
    if (
        x.size <= LONG
        or x.dtype.kind not in dtypes.FLOATS
        or type(x) is not np.ndarray
        or math.prod([x.shape[a] for a in axes]) <= LONG
    ):
        return x.sum(axes, sum_dtype(x), keepdims=keepdim)
    outer = _outer_axes(x, axes)
    terms = math.prod([x.shape[a] for a in outer])
    if terms <= LONG:
        return x.sum(axes, keepdims=keepdim)
    a = outer[np.argmax([x.shape[a] for a in outer])]
    shape, n = x.shape, x.shape[a]
    # Axis a as groups of `parts` parts of `size` steps: the parts of a group are added as a whole,
    # in inner loops of about CACHED numbers.
    size = max(1, min(CACHED // max(math.prod(shape[a + 1 :]), 1), math.isqrt(n)))
    groups = -(-(n // size) // LONG)
    parts = n // size // groups
    before = (slice(None),) * a
    whole = x[(*before, slice(groups * parts * size))]
    whole = whole.reshape(*shape[:a], groups, parts, size, *shape[a + 1 :]).sum(a + 1)
    y = total(whole.reshape(*shape[:a], groups * size, *shape[a + 1 :]), axes, keepdim)
    rest = x[(*before, slice(groups * parts * size, None))]
    return y + total(rest, axes, keepdim) if rest.size else y


def _outer_axes(x: Array, axes: Shape) -> list[int]:
    """Those of `axes` that NumPy's innermost loop does not run along."""
    step, outer = x.itemsize, list(axes)
    for a in reversed(range(x.ndim)):
        if a not in axes or x.strides[a] != step:
            break
        outer.remove(a)
        step *= x.shape[a]
    return outer
