"""Order statistics: quantiles, modes, running extremes, positions among sorted limits.

Positions are computed in main memory; the values are then gathered at them, with gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, overload

import numpy as np

from .. import devices, dtypes
from ..autograd import array_function
from ..spelling import one_of
from .arithmetic import where
from .gathering import gather, row
from .joining import stack
from .movement import axis_of
from .promotion import as_tensor
from .reduction import ValuesAndIndices, amax, amin, axes_of, sum
from .sorting import sort

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, Dims, DTypeLike, Operand, TensorLike


class MinAndMax(NamedTuple):
    """The smallest and the largest number along an axis, or of all."""

    min: Tensor
    max: Tensor


def _taken(input: Tensor, axis: int, places: Array, keepdim: bool) -> ValuesAndIndices:
    """(values, indices) of the elements at `places` along an axis, one each."""
    indices = array_function.Tensor(np.asarray(places.astype(np.int64), like=input.array))
    values = gather(input, axis, indices)
    if not keepdim:
        values, indices = values.squeeze(axis), indices.squeeze(axis)
    return ValuesAndIndices(values, indices)


def _along(name: str, input: TensorLike, dim: int) -> tuple[Array, int]:
    """The array in main memory and the axis; IndexError for an axis without elements."""
    input = as_tensor(input, name)
    axis = axis_of(dim, input.ndim, name)
    if input.shape[axis] == 0:
        raise IndexError(f"{name}: axis {dim} of a tensor of shape {input.shape} is empty")
    return devices.to_host(input.array), axis


def _of_number(
    function: Callable[..., ValuesAndIndices], input: Tensor, *args: Any
) -> ValuesAndIndices:
    """A function along an axis of a 0-d tensor, which counts as one element."""
    return ValuesAndIndices(*(y.reshape(()) for y in function(row(input), *args)))


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> ValuesAndIndices:
    """Find the k-th smallest elements along `dim`, counted from 1: (values, indices).

    NaN counts as the largest. Of equal elements any index may be returned.

    Raises: RuntimeError for a k beyond the size of the axis.
    """
    if input.ndim == 0:
        return _of_number(kthvalue, input, k, dim)
    x, axis = _along("kthvalue", input, dim)
    if not 1 <= k <= x.shape[axis]:
        raise RuntimeError(f"kthvalue: k={k} must lie in [1, {x.shape[axis]}]")
    places = np.take(np.argsort(x, axis, kind="stable"), [k - 1], axis)
    return _taken(input, axis, places, keepdim)


def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> ValuesAndIndices:
    """Find the most frequent elements along `dim`: (values, indices).

    Of equally frequent ones the smallest is returned, with the index of its last occurrence.
    """
    if input.ndim == 0:
        return _of_number(mode, input, dim)
    x, axis = _along("mode", input, dim)
    rows = np.moveaxis(x, axis, -1)
    places = np.empty((*rows.shape[:-1], 1), np.int64)
    for at in np.ndindex(rows.shape[:-1]):
        found, counts = np.unique(rows[at], return_counts=True)
        value = found[counts.argmax()]
        same = np.isnan(rows[at]) if value != value else rows[at] == value
        places[at] = np.flatnonzero(same)[-1]
    return _taken(input, axis, np.moveaxis(places, -1, axis), keepdim)


def _running(name: str, input: Tensor, dim: int, ufunc: np.ufunc) -> ValuesAndIndices:
    if input.ndim == 0:
        return ValuesAndIndices(
            input.clone(), array_function.Tensor(np.zeros((), np.int64, like=input.array))
        )
    axis = axis_of(dim, input.ndim, name)
    x = devices.to_host(input.array)
    best = ufunc.accumulate(x, axis)
    newest = x == best if x.dtype.kind not in dtypes.FLOATS else (x == best) | np.isnan(x)
    along = [1] * x.ndim
    along[axis] = -1
    count: Array = np.arange(x.shape[axis]).reshape(along)
    places = np.where(newest, count, 0)
    return _taken(input, axis, np.maximum.accumulate(places, axis), True)


def cummax(input: Tensor, dim: int) -> ValuesAndIndices:
    """Compute the running maximum along `dim`: (values, indices).

    Of equal elements the last counts; after a NaN all values are NaN.
    """
    return _running("cummax", input, dim, np.maximum)


def cummin(input: Tensor, dim: int) -> ValuesAndIndices:
    """Compute the running minimum along `dim`: (values, indices).

    Of equal elements the last counts; after a NaN all values are NaN.
    """
    return _running("cummin", input, dim, np.minimum)


def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> MinAndMax:
    """Find (min, max) of all elements or along `dim`; equal ones share the gradient."""
    dims = () if dim is None else dim
    return MinAndMax(amin(input, dims, keepdim), amax(input, dims, keepdim))


def _linear(low: Tensor, high: Tensor, share: float) -> Tensor:
    return low + (high - low) * share


def _lower(low: Tensor, high: Tensor, share: float) -> Tensor:
    return low


def _higher(low: Tensor, high: Tensor, share: float) -> Tensor:
    return high


def _midpoint(low: Tensor, high: Tensor, share: float) -> Tensor:
    return low + (high - low) * 0.5


_AT = {
    "linear": _linear,
    "lower": _lower,
    "higher": _higher,
    "midpoint": _midpoint,
    "nearest": _lower,  # of a position that is rounded first
}


def quantile(
    input: TensorLike,
    q: float | Sequence[float] | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """Compute quantiles of all elements, or of those along `dim`.

    The q-quantile is at position q (n - 1) of the sorted elements; `interpolation` ("linear",
    "lower", "higher", "midpoint", "nearest") applies between two. NaN if any element is. q is a
    number or a vector, which becomes the first axis.

    Raises: TypeError for integers, RuntimeError for q outside 0 to 1, another dtype of q, or no
    elements, ValueError for another interpolation.
    """
    name = "quantile"
    input = as_tensor(input, name)
    if input.dtype.kind not in dtypes.FLOATS:
        raise TypeError(f"{name}: input has dtype {input.dtype}, must be of floats")
    if interpolation not in _AT:
        raise ValueError(f"{name}: interpolation={interpolation!r} {one_of(interpolation, _AT)}")
    if isinstance(q, array_function.Tensor):
        if q.dtype != input.dtype:
            raise RuntimeError(f"{name}: q has dtype {q.dtype}, must have input's, {input.dtype}")
        q = devices.to_host(q.array).tolist()
    shares = np.asarray(q, np.float64)
    if shares.ndim > 1 or not ((shares >= 0) & (shares <= 1)).all():
        raise RuntimeError(f"{name}: q={shares} must be a number in [0, 1] or a vector of them")
    kept: tuple[int, ...] = (1,) * input.ndim
    if dim is None:
        input, axis = input.reshape(-1), 0
    else:
        axis = axis_of(dim, max(input.ndim, 1), name)
        input = row(input)
        kept = (*input.shape[:axis], 1, *input.shape[axis + 1 :])
    n = input.shape[axis]
    if n == 0:
        raise RuntimeError(f"{name}: there are no elements along dim={dim}")
    ordered = sort(input, axis).values.movedim(axis, 0)
    flawed = array_function.Tensor(np.isnan(input.array).any(axis))
    results: list[Tensor] = []
    for share in shares.reshape(-1).tolist():
        at = share * (n - 1)
        if interpolation == "nearest":
            at = round(at)
        low, high = ordered[math.floor(at)], ordered[math.ceil(at)]
        y = where(flawed, math.nan, _AT[interpolation](low, high, at - math.floor(at)))
        results.append(y.reshape(kept) if keepdim else y)
    return stack(results) if shares.ndim else results[0]


def nansum(
    input: TensorLike,
    dim: Dims | None = None,
    keepdim: bool = False,
    *,
    dtype: DTypeLike | None = None,
) -> Tensor:
    """Sum elements as `sum`, with NaN as 0."""
    return sum(_without_nan(as_tensor(input, "nansum")), dim, keepdim, dtype=dtype)


def nanmean(
    input: TensorLike,
    dim: Dims | None = None,
    keepdim: bool = False,
    *,
    dtype: DTypeLike | None = None,
) -> Tensor:
    """Average the elements that are not NaN; NaN if all are."""
    input = as_tensor(input, "nanmean")
    if dtype is not None:
        input = input.to(dtype)
    if input.dtype.kind not in dtypes.FLOATS:
        raise RuntimeError(f"nanmean: input has dtype {input.dtype}, must be of floats")
    axes = axes_of(dim, input.ndim, "nanmean")
    counts = (~np.isnan(input.array)).sum(axes, keepdims=keepdim)
    counts = array_function.Tensor(np.asarray(counts, input.dtype, like=input.array))
    return sum(_without_nan(input), dim, keepdim) / counts


def _without_nan(input: Tensor) -> Tensor:
    if input.dtype.kind not in dtypes.FLOATS:
        return input
    return where(array_function.Tensor(np.isnan(input.array)), 0.0, input)


def searchsorted(
    sorted_sequence: Tensor,
    input: Operand,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: Literal["left", "right"] | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Find the positions at which to insert `input` into an ascending sequence.

    It is the number of elements of the sequence below each element, or with `right` (side="right")
    not above it. sorted_sequence (N,) and any input, or (.., N) and (.., M): row by row. `sorter`
    holds the indices that sort the sequence. The result is int64, or int32 with `out_int32`.

    Raises: RuntimeError for rows that do not match, ValueError for another side.
    """
    if side not in (None, "left", "right") or (side == "left" and right):
        raise ValueError(f"searchsorted: side={side!r} must be 'left' or 'right', as right={right}")
    limits = devices.to_host(as_tensor(sorted_sequence, "searchsorted").array)
    number = not isinstance(input, array_function.Tensor) and not devices.is_array(input)
    x = np.asarray(input) if number else devices.to_host(as_tensor(input, "searchsorted").array)
    if sorter is not None:
        limits = np.take_along_axis(limits, devices.to_host(sorter.array), -1)
    side = "right" if right or side == "right" else "left"
    if limits.ndim == 1:
        places = np.searchsorted(limits, x, side)
    elif limits.shape[:-1] != x.shape[:-1]:
        raise RuntimeError(
            f"searchsorted: shapes {limits.shape} and {x.shape} must be equal but for the last axis"
        )
    else:
        places = np.empty(x.shape, np.int64)
        for at in np.ndindex(x.shape[:-1]):
            places[at] = np.searchsorted(limits[at], x[at], side)
    places = np.asarray(places, dtypes.int32 if out_int32 else dtypes.int64)
    return array_function.Tensor(np.asarray(places, like=sorted_sequence.array))


def bucketize(
    input: Operand, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """Find the interval between limits that each element falls into: `searchsorted` of them."""
    if boundaries.ndim != 1:
        raise RuntimeError(f"bucketize: boundaries has {boundaries.ndim} axes, must have one")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


@overload
def unique_consecutive(
    input: TensorLike,
    return_inverse: Literal[False] = False,
    return_counts: Literal[False] = False,
    dim: int | None = None,
) -> Tensor: ...
@overload
def unique_consecutive(
    input: TensorLike,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Tensor | tuple[Tensor, ...]: ...
def unique_consecutive(
    input: TensorLike,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Tensor | tuple[Tensor, ...]:
    """Remove elements equal to their predecessor, flattened; with `dim` slices along it.

    With return_inverse and return_counts the result is a tuple that also has the index of each
    element of input among them, and their counts.
    """
    x = as_tensor(input, "unique_consecutive").array
    axis = 0 if dim is None else axis_of(dim, input.ndim, "unique_consecutive")
    rows = x.reshape(-1) if dim is None else np.moveaxis(x, axis, 0)
    n = len(rows)
    new = np.zeros(n, bool, like=x)
    new[...] = True
    if n > 1:
        new[1:] = (rows[1:] != rows[:-1]).reshape(n - 1, -1).any(1)
    starts = np.flatnonzero(new)
    inverse = np.cumsum(new) - 1
    counts = np.diff(np.concatenate([starts, np.asarray([n], starts.dtype, like=starts)]))
    values = np.moveaxis(rows[starts], 0, axis)
    results = [values, inverse.reshape(x.shape) if dim is None else inverse, counts]
    asked = [True, return_inverse, return_counts]
    results = tuple(
        array_function.Tensor(y if i == 0 else y.astype(np.int64))
        for i, (y, ask) in enumerate(zip(results, asked, strict=True))
        if ask
    )
    return results[0] if len(results) == 1 else results
