"""Counting: unique, bincount, histc, count_nonzero, isin; and the median."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from .. import dtypes
from ..autograd import array_function
from ..autograd.array_function import ArrayFunction
from .arithmetic import arrays_of
from .gathering import gather
from .movement import axis_of
from .promotion import as_tensor
from .reduction import ValuesAndIndices, axes_of

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, Dims, TensorLike


class Median(ArrayFunction):
    """y = the median of all elements, the lower of two, NaN if any is; equal elements share the
    gradient.
    """

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array) -> Array:
        flat = x.reshape(-1)
        y = np.sort(flat)[(flat.size - 1) // 2]
        nan = np.isnan(x) if x.dtype.kind in dtypes.FLOATS else np.zeros(x.shape, bool, like=x)
        y = np.asarray(x[nan][0] if nan.any() else y, like=x)
        equal = nan if nan.any() else x == y
        ctx.keep((equal / equal.sum()).astype(x.dtype))
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return gy * ctx.kept[0]


@overload
def median(input: TensorLike, dim: None = None, keepdim: bool = False) -> Tensor: ...
@overload
def median(input: TensorLike, dim: int, keepdim: bool = False) -> ValuesAndIndices: ...
def median(
    input: TensorLike, dim: int | None = None, keepdim: bool = False
) -> Tensor | ValuesAndIndices:
    """Find the median of all elements, or a pair (values, indices) of the medians along `dim`.

    For an even number of elements it is the lower of the two in the middle; a NaN gives NaN.
    Raises: RuntimeError for an axis without elements.
    """
    input = as_tensor(input, "median")
    if input.dtype.kind == "b":
        raise TypeError("median: booleans have no order")
    if dim is None:
        if input.numel() == 0:
            return array_function.Tensor(np.asarray(np.nan, input.dtype, like=input.array))
        return Median.apply(input)
    axis = axis_of(dim, max(input.ndim, 1), "median")
    if input.ndim == 0:
        return ValuesAndIndices(
            input.clone(), array_function.Tensor(np.zeros((), np.int64, like=input.array))
        )
    x = input.array
    n = x.shape[axis]
    if n == 0:
        raise RuntimeError(f"median: axis {dim} of a tensor of shape {input.shape} is empty")
    order = np.argsort(x, axis, kind="stable")
    middle = np.take(order, [(n - 1) // 2], axis)
    if x.dtype.kind in dtypes.FLOATS:
        nan = np.isnan(x)
        middle = np.where(nan.any(axis, keepdims=True), nan.argmax(axis, keepdims=True), middle)
    indices = array_function.Tensor(middle.astype(dtypes.int64))
    values = gather(input, axis, indices)
    if not keepdim:
        values, indices = values.squeeze(axis), indices.squeeze(axis)
    return ValuesAndIndices(values, indices)


@overload
def unique(
    input: TensorLike,
    sorted: bool = True,
    return_inverse: Literal[False] = False,
    return_counts: Literal[False] = False,
    dim: int | None = None,
) -> Tensor: ...
@overload
def unique(
    input: TensorLike,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Tensor | tuple[Tensor, ...]: ...
def unique(
    input: TensorLike,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Tensor | tuple[Tensor, ...]:
    """List the distinct elements in ascending order, or with `dim` the distinct slices.

    They are sorted whatever `sorted` is. With return_inverse and return_counts the result is a
    tuple that also has the index of each element of `input` among them, and their counts. Each NaN
    is an element of its own.
    """
    x = as_tensor(input, "unique").array
    axis = None if dim is None else axis_of(dim, input.ndim, "unique")
    settings: dict[str, Any] = _distinct_nans(x)
    found: Any = np.unique(x, return_inverse=True, return_counts=True, axis=axis, **settings)
    values, inverse, counts = found
    inverse = inverse.reshape(x.shape if axis is None else -1)
    results: list[Array] = [values]
    results += [inverse.astype(np.int64, copy=False)] if return_inverse else []
    results += [counts.astype(np.int64, copy=False)] if return_counts else []
    tensors = tuple(map(array_function.Tensor, results))
    return tensors[0] if len(tensors) == 1 else tensors


def _distinct_nans(x: Array) -> dict[str, bool]:
    return {"equal_nan": False} if isinstance(x, np.ndarray) else {}


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """Count each of 0, 1, 2, ... in a vector of integers, or sum the weights at each.

    The result has at least `minlength` numbers. Raises: TypeError for other dtypes, RuntimeError
    for negative numbers or more axes.
    """
    if input.dtype.kind not in "iu":
        raise TypeError(f"bincount: input has dtype {input.dtype}, must be integer")
    if input.ndim != 1 or (input.array < 0).any():
        raise RuntimeError("bincount: input must be a vector of numbers from 0 on")
    if weights is not None and weights.shape != input.shape:
        raise RuntimeError(
            f"bincount: weights of shape {weights.shape} must have input's shape {input.shape}"
        )
    if minlength < 0:
        raise RuntimeError(f"bincount: minlength={minlength} must not be negative")
    x, w = arrays_of("bincount", input, weights)
    dtype = dtypes.float64
    if weights is None:
        dtype = dtypes.int64
    elif weights.dtype == dtypes.float32:
        dtype = dtypes.float32
    return array_function.Tensor(np.bincount(x, w, minlength).astype(dtype, copy=False))


def histc(input: TensorLike, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """Count the elements in each of `bins` intervals of equal width from `min` to `max`, inclusive.

    With min = max = 0 the range is that of the elements. Elements outside are not counted. Raises:
    TypeError for integers, ValueError for bins below 1 or min above max, RuntimeError for
    bounds that are not finite.
    """
    input = as_tensor(input, "histc")
    if input.dtype.kind not in dtypes.FLOATS:
        raise TypeError(f"histc: input has dtype {input.dtype}, must be a floating-point number")
    if bins < 1:
        raise ValueError(f"histc: bins={bins} must be at least 1")
    if min > max:
        raise ValueError(f"histc: min={min} must not exceed max={max}")
    x = input.array.reshape(-1)
    if min == max and x.size:
        min, max = float(x.min()), float(x.max())
    if min == max:
        min, max = min - 1, max + 1
    if not np.isfinite(min) or not np.isfinite(max):
        raise RuntimeError(f"histc: the range from {min} to {max} must be finite")
    x = x[(x >= min) & (x <= max)]
    place = ((x - min) / (max - min) * bins).astype(np.int64)
    y = np.bincount(np.minimum(place, bins - 1), minlength=bins)
    return array_function.Tensor(y.astype(input.dtype))


def count_nonzero(input: TensorLike, dim: Dims | None = None) -> Tensor:
    """Count the non-zero elements, altogether or along `dim` (an axis or several)."""
    input = as_tensor(input, "count_nonzero")
    axes = None if dim is None else axes_of(dim, input.ndim, "count_nonzero")
    return array_function.Tensor(
        np.asarray((input.array != 0).sum(axes), dtypes.int64, like=input.array)
    )


def isin(elements: Any, test_elements: Any, *, invert: bool = False) -> Tensor:
    """Test whether each element is among `test_elements`, or with `invert` is not."""
    a, b = arrays_of("isin", elements, test_elements)
    return array_function.Tensor(np.asarray(np.isin(a, b, invert=invert), like=a))
