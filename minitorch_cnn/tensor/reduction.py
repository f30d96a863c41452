"""Reductions: many numbers to one, along all axes or some."""

from __future__ import annotations

import collections

import numpy as np

from .. import backend
from ..autograd import function
from ..autograd.function import Function
from .arithmetic import Mul, quiet, where
from .elementwise import exp, log, sqrt
from .promotion import to_floating

ValuesAndIndices = collections.namedtuple("ValuesAndIndices", ["values", "indices"])


def axes_of(dim, ndim: int, name: str) -> tuple[int, ...]:
    """`dim` (None, an int or several) as axes counted from the front; IndexError if there is no
    such axis.
    """
    if dim is None:
        return tuple(range(ndim))
    dims = (dim,) if isinstance(dim, (int, np.integer)) else tuple(dim)
    # A 0-d tensor is reduced along dim 0 or -1 as if it had one axis.
    span = ndim if ndim else 1
    for d in dims:
        if not -span <= d < span:
            raise IndexError(f"{name}: dim={d} must lie in [{-span}, {span - 1}]")
    axes = tuple(int(d) % span for d in dims)
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
        return x.sum(axis=axes, keepdims=keepdim, dtype=_sum_dtype(x))

    def backward(ctx, gy):
        return gy.reshape(kept_shape(ctx.shape, ctx.axes)).expand(ctx.shape)


class Prod(Function):
    """y = product of x along axes. The gradient leaves one factor out, so zeros among the factors
    do no harm.
    """

    def forward(ctx, x, axes, keepdim):
        ctx.save(x)
        ctx.axes = axes
        return np.prod(x, axis=axes, keepdims=keepdim, dtype=_sum_dtype(x))

    def backward(ctx, gy):
        (x,) = ctx.saved
        kept = [i for i in range(x.ndim) if i not in ctx.axes]
        rows = x.permute((*kept, *ctx.axes)).reshape(*(x.shape[i] for i in kept), -1)
        n = rows.shape[-1]
        # (..., n) -> (..., n, n) with ones on the diagonal: row i is all factors but the i-th.
        others = where(function.Tensor(np.eye(n, dtype=bool)), 1.0, rows.unsqueeze(-2))
        slope = others.prod(-1) if n else rows
        moved = [x.shape[i] for i in (*kept, *ctx.axes)]
        back = np.argsort((*kept, *ctx.axes)).tolist()
        return gy.reshape(kept_shape(x.shape, ctx.axes)) * slope.reshape(moved).permute(back)


class Extremum(Function):
    """y = the largest (or smallest) of x along axes; ties share the gradient equally."""

    def forward(ctx, x, axes, keepdim, reduce):
        if 0 in [x.shape[a] for a in axes]:
            raise IndexError(
                f"{reduce.__name__}: the tensor of shape {x.shape} has no elements along {axes}"
            )
        y = reduce(x, axis=axes, keepdims=True)
        hit = (x == y) | (np.isnan(x) & np.isnan(y))
        ctx.keep((hit / hit.sum(axis=axes, keepdims=True)).astype(x.dtype))
        ctx.axes = axes
        return y if keepdim else y.reshape([s for i, s in enumerate(x.shape) if i not in axes])

    def backward(ctx, gy):
        (share,) = ctx.kept
        return Mul.apply(gy.reshape(kept_shape(share.shape, ctx.axes)), share)


def _sum_dtype(x):
    return np.int64 if x.dtype.kind in "iub" else x.dtype


def sum(input, dim=None, keepdim=False, *, dtype=None):
    """The sum along `dim` (all axes by default); integers and booleans add up in int64."""
    if dtype is not None:
        input = input.to(dtype)
    return Sum.apply(
        input, axes=axes_of(dim if dim != () else None, input.ndim, "sum"), keepdim=keepdim
    )


def mean(input, dim=None, keepdim=False, *, dtype=None):
    """The mean along `dim` (all axes by default); NaN of no elements. TypeError for integers."""
    if dtype is not None:
        input = input.to(dtype)
    if input.dtype.kind != "f":
        raise TypeError(f"mean: input has dtype {input.dtype}, must be floating point")
    axes = axes_of(dim if dim != () else None, input.ndim, "mean")
    return sum(input, axes if input.ndim else None, keepdim) / float(_count(input, axes))


def _count(input, axes) -> int:
    return int(np.prod([input.shape[a] for a in axes], dtype=np.int64))


def var(input, dim=None, *, correction=1, keepdim=False):
    """sum (x - mean)^2 / max(0, n - correction) along `dim`: the unbiased variance by default."""
    input = to_floating(input, "var")
    axes = axes_of(dim if dim != () else None, input.ndim, "var")
    at = axes if input.ndim else None
    centred = input - mean(input, at, keepdim=True)
    return sum(centred * centred, at, keepdim) / float(
        np.maximum(_count(input, axes) - correction, 0)
    )


def std(input, dim=None, *, correction=1, keepdim=False):
    """The square root of `var`."""
    return sqrt(var(input, dim, correction=correction, keepdim=keepdim))


def prod(input, dim=None, keepdim=False, *, dtype=None):
    """The product along one axis `dim`, or of all elements; integers and booleans multiply in
    int64.
    """
    if dtype is not None:
        input = input.to(dtype)
    return Prod.apply(input, axes=axes_of(dim, input.ndim, "prod"), keepdim=keepdim)


def amax(input, dim=(), keepdim=False):
    """The largest along axes; ties share the gradient equally; NaN if there is one."""
    return Extremum.apply(
        input,
        axes=axes_of(None if dim == () else dim, input.ndim, "amax"),
        keepdim=keepdim,
        reduce=np.max,
    )


def amin(input, dim=(), keepdim=False):
    """The smallest along axes; ties share the gradient equally; NaN if there is one."""
    return Extremum.apply(
        input,
        axes=axes_of(None if dim == () else dim, input.ndim, "amin"),
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
    return function.Tensor(np.asarray(where_, backend.int64))


def any(input, dim=None, keepdim=False):
    """Whether an element along `dim` is non-zero."""
    return function.Tensor(
        np.any(input.data, axis=axes_of(dim, input.ndim, "any"), keepdims=keepdim)
    )


def all(input, dim=None, keepdim=False):
    """Whether every element along `dim` is non-zero."""
    return function.Tensor(
        np.all(input.data, axis=axes_of(dim, input.ndim, "all"), keepdims=keepdim)
    )


def norm(input, p=2, dim=None, keepdim=False):
    """(sum |x|^p)^(1/p) along `dim`; p may be inf. The gradient at a zero vector is 0."""
    axes = axes_of(dim, input.ndim, "norm")
    at = axes if input.ndim else None
    size = input.abs()
    if p == float("inf"):
        return amax(size, () if at is None else at, keepdim)
    if p == 1:
        return sum(size, at, keepdim)
    powers = sum(input * input if p == 2 else size**p, at, keepdim)
    # The root has an infinite slope at 0; its argument is moved away from there.
    zero = powers == 0
    root = where(zero, 1.0, powers)
    return where(zero, 0.0, sqrt(root) if p == 2 else root ** (1 / p))


def logsumexp(input, dim, keepdim=False):
    """ln sum e^x along `dim`, without overflow."""
    input = to_floating(input, "logsumexp")
    axes = axes_of(dim, input.ndim, "logsumexp")
    at = axes if input.ndim else None
    largest = np.max(input.data, axis=axes, keepdims=True)
    shift = function.Tensor(np.where(np.isfinite(largest), largest, 0).astype(input.dtype))
    total = log(sum(exp(input - shift), at, keepdim=True)) + shift
    return total if keepdim or not axes else total.squeeze(axes)


class Softmax(Function):
    """y_i = e^(x_i) / sum_j e^(x_j) along an axis; gx = y (gy - sum_j gy_j y_j)."""

    def forward(ctx, x, axis):
        ctx.axis = axis
        with quiet():
            y = np.exp(x - np.max(x, axis=axis, keepdims=True, initial=-np.inf))
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
        with quiet():
            y = x - np.max(x, axis=axis, keepdims=True, initial=-np.inf)
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
        return np.cumsum(x, axis=axis, dtype=_sum_dtype(x))

    def backward(ctx, gy):
        return gy.flip(ctx.axis).cumsum(ctx.axis).flip(ctx.axis)


def cumsum(input, dim):
    """The running sum along `dim`."""
    (axis,) = axes_of(dim, input.ndim, "cumsum") or (None,)
    return input.clone() if axis is None else Cumsum.apply(input, axis=axis)
