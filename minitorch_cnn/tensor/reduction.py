"""Reductions: many numbers to one, along all axes or some."""

from __future__ import annotations

import collections
import math

import numpy as np

from .. import backend
from ..autograd import function
from ..autograd.function import Function
from .arithmetic import Mul, where
from .elementwise import exp, sqrt
from .promotion import to_floating

ValuesAndIndices = collections.namedtuple("ValuesAndIndices", ["values", "indices"])


def axes_of(dim, ndim: int, name: str) -> tuple[int, ...]:
    """`dim` (an int or several; None or an empty sequence for all) as axes counted from the front;
    IndexError if there is no such axis.
    """
    if type(dim) is int and -ndim <= dim < ndim:  # what most are
        return (dim % ndim,)
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(ndim))
    dims = (dim,) if isinstance(dim, (int, np.integer)) else tuple(dim)
    # A 0-d tensor is reduced along dim 0 or -1 as if it had one axis.
    span = ndim if ndim else 1
    for d in dims:
        if not -span <= d < span:
            raise IndexError(f"{name}: dim={d} must lie in [{-span}, {span - 1}]")
    axes = tuple([int(d) % span for d in dims])
    if len(set(axes)) != len(axes):
        raise RuntimeError(f"{name}: dim={dims} names an axis twice")
    return axes if ndim else ()


def kept_shape(shape, axes) -> tuple[int, ...]:
    """`shape` with size 1 along `axes`."""
    return tuple(1 if i in axes else size for i, size in enumerate(shape))


class Sum(Function):
    """y = sum of x along axes."""

    def forward(ctx, x, axes, keepdim):
        ctx.shape, ctx.axes = x.shape, axes
        return _accumulated(x.sum, x.dtype, axes, None, keepdim)

    def backward(ctx, gy):
        return Spread.apply(gy, shape=ctx.shape, axes=ctx.axes)


class Spread(Function):
    """y repeats x along axes, which x has lost or has with size 1: the adjoint of `Sum`."""

    def forward(ctx, x, shape, axes):
        ctx.axes, ctx.keepdim = axes, x.ndim == len(shape)
        y = np.empty(shape, x.dtype, like=x)
        y[...] = x if ctx.keepdim else x.reshape(kept_shape(shape, axes))
        return y

    def backward(ctx, gy):
        return Sum.apply(gy, axes=ctx.axes, keepdim=ctx.keepdim)


class Prod(Function):
    """y = product of x along axes; gx = gy times the product of the other factors."""

    def forward(ctx, x, axes, keepdim):
        ctx.axes = axes
        y = _accumulated(x.prod, x.dtype, axes, None, keepdim)
        ctx.save(x, y)
        return y

    def backward(ctx, gy):
        x, y = ctx.saved
        shape = kept_shape(x.shape, ctx.axes)
        if (x.data != 0).all():
            return (gy * y).reshape(shape) / x
        kept = [i for i in range(x.ndim) if i not in ctx.axes]
        rows = x.permute((*kept, *ctx.axes)).reshape(*(x.shape[i] for i in kept), -1)
        n = rows.shape[-1]
        # (..., n) -> (..., n, n) with ones on the diagonal: row i is all factors but the i-th.
        others = where(
            function.Tensor(np.asarray(np.eye(n, dtype=bool), like=x.data)), 1.0, rows.unsqueeze(-2)
        )
        slope = others.prod(-1) if n else rows
        moved = [x.shape[i] for i in (*kept, *ctx.axes)]
        back = np.argsort((*kept, *ctx.axes)).tolist()
        return gy.reshape(shape) * slope.reshape(moved).permute(back)


class Extremum(Function):
    """y = the largest (or smallest) of x along axes; ties share the gradient equally."""

    def forward(ctx, x, axes, keepdim, reduce):
        if 0 in [x.shape[a] for a in axes]:
            raise IndexError(
                f"a{reduce.__name__}: the tensor of shape {x.shape} has no elements along {axes}"
            )
        y = reduce(x, axis=axes, keepdims=True)
        hit = (x == y) | (np.isnan(x) & np.isnan(y))
        ctx.keep((hit / hit.sum(axis=axes, keepdims=True)).astype(x.dtype))
        ctx.axes = axes
        return y if keepdim else y.reshape([s for i, s in enumerate(x.shape) if i not in axes])

    def backward(ctx, gy):
        (share,) = ctx.kept
        return Mul.apply(gy.reshape(kept_shape(share.shape, ctx.axes)), share)


def _accumulated(reduce, dtype, axis, *settings):
    """A sum or product of numbers of `dtype`: int64 for integers, by float32 for float16."""
    if dtype.kind != "f":
        return reduce(axis, backend.int64, *settings)
    if dtype.itemsize == 2:
        return reduce(axis, backend.float32, *settings).astype(dtype)
    return reduce(axis, None, *settings)  # naming its own dtype would cost half as much again


def sum(input, dim=None, keepdim=False, *, dtype=None):
    """The sum along `dim` (all axes by default); integers and booleans add up in int64."""
    if dtype is not None:
        input = input.to(dtype)
    return Sum.apply(input, axes=axes_of(dim, input.data.ndim, "sum"), keepdim=keepdim)


def mean(input, dim=None, keepdim=False, *, dtype=None):
    """The mean along `dim` (all axes by default); NaN of no elements. TypeError for integers."""
    if dtype is not None:
        input = input.to(dtype)
    _check_floating("mean", input)
    if input.dtype == backend.float16:  # the sum may lie beyond what float16 can hold
        return mean(input.float(), dim, keepdim).half()
    axes = axes_of(dim, input.ndim, "mean")
    return sum(input, axes, keepdim) / float(_count(input, axes))


def _check_floating(name, input) -> None:
    if input.dtype.kind != "f":
        raise TypeError(f"{name}: input has dtype {input.dtype}, must be floating point")


def _count(input, axes) -> int:
    return math.prod(input.shape[a] for a in axes)


def var(input, dim=None, *, correction=1, keepdim=False):
    """sum (x - mean)^2 / max(0, n - correction) along `dim`: the unbiased variance by default."""
    _check_floating("var", input)
    if input.dtype == backend.float16:
        return var(input.float(), dim, correction=correction, keepdim=keepdim).half()
    axes = axes_of(dim, input.ndim, "var")
    centred = input - mean(input, axes, keepdim=True)
    divisor = float(np.maximum(_count(input, axes) - correction, 0))
    return sum(centred * centred, axes, keepdim) / divisor


def std(input, dim=None, *, correction=1, keepdim=False):
    """The square root of `var`; where that is 0, so is the gradient."""
    _check_floating("std", input)
    return _root(var(input, dim, correction=correction, keepdim=keepdim), 2)


def _root(x, p):
    """x^(1/p), with slope 0 instead of infinity at 0: the argument is moved away from there."""
    zero = x == 0
    moved = where(zero, 1.0, x)
    return where(zero, 0.0, sqrt(moved) if p == 2 else moved ** (1 / p))


def prod(input, dim=None, keepdim=False, *, dtype=None):
    """The product along `dim`, or of all elements; integers and booleans multiply in int64."""
    if dtype is not None:
        input = input.to(dtype)
    return Prod.apply(input, axes=axes_of(dim, input.ndim, "prod"), keepdim=keepdim)


def amax(input, dim=(), keepdim=False):
    """The largest along axes; ties share the gradient equally; NaN if there is one."""
    return Extremum.apply(
        input,
        axes=axes_of(dim, input.ndim, "amax"),
        keepdim=keepdim,
        reduce=np.max,
    )


def amin(input, dim=(), keepdim=False):
    """The smallest along axes; ties share the gradient equally; NaN if there is one."""
    return Extremum.apply(
        input,
        axes=axes_of(dim, input.ndim, "amin"),
        keepdim=keepdim,
        reduce=np.min,
    )


def max(input, dim=None, keepdim=False):
    """The largest element; with `dim` a pair (values, indices), where ties go to the first; NaN
    wins.

    With a Tensor in place of `dim`: the elementwise `maximum`.
    """
    if isinstance(dim, function.Tensor):
        return input.maximum(dim)
    return amax(input) if dim is None else _with_indices(input, argmax, dim, keepdim)


def min(input, dim=None, keepdim=False):
    """The smallest element; with `dim` a pair (values, indices), where ties go to the first; NaN
    wins.

    With a Tensor in place of `dim`: the elementwise `minimum`.
    """
    if isinstance(dim, function.Tensor):
        return input.minimum(dim)
    return amin(input) if dim is None else _with_indices(input, argmin, dim, keepdim)


def _with_indices(input, locate, dim, keepdim):
    if input.ndim == 0:
        return ValuesAndIndices(input.clone(), locate(input))
    indices = locate(input, dim, keepdim=True)
    values = input.gather(dim, indices)
    if not keepdim:
        values, indices = values.squeeze(dim), indices.squeeze(dim)
    return ValuesAndIndices(values, indices)


def argmax(input, dim=None, keepdim=False):
    """The index (int64) of the first largest element along `dim`, or in the flattened tensor."""
    return _located(np.argmax, "argmax", input, dim, keepdim)


def argmin(input, dim=None, keepdim=False):
    """The index (int64) of the first smallest element along `dim`, or in the flattened tensor."""
    return _located(np.argmin, "argmin", input, dim, keepdim)


def _located(locate, name, input, dim, keepdim):
    x = input.data
    axes = axes_of(dim, x.ndim, name)
    if 0 in [x.shape[a] for a in axes]:
        raise IndexError(f"{name}: the tensor of shape {x.shape} has no elements along {axes}")
    if dim is None or not axes:
        where_ = locate(x).reshape((1,) * x.ndim if keepdim else ())
    else:
        where_ = locate(x, axis=axes[0], keepdims=keepdim)
    return function.Tensor(where_.astype(backend.int64, copy=False))


def any(input, dim=None, keepdim=False):
    """Whether an element along `dim` is non-zero: a bool, but of uint8 a uint8."""
    return _truth(np.any, "any", input, dim, keepdim)


def all(input, dim=None, keepdim=False):
    """Whether every element along `dim` is non-zero: a bool, but of uint8 a uint8."""
    return _truth(np.all, "all", input, dim, keepdim)


def _truth(reduce, name, input, dim, keepdim):
    x = input.data
    found = reduce(x, axis=axes_of(dim, x.ndim, name), keepdims=keepdim)
    return function.Tensor(found.astype(x.dtype) if x.dtype == backend.uint8 else found)


def norm(input, p=2, dim=None, keepdim=False):
    """(sum |x|^p)^(1/p) along `dim`. The gradient at a zero vector is 0.

    p = inf is the largest |x|, -inf the smallest, 0 the number of elements other than 0.
    """
    _check_floating("norm", input)
    axes = axes_of(dim, input.ndim, "norm")
    if p == 0:
        return sum((input != 0).to(input.dtype), axes, keepdim)
    if p == 2:
        return _root(sum(input * input, axes, keepdim), 2)
    size = input.abs()
    if p in (math.inf, -math.inf):
        return (amax if p > 0 else amin)(size, axes, keepdim)
    if p == 1:
        return sum(size, axes, keepdim)
    if p < 1:  # |x|^p has an infinite slope at 0
        powers = where(size == 0, 0.0 if p > 0 else math.inf, where(size == 0, 1.0, size) ** p)
    else:
        powers = size**p
    return _root(sum(powers, axes, keepdim), p)


def _largest(x, axis):
    """The largest along `axis`, which is kept; -inf where there is none."""
    if x.size:
        return x.max(axis=axis, keepdims=True)
    y = x.sum(axis=axis, keepdims=True)
    y[...] = -np.inf
    return y


class LogSumExp(Function):
    """y = ln sum e^x along axes; gx = gy e^(x - y)."""

    def forward(ctx, x, axes, keepdim):
        ctx.axes = axes
        largest = _largest(x, axes)
        shift = np.where(np.isfinite(largest), largest, x.dtype.type(0))
        y = np.log(np.sum(np.exp(x - shift), axis=axes, keepdims=True)) + shift
        y = y if keepdim else y.squeeze(axes)
        ctx.save(x, y)
        return y

    def backward(ctx, gy):
        x, y = ctx.saved
        shape = kept_shape(x.shape, ctx.axes)
        return gy.reshape(shape) * exp(x - y.reshape(shape))


def logsumexp(input, dim, keepdim=False):
    """ln sum e^x along `dim`, without overflow."""
    input = to_floating(input, "logsumexp")
    return LogSumExp.apply(input, axes=axes_of(dim, input.ndim, "logsumexp"), keepdim=keepdim)


class Softmax(Function):
    """y_i = e^(x_i) / sum_j e^(x_j) along an axis; gx = y (gy - sum_j gy_j y_j)."""

    def forward(ctx, x, axis):
        ctx.axis = axis
        y = np.exp(x - _largest(x, axis))
        y /= y.sum(axis=axis, keepdims=True)
        ctx.save(y)
        return y

    def backward(ctx, gy):
        (y,) = ctx.saved
        return y * (gy - (gy * y).sum(ctx.axis, keepdim=True))


class LogSoftmax(Function):
    """y_i = x_i - ln sum_j e^(x_j) along an axis; gx = gy - e^y sum_j gy_j."""

    def forward(ctx, x, axis):
        ctx.axis = axis
        y = x - _largest(x, axis)
        y -= np.log(np.exp(y).sum(axis=axis, keepdims=True))
        ctx.save(y)
        return y

    def backward(ctx, gy):
        (y,) = ctx.saved
        return gy - exp(y) * gy.sum(ctx.axis, keepdim=True)


def softmax(input, dim):
    """e^x / sum e^x along `dim`. (One lecture prints e^-x; the sign is +.)"""
    input = to_floating(input, "softmax")
    (axis,) = axes_of(dim, input.ndim, "softmax") or (None,)
    return Softmax.apply(input, axis=axis)


def log_softmax(input, dim):
    """x - ln sum e^x along `dim`, exact where softmax itself would underflow."""
    input = to_floating(input, "log_softmax")
    (axis,) = axes_of(dim, input.ndim, "log_softmax") or (None,)
    return LogSoftmax.apply(input, axis=axis)


class Cumsum(Function):
    """y_i = x_0 + ... + x_i along an axis; the gradient adds up from the other end."""

    def forward(ctx, x, axis):
        ctx.axis = axis
        return _accumulated(x.cumsum, x.dtype, axis)

    def backward(ctx, gy):
        return gy.flip(ctx.axis).cumsum(ctx.axis).flip(ctx.axis)


def cumsum(input, dim):
    """The running sum along `dim`."""
    (axis,) = axes_of(dim, input.ndim, "cumsum") or (None,)
    return input.clone() if axis is None else Cumsum.apply(input, axis=axis)
