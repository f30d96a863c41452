"""Reading and adding at positions along one axis: index_select, gather, scatter_add."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..autograd import array_function
from ..autograd.array_function import ArrayFunction
from .reduction import axes_of

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, Shape

X = TypeVar("X")


class IndexSelect(ArrayFunction):
    """y = x taken at positions `indices` along an axis."""

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, indices: Array, axis: int) -> Array:
        ctx.indices, ctx.axis, ctx.size = indices, axis, x.shape[axis]
        return np.take(x, indices, axis)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return IndexSelectAdd.apply(gy, indices=ctx.indices, axis=ctx.axis, size=ctx.size)


class IndexSelectAdd(ArrayFunction):
    """y = zeros, with slices of x added at `indices` of an axis: the adjoint of `IndexSelect`."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, indices: Array, axis: int, size: int) -> Array:
        ctx.indices, ctx.axis = indices, axis
        y = np.zeros((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype, like=x)
        at: Any = (slice(None),) * axis + (indices,)
        np.add.at(y, at, x)
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return IndexSelect.apply(gy, indices=ctx.indices, axis=ctx.axis)


class Gather(ArrayFunction):
    """y[i, j] = x[i, index[i, j]] along axis 1 (and so for any axis)."""

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, index: Array, axis: int) -> Array:
        ctx.index, ctx.axis, ctx.shape = index, axis, x.shape
        return x[_grid(index, axis)]

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        zero = np.zeros(ctx.shape, gy.dtype, like=gy.array)
        return ScatterAdd.apply(zero, gy, index=ctx.index, axis=ctx.axis)


class ScatterAdd(ArrayFunction):
    """y = x, y[i, index[i, j]] += source[i, j] along axis 1 (and so for any axis)."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, source: Array, index: Array, axis: int) -> Array:
        ctx.index, ctx.axis, ctx.shape = index, axis, source.shape
        y = x.copy()
        np.add.at(y, _grid(index, axis), source[tuple(slice(n) for n in index.shape)])
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        gsource = (
            Gather.apply(gy, index=ctx.index, axis=ctx.axis) if ctx.needs_input_grad[1] else None
        )
        if gsource is not None and gsource.shape != ctx.shape:
            missing = [n - m for n, m in zip(ctx.shape, gsource.shape, strict=True)]
            gsource = gsource.pad([width for n in reversed(missing) for width in (0, n)])
        return gy, gsource


def _grid(index: Array, axis: int) -> tuple[Any, ...]:
    """The full key with `index` as the entry for `axis`; the other axes count up."""
    key: list[Array] = [
        np.arange(n, like=index).reshape((n,) + (1,) * (index.ndim - 1 - i))
        for i, n in enumerate(index.shape)
    ]
    key[axis] = index
    return tuple(key)


def row(x: X) -> X:
    """A 0-d tensor with one axis, as `dim` counts it; anything else unchanged."""
    y: Any = x.reshape(1) if isinstance(x, array_function.Tensor) and x.ndim == 0 else x
    return y


def _checked_index(name: str, input: Tensor, dim: int, index: Tensor) -> tuple[Array, int]:
    (axis,) = axes_of(dim, input.ndim, name)
    places = index.array
    if places.dtype.kind not in "iu":
        raise TypeError(f"{name}: index has dtype {index.dtype}, must be integer")
    n = input.shape[axis]
    if places.size and not (places.min() >= 0 and places.max() < n):
        raise IndexError(
            f"{name}: index holds {places.min()} to {places.max()}, must lie in [0, {n - 1}]"
        )
    return places, axis


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Select the slices of `input` at the positions `index` (1-D, integer) along `dim`."""
    if input.ndim == 0:
        if index.array.size != 1:
            raise IndexError(f"index_select: index of shape {index.shape} must hold one position")
        return index_select(row(input), dim, index).reshape(())
    places, axis = _checked_index("index_select", input, dim, index)
    if places.ndim > 1:
        raise IndexError(f"index_select: index has {places.ndim} axes, must have one")
    return IndexSelect.apply(input, indices=places.reshape(-1), axis=axis)


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Gather elements along an axis: y[i, j] = input[i, index[i, j]] for dim = 1.

    The result has the shape of `index`, which may be shorter than `input` along the other axes.
    """
    if input.ndim == 0 or index.ndim == 0:
        return gather(row(input), dim, row(index)).reshape(index.shape)
    places, axis = _checked_index("gather", input, dim, index)
    _check_shorter("gather", places.shape, input.shape, axis)
    return Gather.apply(input, index=places, axis=axis)


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Add src[i, j] to `input` at [i, index[i, j]] for dim = 1, and likewise for any axis."""
    if 0 in (input.ndim, index.ndim, src.ndim):
        return scatter_add(row(input), dim, row(index), row(src)).reshape(input.shape)
    places, axis = _checked_index("scatter_add", input, dim, index)
    _check_shorter("scatter_add", places.shape, input.shape, axis)
    _check_shorter("scatter_add", places.shape, src.shape, None)
    return ScatterAdd.apply(input, src, index=places, axis=axis)


def _check_shorter(name: str, index_shape: Shape, shape: Shape, axis: int | None) -> None:
    if len(index_shape) != len(shape) or any(
        n > m for i, (n, m) in enumerate(zip(index_shape, shape, strict=True)) if i != axis
    ):
        raise RuntimeError(
            f"{name}: index of shape {index_shape} does not fit a tensor of shape {shape}"
        )


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """`gather` along `dim`, with `input` and `indices` broadcast along the other axes.

    Without `dim`, both are flattened.
    """
    if dim is None:
        input, indices, dim = input.reshape(-1), indices.reshape(-1), 0
    if input.ndim == 0 or indices.ndim == 0:
        return take_along_dim(row(input), row(indices), dim).reshape(indices.shape)
    (axis,) = axes_of(dim, input.ndim, "take_along_dim")
    common = np.broadcast_shapes(
        tuple(1 if i == axis else n for i, n in enumerate(input.shape)),
        tuple(1 if i == axis else n for i, n in enumerate(indices.shape)),
    )
    sizes = [(*common[:axis], x.shape[axis], *common[axis + 1 :]) for x in (input, indices)]
    return gather(input.expand(*sizes[0]), axis, indices.expand(*sizes[1]))
