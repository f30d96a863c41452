"""Norms of vectors and matrices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

from .factorizations import svdvals
from .matrix_checks import check_matrix
from .moments import norm as lp_norm
from .movement import axis_of, movedim
from .solving import inv

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Dims, DTypeLike


def vector_norm(
    x: Tensor,
    ord: float = 2,
    dim: Dims | None = None,
    keepdim: bool = False,
    *,
    dtype: DTypeLike | None = None,
) -> Tensor:
    """Compute (sum |x|^ord)^(1/ord) along `dim`, by default of all elements; as `norm`."""
    return lp_norm(x, ord, dim, keepdim, dtype)


def matrix_norm(
    A: Tensor,
    ord: float | str = "fro",
    dim: tuple[int, int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: DTypeLike | None = None,
) -> Tensor:
    """Compute a norm of matrices along two axes.

    ord: "fro", the root of the sum of squares; "nuc", the sum of the singular values; 2 and -2, the
    largest and smallest singular value; 1 and -1, the largest and smallest column sum of |a|; inf
    and -inf, the same for rows.

    Raises: ValueError for another ord.
    """
    A = A if dtype is None else A.to(dtype)
    check_matrix("matrix_norm", A)
    rows, columns = (axis_of(d, A.ndim, "matrix_norm") for d in dim)
    if rows == columns:
        raise RuntimeError(f"matrix_norm: dim={dim} must name two axes")
    if ord == "fro":
        return lp_norm(A, 2, (rows, columns), keepdim)
    if ord in ("nuc", 2, -2):
        values = svdvals(movedim(A, (rows, columns), (-2, -1)))
        found = values.sum(-1) if ord == "nuc" else values[..., 0 if ord == 2 else -1]
    elif ord in (1, -1, math.inf, -math.inf):
        along, across = (rows, columns) if abs(cast(float, ord)) == 1 else (columns, rows)
        sums = A.abs().sum(along, keepdim=True)
        found = sums.amax(across) if cast(float, ord) > 0 else sums.amin(across)
        found = found.squeeze(along - (along > across))
    else:
        raise ValueError(
            f"matrix_norm: ord={ord!r} must be 'fro', 'nuc', 1, 2, inf or their negatives"
        )
    if keepdim:
        for axis in sorted((rows, columns)):
            found = found.unsqueeze(axis)
    return found


def norm(
    A: Tensor,
    ord: float | str | None = None,
    dim: Dims | None = None,
    keepdim: bool = False,
    *,
    dtype: DTypeLike | None = None,
) -> Tensor:
    """Compute `vector_norm` or `matrix_norm`.

    It is a vector norm along one axis or of all elements, a matrix norm along two axes or if `ord`
    is a word. With an `ord` and no `dim`, the number of axes decides: one or two.
    """
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    if dim is None and not isinstance(ord, str) and A.ndim == 1:
        return vector_norm(A, ord, None, keepdim, dtype=dtype)
    if dim is None:
        if A.ndim != 2:
            raise RuntimeError(
                f"norm: A of shape {A.shape} must have one axis or two where ord={ord!r} is given "
                "without dim"
            )
        dim = (-2, -1)
    axes = (dim,) if isinstance(dim, int) else tuple(dim)
    if len(axes) == 2:
        return matrix_norm(A, ord, axes, keepdim, dtype=dtype)
    if isinstance(ord, str):
        raise RuntimeError(f"norm: ord={ord!r} is of matrices, and dim={dim} names no two axes")
    return vector_norm(A, ord, axes, keepdim, dtype=dtype)


def cond(A: Tensor, p: float | str | None = None) -> Tensor:
    """Compute the condition number: the ratio of singular values, or norm(A) norm(A^-1)."""
    check_matrix("cond", A)
    if p is None or p in (2, -2):
        values = svdvals(A)
        low, high = values[..., -1], values[..., 0]
        return low / high if p == -2 else high / low
    return matrix_norm(A, p) * matrix_norm(inv(A), p)
