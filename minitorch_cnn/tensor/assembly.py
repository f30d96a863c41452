"""Add axes to tensors, stack and split them, and form products and combinations of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import devices, dtypes
from ..autograd import array_function
from .diagonal import DiagonalBackward
from .joining import cat, hstack, stack, tensor_split
from .movement import axis_of, reshape
from .promotion import check_broadcast
from .shaping import meshgrid, t

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, DeviceLike, Dims, DTypeLike


def _each(function: Callable[[Tensor], Tensor], tensors: tuple[Any, ...]) -> Any:
    """Apply `function` to one tensor, or to each of several or of a sequence, as a tuple."""
    if len(tensors) == 1 and isinstance(tensors[0], array_function.Tensor):
        return function(tensors[0])
    if len(tensors) == 1:
        (tensors,) = tensors
    return tuple(map(function, tensors))


def atleast_1d(*tensors: Tensor | Sequence[Tensor]) -> Any:
    """Give each tensor at least one axis: x () -> (1,)."""
    return _each(lambda x: x if x.ndim else reshape(x, 1), tensors)


def atleast_2d(*tensors: Tensor | Sequence[Tensor]) -> Any:
    """Give each tensor at least two axes: x (N,) -> (1, N)."""
    return _each(lambda x: x if x.ndim > 1 else reshape(x, 1, -1), tensors)


def _three_axes(x: Tensor) -> Tensor:
    if x.ndim == 2:
        return x.unsqueeze(-1)
    return x if x.ndim > 2 else reshape(x, 1, -1, 1)


def atleast_3d(*tensors: Tensor | Sequence[Tensor]) -> Any:
    """Give each tensor at least three axes: x (N,) -> (1, N, 1), x (N, M) -> (N, M, 1)."""
    return _each(_three_axes, tensors)


def column_stack(tensors: Iterable[Tensor]) -> Tensor:
    """Join tensors along their second axis, with vectors and numbers as columns."""
    return hstack([reshape(x, -1, 1) if x.ndim < 2 else x for x in tensors])


def dstack(tensors: Iterable[Tensor]) -> Tensor:
    """Join tensors along their third axis, which `atleast_3d` adds if necessary."""
    return cat([_three_axes(x) for x in tensors], 2)


def hsplit(input: Tensor, indices_or_sections: Dims) -> tuple[Tensor, ...]:
    """Split along the second axis, or the only axis of a vector, into a tuple of views."""
    return _split("hsplit", input, indices_or_sections, 1, 0 if input.ndim == 1 else 1)


def vsplit(input: Tensor, indices_or_sections: Dims) -> tuple[Tensor, ...]:
    """Split along the first of two or more axes into a tuple of views."""
    return _split("vsplit", input, indices_or_sections, 2, 0)


def dsplit(input: Tensor, indices_or_sections: Dims) -> tuple[Tensor, ...]:
    """Split along the third axis into a tuple of views."""
    return _split("dsplit", input, indices_or_sections, 3, 2)


def _split(name: str, input: Tensor, parts: Dims, least: int, axis: int) -> tuple[Tensor, ...]:
    if input.ndim < least:
        raise RuntimeError(f"{name}: input has {input.ndim} axes, must have at least {least}")
    n = input.shape[axis]
    if isinstance(parts, int) and (parts < 1 or n % parts):
        raise RuntimeError(f"{name}: sections={parts} must divide the size {n} of axis {axis}")
    return tensor_split(input, parts, axis)


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """Form the Cartesian product of vectors: a matrix with one combination per row.

    A single vector is returned unchanged. Raises: RuntimeError unless all are vectors.
    """
    for i, x in enumerate(tensors):
        if x.ndim != 1:
            raise RuntimeError(f"cartesian_prod: tensors[{i}] has {x.ndim} axes, must have one")
    if len(tensors) == 1:
        return tensors[0]
    return stack([reshape(grid, -1) for grid in meshgrid(*tensors, indexing="ij")], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """List all combinations of r elements of a vector as rows, in the order of itertools."""
    if input.ndim != 1:
        raise RuntimeError(f"combinations: input has {input.ndim} axes, must have one")
    if r < 0:
        raise RuntimeError(f"combinations: r={r} must not be negative")
    if r == 0:
        return input[:0]
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = np.array(list(choose(range(len(input)), r)), np.int64).reshape(-1, r)
    return input[array_function.Tensor(places)]


def tril_indices(
    row: int,
    col: int,
    offset: int = 0,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike = "cpu",
) -> Tensor:
    """The indices on and below a diagonal of a (row, col) matrix: (2, n), rows above columns.

    The dtype is int64 unless given.
    """
    return _places("tril_indices", np.tril, row, col, offset, dtype, device)


def triu_indices(
    row: int,
    col: int,
    offset: int = 0,
    *,
    dtype: DTypeLike | None = None,
    device: DeviceLike = "cpu",
) -> Tensor:
    """The indices on and above a diagonal of a (row, col) matrix: (2, n), rows above columns.

    The dtype is int64 unless given.
    """
    return _places("triu_indices", np.triu, row, col, offset, dtype, device)


def _places(
    name: str,
    triangle: Callable[..., Array],
    row: int,
    col: int,
    offset: int,
    dtype: DTypeLike | None,
    device: DeviceLike | None,
) -> Tensor:
    if row < 0 or col < 0:
        raise RuntimeError(f"{name}: row={row} and col={col} must not be negative")
    dtype = dtypes.int64 if dtype is None else dtypes.check_dtype(dtype, name)
    places = np.stack(np.nonzero(triangle(np.ones((row, col), bool), offset))).astype(dtype)
    device = devices.check_device(device, name)
    return array_function.Tensor(devices.moved(places, device, name))


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Place the last axis on a diagonal of matrices in the axes dim1 and dim2 of the result.

    x (.., N) -> (.., N + |offset|, N + |offset|), zeros elsewhere.
    """
    if input.ndim == 0:
        raise RuntimeError("diag_embed: a 0-d tensor has no axis to lay on a diagonal")
    axes = axis_of(dim1, input.ndim + 1, "diag_embed"), axis_of(dim2, input.ndim + 1, "diag_embed")
    if axes[0] == axes[1]:
        raise RuntimeError(f"diag_embed: dim1={dim1} and dim2={dim2} must be two different axes")
    shape, n = list(input.shape[:-1]), input.shape[-1] + abs(offset)
    for axis in sorted(axes):
        shape.insert(axis, n)
    return DiagonalBackward.apply(input, offset=offset, axes=axes, shape=tuple(shape))


def inner(input: Tensor, other: Tensor) -> Tensor:
    """Sum products over the last axes of both: x (.., K), y (.., K) -> (.., ..); numbers scale.

    Raises: RuntimeError for last axes of different sizes.
    """
    if 0 in (input.ndim, other.ndim):
        return input * other
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            f"inner: the last axes of shapes {input.shape} and {other.shape} must be equal"
        )
    n = input.shape[-1]
    shape = input.shape[:-1] + other.shape[:-1]
    if n == 0:
        return input.new_zeros(shape)
    return (input.reshape(-1, n) @ t(other.reshape(-1, n))).reshape(shape)


def kron(input: Tensor, other: Tensor) -> Tensor:
    """Compute the Kronecker product: every element of `input` times all of `other`, as blocks."""
    n = max(input.ndim, other.ndim)
    a, b = ((1,) * (n - x.ndim) + x.shape for x in (input, other))
    left = input.reshape([size for m in a for size in (m, 1)])
    right = other.reshape([size for m in b for size in (1, m)])
    return (left * right).reshape([p * q for p, q in zip(a, b, strict=True)])


def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """Compute the vector product along `dim`, by default the first axis of size 3.

    Raises: RuntimeError for an axis of another size, or if there is none of size 3.
    """
    check_broadcast("cross", input.shape, other.shape)
    if input.ndim != other.ndim:
        raise RuntimeError(f"cross: {input.ndim} and {other.ndim} axes must be as many")
    if dim is None:
        dim = next((i for i, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError(f"cross: shape {input.shape} must have an axis of size 3")
    axis = axis_of(dim, input.ndim, "cross")
    if input.shape[axis] != 3 or other.shape[axis] != 3:
        raise RuntimeError(
            f"cross: axis {dim} of shapes {input.shape} and {other.shape} must have size 3"
        )
    (a, b, c), (p, q, r) = input.unbind(axis), other.unbind(axis)
    return stack([b * r - c * q, c * p - a * r, a * q - b * p], axis)


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """Compute the p-norm of input - other, with broadcasting; the gradient at distance 0 is 0."""
    return (input - other).norm(p)


def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:
    """Subtract from each element its predecessor along `dim`, n times; booleans are compared.

    `prepend` and `append` are joined to input first.
    """
    if input.ndim == 0:
        raise RuntimeError("diff: a 0-d tensor has no axis")
    if n < 0:
        raise RuntimeError(f"diff: n={n} must not be negative")
    axis = axis_of(dim, input.ndim, "diff")
    parts = [x for x in (prepend, input, append) if x is not None]
    y = cat(parts, axis) if len(parts) > 1 else input
    for _ in range(min(n, y.shape[axis])):
        size = y.shape[axis] - 1
        later, earlier = y.narrow(axis, 1, size), y.narrow(axis, 0, size)
        y = later ^ earlier if y.dtype.kind == "b" else later - earlier
    return y.clone() if y is input else y
