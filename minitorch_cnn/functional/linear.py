"""The affine map of a fully connected layer, and its bilinear counterpart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..autograd import autocast
from ..autograd.array_function import ArrayFunction
from ..kernels.matmul import matmul
from ..tensor.half import in_float32
from ..tensor.tensor import Tensor
from .checks import check_float

if TYPE_CHECKING:
    from ..tensor.types import Array


class Linear(ArrayFunction):
    """y = x w^T + b.    x (M, I), w (O, I), b (O,) or None -> y (M, O)"""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, w: Array, b: Array | None) -> Array:
        ctx.save_for_backward(x, w)
        y = matmul(x, w.T)
        if b is not None:
            y += b
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        x, w = ctx.saved_tensors
        need_x, need_w, need_b = ctx.needs_input_grad
        gx = gy @ w if need_x else None  # (M, O)(O, I) -> (M, I)
        gw = gy.T @ x if need_w else None  # (O, M)(M, I) -> (O, I)
        gb = gy.sum(dim=0) if need_b else None
        return gx, gw, gb


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute y = x w^T + b along the last axis.

    x (*, I), w (O, I), b (O,) -> y (*, O), or w (I,), b () -> y (*)

    Raises: ValueError if the shapes do not fit, TypeError if the dtypes differ.
    """
    if autocast.active:
        input, weight, bias = autocast.lower(input, weight, bias)
    check_float("linear", input=input, weight=weight, bias=bias)
    if weight.ndim == 1 and (bias is None or bias.ndim == 0):
        b = None if bias is None else bias.reshape(1)
        return linear(input, weight.reshape(1, -1), b).squeeze(-1)
    if weight.ndim != 2:
        raise ValueError(f"linear: weight of shape {weight.shape} must be (O, I)")
    if input.ndim == 0 or input.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: input of shape {input.shape} must end in weight's {weight.shape[1]} columns"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(
            f"linear: bias of shape {bias.shape} must be ({weight.shape[0]},) as weight has rows"
        )
    x = input if input.ndim == 2 else input.reshape((-1, weight.shape[1]))
    y = Linear.apply(x, weight, bias)
    return y if input.ndim == 2 else y.reshape((*input.shape[:-1], weight.shape[0]))


@autocast.promoted
@in_float32
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute y_o = x1 W_o x2 + b_o.    x1 (*, I), x2 (*, J), w (O, I, J), b (O,) -> y (*, O)

    Raises: ValueError for shapes that do not fit, TypeError unless all are floats of one dtype.
    """
    check_float("bilinear", input1=input1, input2=input2, weight=weight, bias=bias)
    shapes = (input1.shape[-1:], input2.shape[-1:])
    if (
        weight.ndim != 3
        or input1.shape[:-1] != input2.shape[:-1]
        or shapes != (weight.shape[1:2], weight.shape[2:])
        or (bias is not None and bias.shape != weight.shape[:1])
    ):
        raise ValueError(
            f"bilinear: input1 {input1.shape}, input2 {input2.shape}, weight {weight.shape} and "
            f"bias {None if bias is None else bias.shape} must be (*, I), (*, J), (O, I, J) and "
            "(O,)"
        )
    outputs, i, j = weight.shape
    pairs = (input1.unsqueeze(-1) * input2.unsqueeze(-2)).reshape(*input1.shape[:-1], i * j)
    return linear(pairs, weight.reshape(outputs, i * j), bias)
