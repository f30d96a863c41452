"""Diagonals and triangles of matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..autograd.array_function import ArrayFunction
from .movement import axis_of

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, Shape


class Diagonal(ArrayFunction):
    """y[.., i] = x[.., i, i + offset]: a view that merges two axes into one, the last."""

    is_view = never_warns = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, offset: int, axes: Shape) -> Array:
        ctx.offset, ctx.axes, ctx.shape = offset, axes, x.shape
        y = np.diagonal(x, offset, *axes)
        if isinstance(y, np.ndarray) and x.flags.writeable:
            y.flags.writeable = True  # NumPy makes it read-only as a precaution
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return DiagonalBackward.apply(gy, offset=ctx.offset, axes=ctx.axes, shape=ctx.shape)


class DiagonalBackward(ArrayFunction):
    """gx: zeros with gy on the diagonal; the adjoint of Diagonal."""

    @staticmethod
    def forward(ctx: ArrayFunction, gy: Array, offset: int, axes: Shape, shape: Shape) -> Array:
        ctx.offset, ctx.axes = offset, axes
        gx = np.zeros(shape, gy.dtype, like=gy)
        i = np.arange(gy.shape[-1], like=gy)
        matrices = np.moveaxis(gx, axes, (-2, -1))
        matrices[..., i + max(-offset, 0), i + max(offset, 0)] = gy
        return gx

    @staticmethod
    def backward(ctx: ArrayFunction, ggx: Tensor) -> Tensor:
        return Diagonal.apply(ggx, offset=ctx.offset, axes=ctx.axes)


class Triangle(ArrayFunction):
    """x with everything above (tril) or below (triu) a diagonal set to 0."""

    @staticmethod
    def forward(
        ctx: ArrayFunction, x: Array, keep: Callable[[Array, int], Array], diagonal: int
    ) -> Array:
        ctx.keep_, ctx.diagonal = keep, diagonal
        return keep(x, diagonal)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return Triangle.apply(gy, keep=ctx.keep_, diagonal=ctx.diagonal)


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """View the elements [i, i + offset] of two axes as a new last axis."""
    axes = axis_of(dim1, input.ndim, "diagonal"), axis_of(dim2, input.ndim, "diagonal")
    if axes[0] == axes[1]:
        raise RuntimeError(f"diagonal: dim1={dim1} and dim2={dim2} must be two different axes")
    return Diagonal.apply(input, offset=offset, axes=axes)


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """Turn a vector into a matrix with it on a diagonal, or copy a matrix's diagonal."""
    if input.ndim == 2:
        return Diagonal.apply(input, offset=diagonal, axes=(0, 1)).clone()
    if input.ndim != 1:
        raise RuntimeError(f"diag: input has {input.ndim} axes, must have one or two")
    n = len(input) + abs(diagonal)
    return DiagonalBackward.apply(input, offset=diagonal, axes=(0, 1), shape=(n, n))


def trace(input: Tensor) -> Tensor:
    """Sum the diagonal of a matrix."""
    if input.ndim != 2:
        raise RuntimeError(f"trace: input has {input.ndim} axes, must have two")
    return Diagonal.apply(input, offset=0, axes=(0, 1)).sum()


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """Keep the part on and below a diagonal of the last two axes, with 0 elsewhere."""
    _check_matrix(input, "tril")
    return Triangle.apply(input, keep=np.tril, diagonal=diagonal)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """Keep the part on and above a diagonal of the last two axes, with 0 elsewhere."""
    _check_matrix(input, "triu")
    return Triangle.apply(input, keep=np.triu, diagonal=diagonal)


def _check_matrix(input: Tensor, name: str) -> None:
    if input.ndim < 2:
        raise RuntimeError(f"{name}: input has shape {input.shape}, must have at least two axes")
