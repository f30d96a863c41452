"""Elements by their index in the flattened tensor, and copies with parts replaced or merged."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .. import dtypes
from ..autograd import array_function
from .arithmetic import where
from .diagonal import diagonal
from .gathering import _check_shorter, _checked_index, row, scatter_add
from .indexing import IndexAdd, array_keys
from .joining import narrow
from .moments import norm
from .movement import axis_of, expand, reshape
from .scatter import scatter, select

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array


def take(input: Tensor, index: Tensor) -> Tensor:
    """Take the elements at indices of the flattened `input`, in the shape of `index` (integers).

    Raises: TypeError for other indices, IndexError for indices out of range.
    """
    if index.dtype.kind not in "iu":
        raise TypeError(f"take: index has dtype {index.dtype}, must be integer")
    n, places = input.array.size, index.array
    if places.size and not (-n <= places.min() and places.max() < n):
        raise IndexError(f"take: index holds {places.min()} to {places.max()}, for {n} elements")
    return reshape(input, -1)[index]


def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """Write `source` to indices of the flattened `input`, or add it, in a copy.

    Raises: RuntimeError for other sizes or dtypes of index and source.
    """
    if index.array.size != source.array.size:
        raise RuntimeError(f"put: shapes {index.shape} and {source.shape} must have equal sizes")
    take(input, index)
    flat = index_put(reshape(input, -1), (reshape(index, -1),), reshape(source, -1), accumulate)
    return reshape(flat, input.shape)


def index_put(
    input: Tensor, indices: tuple[Any, ...] | list[Any], values: Tensor, accumulate: bool = False
) -> Tensor:
    """Set input[indices] = values in a copy, or += with `accumulate`, adding repeated indices.

    `indices` is a tuple of integer or boolean Tensors.

    Raises: TypeError for other indices, RuntimeError for values that do not broadcast or of another
    dtype.
    """
    if not isinstance(indices, (tuple, list)):
        raise TypeError(f"index_put: indices must be a tuple, got {type(indices).__name__}")
    if values.dtype != input.dtype:
        raise RuntimeError(
            f"index_put: values has dtype {values.dtype}, must have input's, {input.dtype}"
        )
    key = tuple(slice(None) if i is None else i for i in indices)
    if not accumulate:
        y = input.clone()
        y[key] = values
        return y
    first, *others = array_keys(key)
    if others:
        raise RuntimeError("index_put: indices mix kinds that accumulate cannot add at")
    values = expand(values, *input.array[first].shape)
    return input + IndexAdd.apply(values, key=first, shape=input.shape)


def _written(name: str, input: Tensor, src: Tensor, part: Callable[[Tensor], Tensor]) -> Tensor:
    """A copy of `input` with part(copy), a view, overwritten by `src` of its shape."""
    y = input.clone()
    there = part(y)
    if src.shape != there.shape:
        raise RuntimeError(f"{name}: src has shape {src.shape}, must have {there.shape}")
    there.copy_(src)
    return y


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """Replace select(dim, index) of a copy of `input` by `src`."""
    return _written("select_scatter", input, src, lambda y: select(y, dim, index))


def slice_scatter(
    input: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    """Replace the slice start:end:step of an axis of a copy of `input` by `src`."""
    axis = axis_of(dim, input.ndim, "slice_scatter")
    if step < 1:
        raise ValueError(f"slice_scatter: step={step} must be positive")
    key = (slice(None),) * axis + (slice(start, end, step),)
    return _written("slice_scatter", input, src, lambda y: y[key])


def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """Replace a diagonal of a copy of `input`, as `diagonal` returns it, by `src`."""
    return _written("diagonal_scatter", input, src, lambda y: diagonal(y, offset, dim1, dim2))


_FIRST = {"amax": np.maximum, "amin": np.minimum}


def scatter_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor,
    reduce: Literal["sum", "mean", "amax", "amin"],
    *,
    include_self: bool = True,
) -> Tensor:
    """Reduce src[i, j] into `input` at [i, index[i, j]] for dim = 1, and likewise for any axis.

    reduce: "sum", "mean", "amax" or "amin". Without `include_self` the indexed positions use `src`
    only. Equal extremes share the gradient.

    Raises: ValueError for another reduce ("prod" is not supported), RuntimeError for another dtype.
    """
    if reduce not in ("sum", "mean", "amax", "amin"):
        raise ValueError(f"scatter_reduce: reduce={reduce!r} must be 'sum', 'mean', 'amax', 'amin'")
    if src.dtype != input.dtype:
        raise RuntimeError(
            f"scatter_reduce: src has dtype {src.dtype}, must have input's, {input.dtype}"
        )
    if 0 in (input.ndim, index.ndim, src.ndim):
        y = scatter_reduce(row(input), dim, row(index), row(src), reduce, include_self=include_self)
        return y.reshape(input.shape)
    places, axis = _checked_index("scatter_reduce", input, dim, index)
    _check_shorter("scatter_reduce", places.shape, input.shape, axis)
    _check_shorter("scatter_reduce", places.shape, src.shape, None)
    for d, n in enumerate(places.shape):
        src = narrow(src, d, 0, n)
    kept = input
    named = scatter(input.new_zeros(input.shape), axis, index, value=1).array != 0
    if not include_self:
        zero = 0.0 if input.dtype.kind in dtypes.FLOATS else 0
        kept = where(array_function.Tensor(named), zero, input)
    ones = input.new_ones(places.shape)
    added = scatter_add(input.new_zeros(input.shape), axis, index, ones).array
    if reduce == "sum":
        return scatter_add(kept, axis, index, src)
    if reduce == "mean":
        counts = np.maximum(added + (1 if include_self else 0), 1).astype(input.dtype)
        y = scatter_add(kept, axis, index, src)
        counts = array_function.Tensor(counts)
        floating = input.dtype.kind in dtypes.FLOATS
        return y / counts if floating else y.div(counts, rounding_mode="floor")
    return _extreme(input, axis, index, src, reduce, named & (not include_self))


def _extreme(
    input: Tensor, axis: int, index: Tensor, src: Tensor, reduce: str, left_out: Array
) -> Tensor:
    """The largest or smallest of input, where it is included, and of src at their positions."""
    from .gathering import _grid

    y = input.array.copy()
    if left_out.any():  # start from some element of src
        first = y.copy()
        first[_grid(index.array, axis)] = src.array
        y = np.where(left_out, first, y)
    _FIRST[reduce].at(y, _grid(index.array, axis), src.array)
    if input.dtype.kind not in dtypes.FLOATS:
        return array_function.Tensor(y)
    reached = array_function.Tensor(src.array == y[_grid(index.array, axis)])
    own = array_function.Tensor((input.array == y) & ~left_out)
    shares = scatter_add(own.to(input.dtype), axis, index, reached.to(input.dtype))
    shares = array_function.Tensor(np.maximum(shares.array, 1))
    mine, theirs = where(own, input, 0.0), where(reached, src, 0.0)
    value = scatter_add(mine, axis, index, theirs) / shares
    # Sums of equal numbers may round: the result is the extremes themselves.
    exact = array_function.Tensor(y - value.array)
    return where(exact == 0, value, value + exact)


def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Scale down the slices along `dim` whose p-norm exceeds `maxnorm`, in a copy.

    Raises: RuntimeError for fewer than two axes, a negative maxnorm or p not above 0.
    """
    if input.ndim < 2:
        raise RuntimeError(f"renorm: input has {input.ndim} axes, must have at least two")
    if not p > 0 or maxnorm < 0:
        raise RuntimeError(f"renorm: p={p} must be positive, maxnorm={maxnorm} not negative")
    axis = axis_of(dim, input.ndim, "renorm")
    axes = [d for d in range(input.ndim) if d != axis]
    size = norm(input, p, axes, True)
    return input * where(size > maxnorm, maxnorm / (size + 1e-7), 1.0)
