"""Softmax and related functions: exponentials along an axis, shifted to prevent overflow."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from .. import dtypes
from ..autograd.array_function import ArrayFunction
from .elementwise import exp
from .promotion import as_tensor, to_floating
from .reduction import axes_of, kept_shape, one_axis_of
from .summation import total

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, Dims, DTypeLike, Shape, TensorLike


def _largest(x: Array, axis: int | Shape | None) -> Array:
    """The largest along `axis`, which is kept; -inf if it is empty."""
    if x.size:
        return x.max(axis=axis, keepdims=True)
    y = x.sum(axis=axis, keepdims=True)
    y[...] = -np.inf
    return y


def _axes(axis: int | None) -> tuple[int, ...]:
    return () if axis is None else (axis,)


class LogSumExp(ArrayFunction):
    """y = ln sum e^x along axes; gx = gy e^(x - y)."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, axes: Shape, keepdim: bool) -> Array:
        ctx.axes = axes
        largest = _largest(x, axes)
        shift = np.where(np.isfinite(largest), largest, x.dtype.type(0))
        y = np.log(total(np.exp(x - shift), axes, True)) + shift
        y = y if keepdim else y.squeeze(axes)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        shape = kept_shape(x.shape, ctx.axes)
        return gy.reshape(shape) * exp(x - y.reshape(shape))


def logsumexp(input: TensorLike, dim: Dims, keepdim: bool = False) -> Tensor:
    """Compute ln sum e^x along `dim`, without overflow."""
    input = to_floating(input, "logsumexp")
    return LogSumExp.apply(input, axes=axes_of(dim, input.ndim, "logsumexp"), keepdim=keepdim)


class Softmax(ArrayFunction):
    """y_i = e^(x_i) / sum_j e^(x_j) along an axis; gx = y (gy - sum_j gy_j y_j)."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, axis: int) -> Array:
        ctx.axis = axis
        y = np.exp(x - _largest(x, axis))
        y /= total(y, _axes(axis), True)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return y * (gy - (gy * y).sum(ctx.axis, keepdim=True))


class LogSoftmax(ArrayFunction):
    """y_i = x_i - ln sum_j e^(x_j) along an axis; gx = gy - e^y sum_j gy_j."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, axis: int) -> Array:
        ctx.axis = axis
        y = x - _largest(x, axis)
        y -= np.log(total(np.exp(y), _axes(axis), True))
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return gy - exp(y) * gy.sum(ctx.axis, keepdim=True)


def guessed_dim(name: str, input: Tensor, stacklevel: int = 4) -> int:
    """The axis PyTorch uses if none is given, with a warning: 0 for 0, 1 or 3 axes, else 1."""
    dim = 0 if input.ndim in (0, 1, 3) else 1
    message = f"{name}: dim is missing, and guessed to be {dim}; give it"
    warnings.warn(message, stacklevel=stacklevel)
    return dim


def softmax(input: TensorLike, dim: int | None = None, dtype: DTypeLike | None = None) -> Tensor:
    """Compute e^x / sum e^x along `dim`. (One lecture prints e^-x; the sign is +.)

    A missing dim is chosen as in PyTorch, with a warning (see `guessed_dim`). With `dtype`, a float
    type, input is converted first. TypeError for another one.
    """
    input = _converted(input, dtype, "softmax")
    dim = guessed_dim("softmax", input, 3) if dim is None else dim
    axis = one_axis_of(dim, input.ndim, "softmax")
    return Softmax.apply(input, axis=axis)


def log_softmax(
    input: TensorLike, dim: int | None = None, dtype: DTypeLike | None = None
) -> Tensor:
    """Compute x - ln sum e^x along `dim`, accurate where softmax itself would underflow.

    A missing dim is chosen as by `softmax`. With `dtype`, a float type, input is converted first.
    TypeError for another one.
    """
    input = _converted(input, dtype, "log_softmax")
    dim = guessed_dim("log_softmax", input, 3) if dim is None else dim
    axis = one_axis_of(dim, input.ndim, "log_softmax")
    return LogSoftmax.apply(input, axis=axis)


def _converted(input: TensorLike, dtype: DTypeLike | None, name: str) -> Tensor:
    """Input as a float Tensor, of `dtype` if that is given."""
    if dtype is None:
        return to_floating(input, name)
    dtype = dtypes.check_dtype(dtype, name)
    if dtype.kind not in dtypes.FLOATS:
        raise TypeError(f"{name}: dtype={dtype} must be floating point")
    return as_tensor(input, name).to(dtype)
