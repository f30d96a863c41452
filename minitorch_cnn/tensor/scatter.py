"""Write to chosen positions of a copy: scatter, index_add and others; masked_select, select."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..autograd import array_function
from ..autograd.array_function import ArrayFunction
from .arithmetic import masked_fill
from .gathering import (
    Gather,
    IndexSelectAdd,
    _check_shorter,
    _checked_index,
    _grid,
    row,
    scatter_add,
)
from .indexing import getitem
from .movement import axis_of
from .promotion import fitting
from .shaping import broadcast_tensors

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array


class Scatter(ArrayFunction):
    """y = x, y[i, index[i, j]] = source[i, j] along axis 1 (and so for any axis)."""

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, source: Array, index: Array, axis: int) -> Array:
        ctx.index, ctx.axis, ctx.shape = index, axis, source.shape
        y = x.copy()
        y[_grid(index, axis)] = source[tuple(slice(n) for n in index.shape)]
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        gx = gsource = None
        if ctx.needs_input_grad[0]:
            nothing = np.zeros(ctx.index.shape, gy.dtype, like=gy.array)
            gx = Scatter.apply(gy, nothing, index=ctx.index, axis=ctx.axis)
        if ctx.needs_input_grad[1]:
            gsource = Gather.apply(gy, index=ctx.index, axis=ctx.axis)
            missing = [n - m for n, m in zip(ctx.shape, gsource.shape, strict=True)]
            if any(missing):
                gsource = gsource.pad([width for n in reversed(missing) for width in (0, n)])
        return gx, gsource


def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor | float | None = None,
    *,
    value: float | None = None,
    reduce: str | None = None,
) -> Tensor:
    """Write src[i, j], or a number `value`, to [i, index[i, j]] of a copy for dim = 1.

    Other axes work likewise. If positions repeat, one of the values remains. A number may also be
    given in place of src; reduce="add" is `scatter_add`.

    Raises: TypeError for both or neither of src and value, ValueError for another reduce,
    IndexError and RuntimeError for indices that do not fit.
    """
    return _scatter("scatter", input, dim, index, src, value, reduce)


def _scatter(
    name: str,
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor | float | None,
    value: float | None,
    reduce: str | None,
) -> Tensor:
    if (src is None) == (value is None):
        raise TypeError(f"{name}: one of src and value must be given, not both")
    if reduce not in (None, "add"):
        raise ValueError(f"{name}: reduce={reduce!r} must be None or 'add'")
    if 0 in (input.ndim, index.ndim, getattr(src, "ndim", 1)):
        y = _scatter(name, row(input), dim, row(index), row(src), value, reduce)
        return y.reshape(input.shape)
    places, axis = _checked_index(name, input, dim, index)
    if src is None or not isinstance(src, array_function.Tensor):
        full = np.empty(places.shape, input.dtype, like=input.array)
        full[...] = fitting(value if src is None else src, input.dtype, name)
        src = array_function.Tensor(full)
    if src.dtype != input.dtype:
        raise RuntimeError(f"{name}: src has dtype {src.dtype}, must have input's {input.dtype}")
    _check_shorter(name, places.shape, input.shape, axis)
    _check_shorter(name, places.shape, src.shape, None)
    if reduce == "add":
        return scatter_add(input, dim, index, src)
    return Scatter.apply(input, src, index=places, axis=axis)


def _slices(
    name: str, input: Tensor, dim: int, index: Tensor, source: Tensor | None
) -> tuple[Array, int]:
    """The positions and the axis of slices to write; `source` must have their shape."""
    places, axis = _checked_index(name, input, dim, index)
    places = places.reshape(-1)
    if source is not None:
        expected = (*input.shape[:axis], len(places), *input.shape[axis + 1 :])
        if source.shape != expected or source.dtype != input.dtype:
            raise RuntimeError(
                f"{name}: source of shape {source.shape} and dtype {source.dtype} must have shape "
                f"{expected} and input's dtype {input.dtype}"
            )
    return places, axis


def index_add(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1
) -> Tensor:
    """Add alpha times the slices of `source` at positions `index` of an axis of a copy.

    Repeated positions add up.
    """
    if input.ndim == 0:
        return index_add(row(input), dim, index, row(source), alpha=alpha).reshape(())
    places, axis = _slices("index_add", input, dim, index, source)
    if alpha != 1:
        source = alpha * source
    size = input.shape[axis]
    return input + IndexSelectAdd.apply(source, indices=places, axis=axis, size=size)


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Write the slices of `source` to the positions `index` of an axis of a copy of `input`."""
    if 0 in (input.ndim, source.ndim):
        return index_copy(row(input), dim, index, row(source)).reshape(input.shape)
    slices, axis = _slices("index_copy", input, dim, index, source)
    along = [1] * source.ndim
    along[axis] = -1
    places = np.broadcast_to(slices.reshape(along), source.shape)
    return Scatter.apply(input, source, index=places, axis=axis)


def index_fill(input: Tensor, dim: int, index: Tensor, value: float | Tensor) -> Tensor:
    """Write a number or 0-d tensor to the slices at positions `index` of an axis of a copy."""
    if input.ndim == 0:
        return index_fill(row(input), dim, index, value).reshape(())
    places, axis = _slices("index_fill", input, dim, index, None)
    mask = np.zeros(input.shape, bool, like=input.array)
    mask[(slice(None),) * axis + (places,)] = True
    return masked_fill(input, array_function.Tensor(mask), value)


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """Select the elements where `mask` (boolean Tensor) holds, as a vector; both broadcast."""
    if not isinstance(mask, array_function.Tensor) or mask.dtype.kind != "b":
        raise TypeError("masked_select: mask must be a Tensor of dtype bool")
    input, mask = broadcast_tensors(input, mask)
    return getitem(input, mask)


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """Write the first elements of `source`, in order, where `mask` (boolean Tensor) holds.

    The result is a copy; input and mask broadcast.

    Raises: TypeError unless mask is boolean, RuntimeError for a source of another dtype or with too
    few elements.
    """
    if not isinstance(mask, array_function.Tensor) or mask.dtype.kind != "b":
        raise TypeError("masked_scatter: mask must be a Tensor of dtype bool")
    if source.dtype != input.dtype:
        raise RuntimeError(
            f"masked_scatter: source has dtype {source.dtype}, must have input's, {input.dtype}"
        )
    input, mask = broadcast_tensors(input, mask)
    places = np.flatnonzero(mask.array)
    if source.array.size < places.size:
        raise RuntimeError(
            f"masked_scatter: source has {source.array.size} elements for {places.size} places"
        )
    filled = Scatter.apply(
        input.reshape(-1), source.reshape(-1)[: places.size], index=places, axis=0
    )
    return filled.reshape(input.shape)


def select(input: Tensor, dim: int, index: int) -> Tensor:
    """View the slice of `input` at a position along `dim`, without that axis."""
    if input.ndim == 0:
        raise IndexError("select: a 0-d tensor has no axis to select from")
    axis = axis_of(dim, input.ndim, "select")
    n = input.shape[axis]
    if not -n <= index < n:
        raise IndexError(f"select: index={index} must lie in [{-n}, {n - 1}]")
    return getitem(input, (slice(None),) * axis + (int(index),))
