"""Factorizations of matrices, and quantities computed from them.

The gradients are those of Giles (2008), "An extended collection of matrix derivative results", and
Seeger et al. (2017), arXiv 1710.08717. Eigenvectors and singular vectors have gradients if the
values are distinct.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import dtypes
from ..autograd.array_function import ArrayFunction
from .assembly import diag_embed
from .diagonal import tril
from .matrix_checks import check_matrix, computed, identity
from .solving import Solve

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array


class Eigen(NamedTuple):
    """The eigenvalues in ascending order, and the eigenvectors as columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class Singular(NamedTuple):
    """U (*, m, k), the singular values S (*, k) in descending order, Vh (*, k, n)."""

    U: Tensor
    S: Tensor
    Vh: Tensor


class Orthogonal(NamedTuple):
    """Q with orthonormal columns, and R, upper triangular."""

    Q: Tensor
    R: Tensor


class Cholesky(ArrayFunction):
    """A = L L^T.    gA = (s + s^T) / 2, s = L^-T phi(L^T gL) L^-1, phi the lower half"""

    @staticmethod
    def forward(ctx: ArrayFunction, a: Array) -> Array:
        lower = computed("cholesky", np.linalg.cholesky, a)
        ctx.save_for_backward(lower)
        return lower

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (lower,) = ctx.saved_tensors
        half = _lower_half(lower.mT @ gy)
        s = Solve.apply(lower.mT, Solve.apply(lower.mT, half.mT).mT)
        return (s + s.mT) / 2


def _lower_half(a: Tensor) -> Tensor:
    """The lower triangle, the diagonal halved."""
    return (tril(a) + tril(a, -1)) / 2


class SymmetricEigen(ArrayFunction):
    """A v_i = w_i v_i.    gA = V (diag(gw) + (V^T gV) / (w_j - w_i)) V^T"""

    @staticmethod
    def forward(ctx: ArrayFunction, a: Array, UPLO: str) -> tuple[Array, Array]:
        w, v = computed("eigh", np.linalg.eigh, a, UPLO=UPLO)
        ctx.save_for_backward(w, v)
        return w, v

    @staticmethod
    def backward(ctx: ArrayFunction, gw: Tensor | None, gv: Tensor | None) -> Tensor:
        w, v = ctx.saved_tensors
        inner = 0 if gw is None else diag_embed(gw)
        if gv is not None:
            inner = inner + (v.mT @ gv) * _reciprocal(w[..., None, :] - w[..., :, None])
        return v @ inner @ v.mT


class ThinSingular(ArrayFunction):
    """A = U diag(S) Vh with k = min(m, n) singular values."""

    @staticmethod
    def forward(ctx: ArrayFunction, a: Array) -> tuple[Array, Array, Array]:
        u, s, vh = computed("svd", np.linalg.svd, a, full_matrices=False)
        ctx.save_for_backward(u, s, vh)
        return u, s, vh

    @staticmethod
    def backward(
        ctx: ArrayFunction, gu: Tensor | None, gs: Tensor | None, gvh: Tensor | None
    ) -> Tensor:
        u, s, vh = ctx.saved_tensors
        inner = 0 if gs is None else diag_embed(gs)
        squares = s * s
        apart = _reciprocal(squares[..., None, :] - squares[..., :, None])
        if gu is not None:
            turned = u.mT @ gu
            inner = inner + ((turned - turned.mT) * apart) * s[..., None, :]
        if gvh is not None:
            turned = vh @ gvh.mT
            inner = inner + s[..., :, None] * ((turned - turned.mT) * apart)
        ga = u @ inner @ vh
        m, n = u.shape[-2], vh.shape[-1]
        if gu is not None and m > n:  # the part outside the column space of U
            part = gu / s[..., None, :]
            ga = ga + (part - u @ (u.mT @ part)) @ vh
        if gvh is not None and n > m:
            part = gvh / s[..., :, None]
            ga = ga + u @ (part - (part @ vh.mT) @ vh)
        return ga


def _reciprocal(differences: Tensor) -> Tensor:
    """1 / differences, and 0 on the diagonal, where they are 0."""
    own = identity(differences)
    return (1 - own) / (differences + own)


class Qr(ArrayFunction):
    """A = Q R, m >= n.    gA = (gQ + Q copyltu(R gR^T - gQ^T Q)) R^-T"""

    @staticmethod
    def forward(ctx: ArrayFunction, a: Array) -> tuple[Array, Array]:
        q, r = computed("qr", np.linalg.qr, a)
        ctx.save_for_backward(q, r)
        return q, r

    @staticmethod
    def backward(ctx: ArrayFunction, gq: Tensor | None, gr: Tensor | None) -> Tensor:
        q, r = ctx.saved_tensors
        if q.shape[-2] < r.shape[-1]:
            raise RuntimeError(
                f"qr: backward: a matrix of {q.shape[-2]} rows and {r.shape[-1]} columns must have "
                "as many rows as columns, or more, to have a gradient here"
            )
        m: Any = 0 if gr is None else r @ gr.mT
        m = m if gq is None else m - gq.mT @ q
        copied = tril(m) + tril(m, -1).mT
        right = q @ copied if gq is None else gq + q @ copied
        return Solve.apply(r, right.mT).mT


class PseudoInverse(ArrayFunction):
    """y = A^+, for A of locally constant rank (Golub and Pereyra 1973)."""

    @staticmethod
    def forward(ctx: ArrayFunction, a: Array, rcond: float) -> Array:
        y = computed("pinv", np.linalg.pinv, a, rcond)
        ctx.save_for_backward(a, y)
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        a, y = ctx.saved_tensors
        g = gy.mT
        inner = y.mT @ gy @ y.mT
        left = (g - a @ (y @ g)) @ (y @ y.mT)
        right = (y.mT @ y) @ (g - (g @ y) @ a)
        return left + right - inner


def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """Factorize A = L L^T with L lower triangular; `upper` returns the transpose of L.

    Raises: RuntimeError unless A (*, n, n) is positive definite.
    """
    check_matrix("cholesky", A, square=True)
    lower = Cholesky.apply(A)
    return lower.mT if upper else lower


def eigh(A: Tensor, UPLO: str = "L") -> Eigen:
    """Compute (eigenvalues, eigenvectors) of symmetric A (*, n, n), reading one triangle.

    Raises: ValueError for an UPLO other than "L" and "U".
    """
    check_matrix("eigh", A, square=True)
    if UPLO not in ("L", "U"):
        raise ValueError(f"eigh: UPLO={UPLO!r} must be 'L' or 'U'")
    return Eigen(*SymmetricEigen.apply(A, UPLO=UPLO))


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """Compute the eigenvalues of symmetric A, see `eigh`."""
    return eigh(A, UPLO).eigenvalues


def svd(A: Tensor, full_matrices: bool = True) -> Singular:
    """Factorize A = U diag(S) Vh, returning (U, S, Vh).    A (*, m, n)

    full_matrices: whether U and Vh are square; these have no gradient unless A is square.

    Raises: RuntimeError for full matrices of a non-square A that requires grad.
    """
    check_matrix("svd", A)
    if not full_matrices or A.shape[-1] == A.shape[-2]:
        return Singular(*ThinSingular.apply(A))
    if A.requires_grad:
        raise RuntimeError(
            f"svd: A of shape {A.shape} requires grad, and full matrices have no gradient; give "
            "full_matrices=False"
        )
    wrap = type(A)
    return Singular(*(wrap(part) for part in computed("svd", np.linalg.svd, A.array)))


def svdvals(A: Tensor) -> Tensor:
    """Compute the singular values of A (*, m, n) -> (*, min(m, n)), in descending order."""
    return svd(A, full_matrices=False).S


def qr(A: Tensor, mode: str = "reduced") -> Orthogonal:
    """Factorize A = Q R.    A (*, m, n) -> Q (*, m, min(m, n)), R (*, min(m, n), n)

    mode: only "reduced"; the signs are LAPACK's.

    Raises: ValueError for another mode.
    """
    check_matrix("qr", A)
    if mode != "reduced":
        raise ValueError(f"qr: mode={mode!r} must be 'reduced'")
    return Orthogonal(*Qr.apply(A))


def pinv(A: Tensor, *, rtol: float | None = None) -> Tensor:
    """Compute the pseudoinverse of A (*, m, n) -> (*, n, m).

    rtol: singular values below rtol times the largest count as 0; by default max(m, n) eps.
    """
    check_matrix("pinv", A)
    if rtol is None:
        rtol = max(A.shape[-2:]) * float(dtypes.finfo(A.dtype).eps)
    return PseudoInverse.apply(A, rcond=rtol)


def matrix_rank(A: Tensor, *, tol: float | None = None, hermitian: bool = False) -> Tensor:
    """Count the singular values of A (*, m, n) above `tol`, by default max(m, n) eps times the
    largest."""
    check_matrix("matrix_rank", A)
    rank = computed("matrix_rank", np.linalg.matrix_rank, A.array, tol, hermitian)
    return type(A)(np.asarray(rank, np.int64))
