"""Inverses, determinants and systems of equations."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..autograd.array_function import ArrayFunction
from .arithmetic import where
from .linalg import matmul
from .matrix_checks import check_matrix, computed, identity
from .shaping import broadcast_to

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array


class SignAndLog(NamedTuple):
    """The sign of a determinant and the logarithm of its absolute value."""

    sign: Tensor
    logabsdet: Tensor


class Inverse(ArrayFunction):
    """y = A^-1.    gA = -y^T gy y^T"""

    @staticmethod
    def forward(ctx: ArrayFunction, a: Array, name: str) -> Array:
        y = computed(name, np.linalg.inv, a)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return -(y.mT @ gy @ y.mT)


class Determinant(ArrayFunction):
    """y = det A.    gA = gy y A^-T, for invertible A"""

    @staticmethod
    def forward(ctx: ArrayFunction, a: Array) -> Array:
        y = np.linalg.det(a)
        ctx.save_for_backward(a, y)
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        a, y = ctx.saved_tensors
        return (gy * y)[..., None, None] * Inverse.apply(a, name="det: backward").mT


class LogDeterminant(ArrayFunction):
    """(sign, log |det A|).    gA = g A^-T"""

    @staticmethod
    def forward(ctx: ArrayFunction, a: Array) -> tuple[Array, Array]:
        sign, log = np.linalg.slogdet(a)
        ctx.save_for_backward(a)
        ctx.mark_non_differentiable(sign)
        return sign, log

    @staticmethod
    def backward(ctx: ArrayFunction, gsign: Tensor | None, glog: Tensor) -> Tensor:
        (a,) = ctx.saved_tensors
        return glog[..., None, None] * Inverse.apply(a, name="slogdet: backward").mT


class Solve(ArrayFunction):
    """A x = b.    A (*, n, n), b (*, n, k) -> x (*, n, k); gb = A^-T gx, gA = -gb x^T"""

    @staticmethod
    def forward(ctx: ArrayFunction, a: Array, b: Array) -> Array:
        x = computed("solve", np.linalg.solve, a, b)
        ctx.save_for_backward(a, x)
        return x

    @staticmethod
    def backward(ctx: ArrayFunction, gx: Tensor) -> tuple[Tensor, Tensor]:
        a, x = ctx.saved_tensors
        gb = Solve.apply(a.mT, gx)
        return -(gb @ x.mT), gb


def inv(A: Tensor) -> Tensor:
    """Compute the inverse of A (*, n, n); RuntimeError for a singular one."""
    check_matrix("inv", A, square=True)
    return Inverse.apply(A, name="inv")


def det(A: Tensor) -> Tensor:
    """Compute the determinant of A (*, n, n) -> (*). The gradient needs an invertible A."""
    check_matrix("det", A, square=True)
    return Determinant.apply(A)


def slogdet(A: Tensor) -> SignAndLog:
    """Compute (sign, logabsdet) of the determinant of A (*, n, n); logabsdet is -inf if it is 0."""
    check_matrix("slogdet", A, square=True)
    return SignAndLog(*LogDeterminant.apply(A))


def logdet(A: Tensor) -> Tensor:
    """Compute log det A of A (*, n, n); NaN if the determinant is negative."""
    check_matrix("logdet", A, square=True)
    sign, log = LogDeterminant.apply(A)
    return where(sign < 0, nan, log)


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """Solve A X = B for X.    A (*, n, n), B (*, n, k) -> X (*, n, k); B (n) or (*, n) are vectors

    left=False: solve X A = B, B (*, k, n). Batches broadcast; B holds vectors if it has one axis or
    A's shape without the last.

    Raises: RuntimeError for a singular A and for sizes that do not match.
    """
    check_matrix("solve", A, square=True)
    if B.dtype != A.dtype:
        raise RuntimeError(f"solve: B of dtype {B.dtype} must be of A's dtype {A.dtype}")
    if not left:
        if B.ndim < 2:
            raise RuntimeError(f"solve: B of shape {B.shape} must be of matrices with left=False")
        return solve(A.mT, B.mT).mT
    vectors = B.ndim == 1 or (B.ndim == A.ndim - 1 and B.shape == A.shape[:-1])
    b = B[..., None] if vectors else B
    n = A.shape[-1]
    if b.shape[-2] != n:
        raise RuntimeError(f"solve: A of shape {A.shape} and B of shape {B.shape} do not meet")
    batch = np.broadcast_shapes(A.shape[:-2], b.shape[:-2])
    x = Solve.apply(broadcast_to(A, (*batch, n, n)), broadcast_to(b, (*batch, n, b.shape[-1])))
    return x[..., 0] if vectors else x


def matrix_power(A: Tensor, n: int) -> Tensor:
    """Raise A to the power n; a negative n uses the inverse, 0 gives the identity."""
    check_matrix("matrix_power", A, square=True)
    if n < 0:
        A, n = inv(A), -n
    result, square = None, A
    while n:
        if n % 2:
            result = square if result is None else matmul(result, square)
        n //= 2
        square = matmul(square, square) if n else square
    if result is None:
        return broadcast_to(identity(A), A.shape)
    return result


def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """Multiply a chain of matrices, from the left; the first and the last may be vectors.

    Raises: RuntimeError for fewer than two.
    """
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot: tensors has {len(tensors)} matrices, must have two or more")
    product = tensors[0]
    for tensor in tensors[1:]:
        product = matmul(product, tensor)
    return product
