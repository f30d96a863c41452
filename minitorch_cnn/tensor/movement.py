"""Operations that rearrange numbers without changing them: reshape, permute, expand, flip, copy."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import devices, dtypes
from ..autograd import array_function
from ..autograd.array_function import ArrayFunction
from ..autograd.usual_calls import apply_one
from .arithmetic import unbroadcast

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, DeviceLike, Dims, DType, DTypeLike, Shape


class Reshape(ArrayFunction):
    """The same numbers in another shape; a view if the memory layout allows it."""

    is_view = never_warns = True

    @staticmethod
    def compute(x: Array, shape: Shape) -> Array:
        return x.reshape(shape)

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, shape: Shape) -> Array:
        ctx.shape = x.shape
        return x.reshape(shape)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return apply_one(Reshape, gy, shape=ctx.shape)


class Permute(ArrayFunction):
    """Axis i of y is axis dims[i] of x."""

    is_view = never_warns = True

    @staticmethod
    def compute(x: Array, dims: Shape) -> Array:
        return x.transpose(dims)

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, dims: Shape) -> Array:
        ctx.dims = dims
        return x.transpose(dims)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        back = [0] * len(ctx.dims)
        for i, d in enumerate(ctx.dims):
            back[d] = i
        return apply_one(Permute, gy, dims=tuple(back))


class Expand(ArrayFunction):
    """y repeats x along axes of size 1 without copying; the gradient sums over the repeats."""

    is_view = never_warns = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, shape: Shape) -> Array:
        ctx.shape = x.shape
        return np.broadcast_to(x, shape)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return unbroadcast(gy, ctx.shape)


class Flip(ArrayFunction):
    """The order of elements reversed along axes."""

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, axes: Shape) -> Array:
        ctx.axes = axes
        return np.flip(x, axes).copy()

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return Flip.apply(gy, axes=ctx.axes)


class Roll(ArrayFunction):
    """Elements shifted along axes; those pushed out at one end enter at the other."""

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, shifts: Shape, axes: Shape) -> Array:
        ctx.shifts, ctx.axes = shifts, axes
        return np.roll(x, shifts, axes)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return Roll.apply(gy, shifts=tuple(-s for s in ctx.shifts), axes=ctx.axes)


class Cast(ArrayFunction):
    """The same numbers in another dtype."""

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, dtype: DType) -> Array:
        ctx.dtype = x.dtype
        with np.errstate(all="ignore"):
            return x.astype(dtype)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return gy.to(ctx.dtype)


class Move(ArrayFunction):
    """The same numbers on another device."""

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, device: str) -> Array:
        ctx.device = devices.device_of(x)
        return devices.moved(x, device, "to")

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return Move.apply(gy, device=ctx.device)


class Clone(ArrayFunction):
    """A copy in new memory."""

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array) -> Array:
        return x.copy()

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return gy


def sizes_of(args: Sequence[Any], name: str, named: Any = None) -> tuple[int, ...]:
    """Integers given one by one, as one sequence, or by keyword (`named`).

    TypeError if nothing, both, or anything but integers is given.
    """
    if named is not None:
        if args:
            raise TypeError(f"{name}: {args!r} and {named!r} are given, must be one of them")
        args = (named,)
    elif not args:
        raise TypeError(f"{name}: integers must be given, one by one or as a sequence")
    for n in args:
        if type(n) is not int:
            break
    else:
        usual: Any = args
        return usual
    if len(args) == 1 and not hasattr(args[0], "__index__"):
        args = args[0]
    try:
        return tuple(map(operator.index, args))
    except TypeError:
        raise TypeError(f"{name}: {args!r} must be integers") from None


def axis_of(dim: int, ndim: int, name: str) -> int:
    """`dim` counted from the front; IndexError if a tensor of `ndim` axes has no such axis."""
    if not -ndim <= dim < ndim:
        raise IndexError(f"{name}: dim={dim} must lie in [{-ndim}, {ndim - 1}]")
    return dim % ndim


def _resolved(shape: Shape, size: int, name: str) -> tuple[int, ...]:
    """`shape` with any -1 resolved; RuntimeError if it cannot hold `size` elements."""
    if prod(shape) == size and (len(shape) < 2 or min(shape) >= 0):
        return shape
    known = prod(n for n in shape if n != -1)
    unknown = shape.count(-1)
    fits = known == size if not unknown else unknown == 1 and known > 0 and size % known == 0
    if not fits or min(shape, default=0) < -1:
        raise RuntimeError(f"{name}: shape {list(shape)} cannot hold {size} elements")
    return tuple(size // known if n == -1 else n for n in shape)


def reshape(input: Tensor, *sizes: Dims, shape: Dims | None = None) -> Tensor:
    """Return the elements in `shape` (one size may be -1): a view if possible, else a copy.

    Give the sizes one by one, as a sequence, or as `shape=`.
    """
    sizes = sizes_of(sizes, "reshape", shape)
    return apply_one(Reshape, input, shape=_resolved(sizes, input.array.size, "reshape"))


def view(input: Tensor, *sizes: Dims, size: Dims | None = None) -> Tensor:
    """View the same memory in another shape (one size may be -1).

    RuntimeError if that requires a copy. A dtype instead of sizes is refused: use `to`.
    """
    sizes = sizes_of(sizes, "view", size)
    y = apply_one(Reshape, input, shape=_resolved(sizes, input.array.size, "view"))
    if y._base is None:  # it was copied
        raise RuntimeError(
            f"view: shape {list(y.shape)} cannot be laid over a tensor of shape {input.shape} and "
            f"strides {input.array.strides} bytes without a copy; use reshape"
        )
    return y


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Merge axes start_dim to end_dim (inclusive) into one."""
    if input.ndim == 0:
        return reshape(input, 1)
    a, b = axis_of(start_dim, input.ndim, "flatten"), axis_of(end_dim, input.ndim, "flatten")
    if a > b:
        raise RuntimeError(f"flatten: start_dim={start_dim} must not come after end_dim={end_dim}")
    shape = input.shape
    return reshape(input, *shape[:a], prod(shape[a : b + 1]), *shape[b + 1 :])


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Split axis `dim` into `sizes` (one may be -1)."""
    axis = axis_of(dim, input.ndim, "unflatten")
    sizes = _resolved(tuple(sizes), input.shape[axis], "unflatten")
    return reshape(input, *input.shape[:axis], *sizes, *input.shape[axis + 1 :])


def permute(input: Tensor, *axes: Dims, dims: Dims | None = None) -> Tensor:
    """Reorder the axes: axis i of the result is axis dims[i] of `input`."""
    dims = sizes_of(axes, "permute", dims)
    axes = tuple(axis_of(d, input.ndim, "permute") for d in dims)
    if sorted(axes) != list(range(input.ndim)):
        raise RuntimeError(f"permute: dims={dims} must name each of the {input.ndim} axes once")
    return apply_one(Permute, input, dims=axes)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Exchange two axes; a 0-d tensor is unchanged."""
    return apply_one(Permute, input, dims=_exchanged(input.array.ndim, dim0, dim1))


@lru_cache
def _exchanged(ndim: int, dim0: int, dim1: int) -> tuple[int, ...]:
    """The order of axes after the exchange of two; IndexError if one does not exist."""
    a, b = axis_of(dim0, ndim or 1, "transpose"), axis_of(dim1, ndim or 1, "transpose")
    dims = list(range(ndim))
    if ndim:
        dims[a], dims[b] = b, a
    return tuple(dims)


def movedim(input: Tensor, source: Dims, destination: Dims) -> Tensor:
    """Move the axes `source` to the positions `destination`; the others keep their order.

    Both are integers, or sequences of equal length.
    """
    source, destination = (sizes_of((d,), "movedim") for d in (source, destination))
    if len(source) != len(destination):
        raise RuntimeError(
            f"movedim: source={source} and destination={destination} must be of equal length"
        )
    places, axes = (
        [axis_of(d, input.ndim or 1, "movedim") for d in dims] for dims in (destination, source)
    )
    if len(set(places)) < len(places) or len(set(axes)) < len(axes):
        raise RuntimeError(
            f"movedim: source={source} or destination={destination} names an axis twice"
        )
    if input.ndim == 0:
        return apply_one(Permute, input, dims=())
    dims = [i for i in range(input.ndim) if i not in axes]
    for place, axis in sorted(zip(places, axes, strict=True)):
        dims.insert(place, axis)
    return apply_one(Permute, input, dims=tuple(dims))


def squeeze(input: Tensor, dim: Dims | None = None) -> Tensor:
    """Remove the axes of size 1 (all, or those in `dim`)."""
    if dim is None:
        axes = range(input.ndim)
    else:
        axes = {axis_of(d, max(input.ndim, 1), "squeeze") for d in sizes_of((dim,), "squeeze")}
    return apply_one(
        Reshape, input, shape=tuple(n for i, n in enumerate(input.shape) if n != 1 or i not in axes)
    )


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """Insert a new axis of size 1 at `dim`."""
    axis = axis_of(dim, input.ndim + 1, "unsqueeze")
    return apply_one(Reshape, input, shape=(*input.shape[:axis], 1, *input.shape[axis:]))


def expand(input: Tensor, *sizes: Dims, size: Dims | None = None) -> Tensor:
    """Repeat axes of size 1 to `sizes` without a copy; -1 leaves an axis unchanged."""
    sizes = sizes_of(sizes, "expand", size)
    lead = len(sizes) - input.ndim
    target = tuple(
        input.shape[i - lead] if n == -1 and i >= lead else n for i, n in enumerate(sizes)
    )
    if lead < 0 or any(
        n < 0 or (i >= lead and input.shape[i - lead] not in (1, n)) for i, n in enumerate(target)
    ):
        raise RuntimeError(
            f"expand: a tensor of shape {input.shape} cannot be expanded to {list(sizes)}"
        )
    return apply_one(Expand, input, shape=target)


def flip(input: Tensor, *axes: Dims, dims: Dims | None = None) -> Tensor:
    """Reverse the order of elements along `dims`, in a copy; dims as numbers or a sequence."""
    axes = tuple(axis_of(d, input.ndim or 1, "flip") for d in sizes_of(axes, "flip", dims))
    if len(set(axes)) < len(axes):
        raise RuntimeError(f"flip: dims={axes} names an axis twice")
    if input.ndim == 0:
        axes = ()
    return Flip.apply(input, axes=axes)


def roll(input: Tensor, shifts: Dims, dims: Dims | None = None) -> Tensor:
    """Shift elements along `dims`, cyclically; without `dims` the tensor is flattened."""
    if dims is None:
        return reshape(roll(flatten(input), shifts, 0), input.shape)
    shifts, dims = sizes_of((shifts,), "roll"), sizes_of((dims,), "roll")
    if len(shifts) != len(dims):
        raise RuntimeError(f"roll: shifts={shifts} and dims={dims} must be of equal length")
    return Roll.apply(
        input, shifts=shifts, axes=tuple(axis_of(d, input.ndim, "roll") for d in dims)
    )


def clone(input: Tensor, *, memory_format: str | None = None) -> Tensor:
    """Copy a tensor to new memory; gradients flow through the copy.

    The copy is in order, whatever the `memory_format`.
    """
    if memory_format is not None:
        dtypes.check_memory_format(memory_format, "clone")
    return apply_one(Clone, input)


def contiguous(input: Tensor, memory_format: str | None = None) -> Tensor:
    """Return `input` itself if its elements are in memory in order, else such a copy.

    `memory_format` is ignored.
    """
    if memory_format is not None:
        dtypes.check_memory_format(memory_format, "contiguous")
    return input if input.array.flags.c_contiguous else clone(input)


def to(
    input: Tensor,
    *args: Any,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: str | None = None,
) -> Tensor:
    """Convert `input` to another dtype or device; itself if nothing changes, unless `copy` is set.

    to(dtype), to(device), to(device, dtype) and to(other_tensor) work as in PyTorch, each followed
    by non_blocking and copy. `non_blocking` and `memory_format` change no result.
    Raises: ValueError for an unknown device, RuntimeError for one that is missing or too small.
    """
    flags = 0
    for arg in args:
        if isinstance(arg, array_function.Tensor):
            dtype, device = arg.dtype, arg.device
        elif arg is True or arg is False:
            flags += 1
            copy = arg if flags == 2 else copy
        elif devices.names_device(arg):
            device = arg
        elif arg is not None:
            dtype = arg
    if memory_format is not None:
        dtypes.check_memory_format(memory_format, "to")
    y = input
    if device is not None:
        device = devices.check_device(device, "to")
        if device != y.device:
            y = Move.apply(y, device=device)
    if dtype is not None and dtype != y.array.dtype:
        y = Cast.apply(y, dtype=dtypes.check_dtype(dtype, "to"))
    return clone(input) if copy and y is input else y
