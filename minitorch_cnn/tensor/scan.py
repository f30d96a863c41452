"""cumprod: the cumulative product."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import dtypes
from ..autograd import array_function
from ..autograd.array_function import ArrayFunction
from .joining import cat, narrow
from .movement import axis_of, flip
from .promotion import as_tensor

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, DTypeLike, TensorLike


class Cumprod(ArrayFunction):
    """y[i] = x[0] ... x[i] along an axis.

    gx[i] = x[0] ... x[i-1] * (gy[i] + x[i+1] (gy[i+1] + x[i+2] (gy[i+2] + ...))): without a
    division, which would fail for a 0 in x.
    """

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, axis: int) -> Array:
        ctx.save_for_backward(x)
        ctx.axis = axis
        return np.cumprod(x, axis, dtype=x.dtype)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        n, axis = x.shape[ctx.axis], ctx.axis
        if n == 0:
            return gy
        first = narrow(x, axis, 0, 1)
        one, zero = (
            array_function.Tensor(make(first.array)) for make in (np.ones_like, np.zeros_like)
        )
        before = cat([one, Cumprod.apply(narrow(x, axis, 0, n - 1), axis=axis)], axis)
        after = cat([narrow(x, axis, 1, n - 1), zero], axis)
        return before * flip(Recurrence.apply(flip(gy, axis), flip(after, axis), axis=axis), axis)


class Recurrence(ArrayFunction):
    """y[i] = b[i] + a[i] y[i-1] along an axis, from y[-1] = 0."""

    @staticmethod
    def forward(ctx: ArrayFunction, b: Array, a: Array, axis: int) -> Array:
        ctx.axis = axis
        y = b.copy()
        steps, factors = np.moveaxis(y, axis, 0), np.moveaxis(a, axis, 0)
        for i in range(1, len(steps)):
            steps[i] += factors[i] * steps[i - 1]
        ctx.save_for_backward(a, y)
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        # The adjoint runs backwards: gb[i] = gy[i] + a[i+1] gb[i+1]; ga[i] = gb[i] y[i-1].
        a, y = ctx.saved_tensors
        axis, n = ctx.axis, a.shape[ctx.axis]
        zero = array_function.Tensor(np.zeros_like(narrow(y, axis, 0, 1).array))
        later = cat([narrow(a, axis, 1, n - 1), zero], axis)
        gb = flip(Recurrence.apply(flip(gy, axis), flip(later, axis), axis=axis), axis)
        return gb, gb * cat([zero, narrow(y, axis, 0, n - 1)], axis)


def cumprod(input: TensorLike, dim: int, *, dtype: DTypeLike | None = None) -> Tensor:
    """Compute the running product along `dim`; integers and booleans in int64."""
    input = as_tensor(input, "cumprod")
    if dtype is None and input.dtype.kind not in dtypes.FLOATS:
        dtype = dtypes.int64
    if dtype is not None:
        input = input.to(dtype)
    axis = axis_of(dim, max(input.ndim, 1), "cumprod")
    if input.ndim == 0:
        return input.clone()
    return Cumprod.apply(input, axis=axis)
