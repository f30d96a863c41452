"""Compound operations: lerp, addcmul, addcdiv, addmm, baddbmm, mv, cdist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import dtypes
from ..autograd import array_function, autocast
from .arithmetic import where
from .half import in_float32
from .linalg import bmm, matmul, mm

if TYPE_CHECKING:
    from .tensor import Tensor


def lerp(input: Tensor, end: Tensor, weight: float | Tensor) -> Tensor:
    """Interpolate: input + weight * (end - input), with broadcasting; exactly `end` at weight 1.

    weight: a number or a Tensor. Raises: TypeError for integers, RuntimeError for unequal dtypes.
    """
    for argument, x in (("input", input), ("end", end)):
        if not isinstance(x, array_function.Tensor) or x.dtype.kind not in dtypes.FLOATS:
            raise TypeError(f"lerp: {argument} must be a Tensor of floating-point numbers")
    if end.dtype != input.dtype:
        raise RuntimeError(f"lerp: end has dtype {end.dtype}, must have input's {input.dtype}")
    return _lerp(input, end, weight)


@in_float32
def _lerp(input: Tensor, end: Tensor, weight: float | Tensor) -> Tensor:
    way = end - input
    if not isinstance(weight, array_function.Tensor):
        return input + weight * way if abs(weight) < 0.5 else end - way * (1 - weight)
    return where(weight.abs() < 0.5, input + weight * way, end - way * (1 - weight))


@in_float32
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """Compute input + value * tensor1 * tensor2, elementwise with broadcasting."""
    product = tensor1 * tensor2
    return input + (product if value == 1 else value * product)


@in_float32
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """Compute input + value * tensor1 / tensor2, elementwise with broadcasting."""
    quotient = tensor1 / tensor2
    return input + (quotient if value == 1 else value * quotient)


@in_float32
def addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """Compute beta * input + alpha * (mat1 @ mat2) for matrices; beta=0 ignores `input`."""
    if autocast.active:
        input, mat1, mat2 = autocast.lower(input, mat1, mat2)
    return _added(input, mm(mat1, mat2), beta, alpha, "addmm")


@in_float32
def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """Compute beta * input + alpha * (batch1 @ batch2) for batches of matrices.

    beta=0 ignores `input`, including its NaNs.
    """
    if autocast.active:
        input, batch1, batch2 = autocast.lower(input, batch1, batch2)
    return _added(input, bmm(batch1, batch2), beta, alpha, "baddbmm")


def _added(input: Tensor, product: Tensor, beta: float, alpha: float, name: str) -> Tensor:
    if alpha != 1:
        product = alpha * product
    if beta == 0:
        return product
    y = product + (input if beta == 1 else beta * input)
    if y.shape != product.shape:
        raise RuntimeError(
            f"{name}: input of shape {input.shape} does not broadcast to {product.shape}"
        )
    return y


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """Multiply a matrix by a vector."""
    if input.ndim != 2 or vec.ndim != 1:
        raise RuntimeError(
            f"mv: operands have {input.ndim} and {vec.ndim} axes, must have two and one"
        )
    return matmul(input, vec)


def cdist(
    x1: Tensor,
    x2: Tensor,
    p: float = 2.0,
    compute_mode: str = "use_mm_for_euclid_dist_if_necessary",
) -> Tensor:
    """Compute the p-norms of all differences of rows.

    x1 (.., N, D), x2 (.., M, D) -> y (.., N, M)

    All differences are in memory at once, N * M * D numbers; no matrix product, which would lose
    digits, is used, whatever `compute_mode` allows.
    """
    if min(x1.ndim, x2.ndim) < 2 or x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(
            f"cdist: shapes {x1.shape} and {x2.shape} must be (.., N, D) and (.., M, D)"
        )
    if autocast.active:
        x1, x2 = autocast.widen(x1, x2)
    return (x1.unsqueeze(-2) - x2.unsqueeze(-3)).norm(p, -1)
