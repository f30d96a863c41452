"""Products of matrices and vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..autograd import autocast
from ..autograd.array_function import ArrayFunction
from ..autograd.usual_calls import apply_two
from ..kernels.matmul import matmul as product
from .arithmetic import unbroadcast
from .promotion import check_broadcast

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array


class MatMul(ArrayFunction):
    """y = A @ B over the last two axes, with broadcasting; A is a or its transpose, B likewise.

    Shapes of one product: forward [n,k][k,m] -> [n,m]; gA = gy B^T: [n,m][m,k] -> [n,k];
    gB = A^T gy: [k,n][n,m] -> [k,m].
    """

    in_float32 = True

    @staticmethod
    def compute(a: Array, b: Array, a_turned: bool = False, b_turned: bool = False) -> Array:
        a = a.swapaxes(-1, -2) if a_turned else a
        return product(a, b.swapaxes(-1, -2) if b_turned else b)

    @staticmethod
    def forward(
        ctx: ArrayFunction, a: Array, b: Array, a_turned: bool = False, b_turned: bool = False
    ) -> Array:
        need_a, need_b = ctx.needs_input_grad
        ctx.save_for_backward(a if need_b else None, b if need_a else None)
        ctx.shapes, ctx.turned = (a.shape, b.shape), (a_turned, b_turned)
        return MatMul.compute(a, b, a_turned, b_turned)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        a, b = ctx.saved_tensors
        a_turned, b_turned = ctx.turned
        ga = gb = None
        if b is not None and not a_turned:
            ga = apply_two(MatMul, gy, b, b_turned=not b_turned)
        elif b is not None:  # gA^T = B gy^T
            ga = apply_two(MatMul, b, gy, a_turned=b_turned, b_turned=True)
        if a is not None and not b_turned:
            gb = apply_two(MatMul, a, gy, a_turned=not a_turned)
        elif a is not None:  # gB^T = gy^T A
            gb = apply_two(MatMul, gy, a, a_turned=True, b_turned=a_turned)
        return (
            None if ga is None else unbroadcast(ga, ctx.shapes[0]),
            None if gb is None else unbroadcast(gb, ctx.shapes[1]),
        )


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """Multiply vectors (dot product), a matrix and a vector, or matrices: input @ other.

    Matrices are in the last two axes; the other axes broadcast. Raises RuntimeError for sizes that
    do not match, 0-d operands, or unequal dtypes.
    """
    return _product("matmul", input, other)


def _product(name: str, input: Tensor, other: Tensor) -> Tensor:
    if autocast.active:
        input, other = autocast.lower(input, other)
    x, w = input.array, other.array
    if x.ndim == w.ndim == 2 and x.dtype is w.dtype and x.shape[1] == w.shape[0]:
        return apply_two(MatMul, input, other)  # the usual case
    if x.ndim == 0 or w.ndim == 0:
        raise RuntimeError(f"{name}: both operands must have at least one axis")
    if x.dtype != w.dtype:
        raise RuntimeError(f"{name}: dtypes {x.dtype} and {w.dtype} must be equal")
    if x.shape[-1] != w.shape[-2 if w.ndim > 1 else 0]:
        raise RuntimeError(
            f"{name}: shapes {x.shape} and {w.shape} do not meet: "
            f"{x.shape[-1]} != {w.shape[-2 if w.ndim > 1 else 0]}"
        )
    if x.ndim > 2 and w.ndim > 2:
        check_broadcast(name, x.shape[:-2], w.shape[:-2])
    y = MatMul.apply(
        input.unsqueeze(0) if x.ndim == 1 else input, other.unsqueeze(1) if w.ndim == 1 else other
    )
    if x.ndim == 1:
        y = y.squeeze(-2)
    return y.squeeze(-1) if w.ndim == 1 else y


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """Multiply two matrices, without broadcasting."""
    return _ranked("mm", 2, input, mat2)


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """Multiply two batches of matrices: (B, N, K) @ (B, K, M) -> (B, N, M)."""
    if input.ndim == 3 and mat2.ndim == 3 and input.shape[0] != mat2.shape[0]:
        raise RuntimeError(
            f"bmm: batches of {input.shape[0]} and {mat2.shape[0]} matrices must be equal"
        )
    return _ranked("bmm", 3, input, mat2)


@autocast.promoted
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """Compute the dot product of two vectors."""
    return _ranked("dot", 1, input, tensor)


def _ranked(name: str, ndim: int, a: Tensor, b: Tensor) -> Tensor:
    if a.ndim != ndim or b.ndim != ndim:
        raise RuntimeError(f"{name}: operands have {a.ndim} and {b.ndim} axes, must have {ndim}")
    return _product(name, a, b)


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Compute the outer product: y[i, j] = input[i] * vec2[j]."""
    if input.ndim != 1 or vec2.ndim != 1:
        raise RuntimeError(f"outer: operands have {input.ndim} and {vec2.ndim} axes, must have 1")
    return input.unsqueeze(1) * vec2.unsqueeze(0)
