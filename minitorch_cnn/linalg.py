"""Linear algebra: torch.linalg's functions of matrices, with gradients of any order.

Matrices occupy the last two axes; earlier axes are batches.
"""

from .tensor import cross, diagonal, matmul
from .tensor.factorizations import (
    cholesky,
    eigh,
    eigvalsh,
    matrix_rank,
    pinv,
    qr,
    svd,
    svdvals,
)  # fmt: skip
from .tensor.matrix_norms import cond, matrix_norm, norm, vector_norm
from .tensor.solving import det, inv, logdet, matrix_power, multi_dot, slogdet, solve

__all__ = [
    "cholesky",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "logdet",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "vector_norm",
]
