"""Reductions along all axes or some: sum, prod, the extremes, any and all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from .. import dtypes
from ..autograd import array_function
from ..autograd.array_function import ArrayFunction
from ..autograd.usual_calls import apply_one
from .arithmetic import Mul, where
from .summation import sum_dtype, total

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, Dims, DTypeLike, Shape


class ValuesAndIndices(NamedTuple):
    """The numbers selected along an axis, and their indices."""

    values: Tensor
    indices: Tensor


def axes_of(dim: Dims | None, ndim: int, name: str) -> tuple[int, ...]:
    """`dim` (an int or several; None or an empty sequence for all) as axes counted from the front.

    Raises: TypeError for anything else, IndexError if there is no such axis.
    """
    if type(dim) is int and -ndim <= dim < ndim:  # the usual case
        return (dim % ndim,)
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(ndim))
    dims: tuple[Any, ...] = tuple(dim) if isinstance(dim, (tuple, list)) else (dim,)
    for d in dims:
        if not isinstance(d, (int, np.integer)) or isinstance(d, bool):
            raise TypeError(f"{name}: dim={dim!r} must be an int or several")
    # A 0-d tensor is reduced along dim 0 or -1 as if it had one axis.
    span = ndim if ndim else 1
    for d in dims:
        if not -span <= d < span:
            raise IndexError(f"{name}: dim={d} must lie in [{-span}, {span - 1}]")
    axes = tuple([int(d) % span for d in dims])
    if len(set(axes)) != len(axes):
        raise RuntimeError(f"{name}: dim={dims} names an axis twice")
    return axes if ndim else ()


def one_axis_of(dim: int, ndim: int, name: str) -> int | None:
    """`dim`, an int, as an axis counted from the front, None for a tensor without axes.

    Raises: TypeError for anything else, IndexError if there is no such axis.
    """
    if not isinstance(dim, (int, np.integer)):
        raise TypeError(f"{name}: dim={dim!r} must be an int")
    return (axes_of(dim, ndim, name) or (None,))[0]


def kept_shape(shape: Shape, axes: Shape) -> tuple[int, ...]:
    """`shape` with size 1 along `axes`."""
    return tuple(1 if i in axes else size for i, size in enumerate(shape))


class Sum(ArrayFunction):
    """y = sum of x along axes; of integers in int64."""

    in_float32 = True
    compute = staticmethod(total)

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, axes: Shape, keepdim: bool) -> Array:
        ctx.shape, ctx.axes = x.shape, axes
        return total(x, axes, keepdim)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return apply_one(Spread, gy, shape=ctx.shape, axes=ctx.axes)


class Spread(ArrayFunction):
    """y repeats x along axes that x lacks or has with size 1: the adjoint of `Sum`."""

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, shape: Shape, axes: Shape) -> Array:
        ctx.axes, ctx.keepdim = axes, x.ndim == len(shape)
        y = np.empty(shape, x.dtype, like=x)
        y[...] = x if ctx.keepdim else x.reshape(kept_shape(shape, axes))
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return apply_one(Sum, gy, axes=ctx.axes, keepdim=ctx.keepdim)


class Prod(ArrayFunction):
    """y = product of x along axes; gx = gy times the product of the other factors."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, axes: Shape, keepdim: bool) -> Array:
        ctx.axes = axes
        y = x.prod(axes, sum_dtype(x), keepdims=keepdim)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        shape = kept_shape(x.shape, ctx.axes)
        if (x.array != 0).all():
            return (gy * y).reshape(shape) / x
        kept = [i for i in range(x.ndim) if i not in ctx.axes]
        rows = x.permute((*kept, *ctx.axes)).reshape(*(x.shape[i] for i in kept), -1)
        n = rows.shape[-1]
        # (..., n) -> (..., n, n) with ones on the diagonal: row i has all factors but the i-th.
        others = where(
            array_function.Tensor(np.asarray(np.eye(n, dtype=bool), like=x.array)),
            1.0,
            rows.unsqueeze(-2),
        )
        slope = others.prod(-1) if n else rows
        moved = [x.shape[i] for i in (*kept, *ctx.axes)]
        back = np.argsort((*kept, *ctx.axes)).tolist()
        return gy.reshape(shape) * slope.reshape(moved).permute(back)


class Extremum(ArrayFunction):
    """y = the largest (or smallest) of x along axes; ties share the gradient equally."""

    in_float32 = True

    @staticmethod
    def forward(
        ctx: ArrayFunction, x: Array, axes: Shape, keepdim: bool, reduce: Callable[..., Array]
    ) -> Array:
        if 0 in [x.shape[a] for a in axes]:
            raise IndexError(
                f"a{reduce.__name__}: the tensor of shape {x.shape} has no elements along {axes}"
            )
        y = reduce(x, axis=axes, keepdims=True)
        hit = (x == y) | (np.isnan(x) & np.isnan(y))
        ctx.keep((hit / hit.sum(axis=axes, keepdims=True)).astype(x.dtype))
        ctx.axes = axes
        return y if keepdim else y.reshape([s for i, s in enumerate(x.shape) if i not in axes])

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (share,) = ctx.kept
        return Mul.apply(gy.reshape(kept_shape(share.shape, ctx.axes)), share)


def sum(
    input: Tensor, dim: Dims | None = None, keepdim: bool = False, *, dtype: DTypeLike | None = None
) -> Tensor:
    """Sum elements along `dim` (all axes by default); integers and booleans are summed in int64.

    With `dtype` input is converted first, and the sum has that dtype: integers wrap around.
    """
    if dtype is not None:
        dtype = dtypes.check_dtype(dtype, "sum")
        return sum(input.to(dtype), dim, keepdim).to(dtype)
    return apply_one(Sum, input, axes=axes_of(dim, input.array.ndim, "sum"), keepdim=keepdim)


def prod(
    input: Tensor, dim: Dims | None = None, keepdim: bool = False, *, dtype: DTypeLike | None = None
) -> Tensor:
    """Multiply elements along `dim`, or all of them; integers and booleans in int64.

    With `dtype` input is converted first, and the product has that dtype: integers wrap around.
    """
    if dtype is not None:
        dtype = dtypes.check_dtype(dtype, "prod")
        return prod(input.to(dtype), dim, keepdim).to(dtype)
    return Prod.apply(input, axes=axes_of(dim, input.ndim, "prod"), keepdim=keepdim)


def amax(input: Tensor, dim: Dims = (), keepdim: bool = False) -> Tensor:
    """Find the largest elements along axes; ties share the gradient; NaN if there is one."""
    return Extremum.apply(
        input,
        axes=axes_of(dim, input.ndim, "amax"),
        keepdim=keepdim,
        reduce=np.max,
    )


def amin(input: Tensor, dim: Dims = (), keepdim: bool = False) -> Tensor:
    """Find the smallest elements along axes; ties share the gradient; NaN if there is one."""
    return Extremum.apply(
        input,
        axes=axes_of(dim, input.ndim, "amin"),
        keepdim=keepdim,
        reduce=np.min,
    )


@overload
def max(input: Tensor, dim: None = None, keepdim: bool = False) -> Tensor: ...
@overload
def max(input: Tensor, dim: Tensor, keepdim: bool = False) -> Tensor: ...
@overload
def max(input: Tensor, dim: int, keepdim: bool = False) -> ValuesAndIndices: ...
def max(
    input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False
) -> Tensor | ValuesAndIndices:
    """Find the largest element; with `dim` a pair (values, indices).

    Ties go to the first; a NaN gives NaN. With a Tensor in place of `dim`: the elementwise
    `maximum`.
    """
    if isinstance(dim, array_function.Tensor):
        return input.maximum(dim)
    return amax(input) if dim is None else _with_indices("max", input, argmax, dim, keepdim)


@overload
def min(input: Tensor, dim: None = None, keepdim: bool = False) -> Tensor: ...
@overload
def min(input: Tensor, dim: Tensor, keepdim: bool = False) -> Tensor: ...
@overload
def min(input: Tensor, dim: int, keepdim: bool = False) -> ValuesAndIndices: ...
def min(
    input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False
) -> Tensor | ValuesAndIndices:
    """Find the smallest element; with `dim` a pair (values, indices).

    Ties go to the first; a NaN gives NaN. With a Tensor in place of `dim`: the elementwise
    `minimum`.
    """
    if isinstance(dim, array_function.Tensor):
        return input.minimum(dim)
    return amin(input) if dim is None else _with_indices("min", input, argmin, dim, keepdim)


def _with_indices(
    name: str, input: Tensor, locate: Callable[..., Tensor], dim: int, keepdim: bool
) -> ValuesAndIndices:
    if one_axis_of(dim, input.ndim, name) is None:
        return ValuesAndIndices(input.clone(), locate(input))
    indices = locate(input, dim, keepdim=True)
    values = input.gather(dim, indices)
    if not keepdim:
        values, indices = values.squeeze(dim), indices.squeeze(dim)
    return ValuesAndIndices(values, indices)


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Find the index (int64) of the first largest element along `dim`, or when flattened."""
    return _located(np.argmax, "argmax", input, dim, keepdim)


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Find the index (int64) of the first smallest element along `dim`, or when flattened."""
    return _located(np.argmin, "argmin", input, dim, keepdim)


def _located(
    locate: Callable[..., Array], name: str, input: Tensor, dim: int | None, keepdim: bool
) -> Tensor:
    x = input.array
    axes = axes_of(dim, x.ndim, name)
    if dim is not None:
        one_axis_of(dim, x.ndim, name)
    if 0 in [x.shape[a] for a in axes]:
        raise IndexError(f"{name}: the tensor of shape {x.shape} has no elements along {axes}")
    if dim is None or not axes:
        where_ = locate(x).reshape((1,) * x.ndim if keepdim else ())
    else:
        where_ = locate(x, axis=axes[0], keepdims=keepdim)
    return array_function.Tensor(where_.astype(dtypes.int64, copy=False))


def any(input: Tensor, dim: Dims | None = None, keepdim: bool = False) -> Tensor:
    """Whether any element along `dim` is non-zero, as a bool, or as uint8 for uint8.

    dim: all axes by default, none for an empty tuple.
    """
    return _truth(np.any, "any", input, dim, keepdim)


def all(input: Tensor, dim: Dims | None = None, keepdim: bool = False) -> Tensor:
    """Whether all elements along `dim` are non-zero, as a bool, or as uint8 for uint8.

    dim: all axes by default, none for an empty tuple.
    """
    return _truth(np.all, "all", input, dim, keepdim)


def _truth(
    reduce: Callable[..., Array], name: str, input: Tensor, dim: Dims | None, keepdim: bool
) -> Tensor:
    x = input.array
    if isinstance(dim, (tuple, list)) and not dim:
        found = x != 0  # along no axis, as in PyTorch
    else:
        found = reduce(x, axis=axes_of(dim, x.ndim, name), keepdims=keepdim)
    return array_function.Tensor(found.astype(x.dtype) if x.dtype == dtypes.uint8 else found)


class Cumsum(ArrayFunction):
    """y_i = x_0 + ... + x_i along an axis; the gradient accumulates from the other end."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, axis: int) -> Array:
        ctx.axis = axis
        if x.dtype == dtypes.float32:  # sequential sums of a million elements lose a percent
            return x.cumsum(axis, dtypes.float64).astype(x.dtype)
        return x.cumsum(axis, sum_dtype(x))

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return gy.flip(ctx.axis).cumsum(ctx.axis).flip(ctx.axis)


def cumsum(input: Tensor, dim: int, *, dtype: DTypeLike | None = None) -> Tensor:
    """Compute the running sum along `dim`; integers and booleans are summed in int64.

    With `dtype` input is converted first, and the sums have that dtype: integers wrap around.
    """
    if dtype is not None:
        dtype = dtypes.check_dtype(dtype, "cumsum")
        return cumsum(input.to(dtype), dim).to(dtype)
    axis = one_axis_of(dim, input.ndim, "cumsum")
    if axis is None:
        floating = input.dtype.kind in dtypes.FLOATS
        return input.clone() if floating else input.to(dtypes.int64, copy=True)
    return Cumsum.apply(input, axis=axis)
