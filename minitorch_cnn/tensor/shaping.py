"""More rearrangements of the same numbers, composed of those in movement.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .. import dtypes
from ..autograd import array_function
from ..autograd.array_function import ArrayFunction
from .copying import owner_of
from .movement import axis_of, expand, flip, reshape, sizes_of, transpose, view
from .promotion import check_broadcast

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, Dims


class Unfold(ArrayFunction):
    """y[.., o, .., k] = x[.., o step + k, ..]: windows along an axis, as a view.

    The view is read-only if windows overlap; on a GPU it is a copy.
    """

    is_view = never_warns = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, axis: int, size: int, step: int) -> Array:
        ctx.axis, ctx.size, ctx.step, ctx.length = axis, size, step, x.shape[axis]
        outputs = (x.shape[axis] - size) // step + 1
        block = _block(x)
        if block is None:
            places = np.add.outer(np.arange(outputs) * step, np.arange(size))
            y = x[(slice(None),) * axis + (np.asarray(places, like=x),)]
            return np.moveaxis(y, axis + 1, -1)
        shape, strides = list(x.shape), list(x.strides)
        shape[axis] = outputs
        strides[axis] *= step
        offset = _address(x) - _address(block)
        y = np.ndarray((*shape, size), x.dtype, block, offset, (*strides, x.strides[axis]))
        y.flags.writeable = x.flags.writeable and (step >= size or outputs == 1)
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return UnfoldBackward.apply(
            gy, axis=ctx.axis, size=ctx.size, step=ctx.step, length=ctx.length
        )


class UnfoldBackward(ArrayFunction):
    """gx: the sum of the gradients of all windows at each position; the adjoint of Unfold."""

    in_float32 = True

    @staticmethod
    def forward(
        ctx: ArrayFunction, gy: Array, axis: int, size: int, step: int, length: int
    ) -> Array:
        ctx.axis, ctx.size, ctx.step = axis, size, step
        outputs = gy.shape[axis]
        shape = list(gy.shape[:-1])
        shape[axis] = length
        gx = np.zeros(shape, gy.dtype, like=gy)
        for k in range(size):
            read = slice(k, k + (outputs - 1) * step + 1, step)
            gx[(slice(None),) * axis + (read,)] += gy[..., k]
        return gx

    @staticmethod
    def backward(ctx: ArrayFunction, ggx: Tensor) -> Tensor:
        return Unfold.apply(ggx, axis=ctx.axis, size=ctx.size, step=ctx.step)


def _block(x: Array) -> Array | None:
    """The memory of x as an array in C order; None if that is impossible."""
    if type(x) is not np.ndarray or not x.size:
        return None
    owner = owner_of(x)
    block = owner.transpose(sorted(range(owner.ndim), key=lambda axis: -owner.strides[axis]))
    return block if block.flags.c_contiguous else None


def _address(x: Array) -> int:
    return x.__array_interface__["data"][0]


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """View all windows of `size` elements along `dimension`, `step` apart, in a new last axis.

    x (.., L, ..) -> y (.., (L - size) // step + 1, .., size); the only window of a 0-d tensor has
    just the axis `size`. Do not write to overlapping windows.

    Raises: RuntimeError for a size above that of the axis or a step below 1.
    """
    axis = axis_of(dimension, max(input.ndim, 1), "unfold")
    if input.ndim == 0:
        return unfold(input.reshape(1), 0, size, step)[0]
    length = input.shape[axis]
    if not 0 <= size <= length:
        raise RuntimeError(f"unfold: size={size} must lie in [0, {length}], the size of the axis")
    if step < 1:
        raise RuntimeError(f"unfold: step={step} must be at least 1")
    return Unfold.apply(input, axis=axis, size=size, step=step)


def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """Exchange two axes, under NumPy's name."""
    return transpose(input, axis0, axis1)


def t(input: Tensor) -> Tensor:
    """Transpose a matrix; with fewer axes it is unchanged. RuntimeError with more."""
    if input.ndim > 2:
        raise RuntimeError(f"t: input has {input.ndim} axes, must have at most two")
    return transpose(input, 0, 1) if input.ndim == 2 else input


def ravel(input: Tensor) -> Tensor:
    """Flatten to one axis, as a view if possible."""
    return reshape(input, -1) if input.array.size else reshape(input, 0)


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """Expand `input` to the shape of `other`."""
    return expand(input, other.shape)


def view_as(input: Tensor, other: Tensor) -> Tensor:
    """View `input` in the shape of `other`."""
    return view(input, other.shape)


def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """Reshape `input` to the shape of `other`."""
    return reshape(input, other.shape)


def broadcast_to(input: Tensor, size: Dims) -> Tensor:
    """Expand `input` to the sizes `size`, without a copy."""
    return expand(input, size)


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Expand all tensors to their common broadcast shape, without a copy."""
    check_broadcast("broadcast_tensors", *(t.shape for t in tensors))
    shape = np.broadcast_shapes(*(t.shape for t in tensors))
    return tuple(expand(t, shape) for t in tensors)


def broadcast_shapes(*shapes: Dims) -> tuple[int, ...]:
    """Find the broadcast shape of several shapes; RuntimeError if there is none."""
    shapes = tuple(sizes_of((shape,), "broadcast_shapes") for shape in shapes)
    check_broadcast("broadcast_shapes", *shapes)
    return np.broadcast_shapes(*shapes)


def meshgrid(*tensors: Any, indexing: Literal["ij", "xy"] = "ij") -> tuple[Tensor, ...]:
    """Expand vectors to grids over all of them; each grid varies along its own axis.

    indexing="xy" exchanges the first two axes, as in images. Raises: ValueError for another
    indexing, RuntimeError for tensors with more than one axis.
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(*tensors)
    if indexing not in ("ij", "xy"):
        raise ValueError(f"meshgrid: indexing={indexing!r} must be 'ij' or 'xy'")
    for i, tensor in enumerate(tensors):
        if tensor.ndim > 1:
            raise RuntimeError(f"meshgrid: tensors[{i}] has {tensor.ndim} axes, must have one")
    vectors = [reshape(tensor, tensor.numel()) for tensor in tensors]
    crossed = indexing == "xy" and len(vectors) > 1
    if crossed:
        vectors[:2] = vectors[1::-1]
    sizes = [len(vector) for vector in vectors]
    grids = [
        expand(reshape(v, *(n if i == j else 1 for j, n in enumerate(sizes))), sizes)
        for i, v in enumerate(vectors)
    ]
    if crossed:
        grids[:2] = grids[1::-1]
    return tuple(grids)


def tile(input: Tensor, *times: Dims, dims: Dims | None = None) -> Tensor:
    """Repeat `input` dims[i] times along axis i, counted from the last axis."""
    dims = sizes_of(times, "tile", dims)
    return input.repeat((1,) * (input.ndim - len(dims)) + dims)


def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Rotate `input` by k right angles in the plane of two axes, from the first to the second."""
    dims = sizes_of((dims,), "rot90")
    if len(dims) != 2:
        raise RuntimeError(f"rot90: dims={dims} must be two axes")
    a, b = (axis_of(d, input.ndim, "rot90") for d in dims)
    if a == b:
        raise RuntimeError(f"rot90: dims={dims} must be two different axes")
    k %= 4
    if k == 0:
        return input.clone()
    if k == 2:
        return flip(input, a, b)
    return flip(transpose(input, a, b), a if k == 1 else b)


def fliplr(input: Tensor) -> Tensor:
    """Reverse the order of the second axis, in a copy."""
    return flip(input, 1)


def flipud(input: Tensor) -> Tensor:
    """Reverse the order of the first axis, in a copy."""
    return flip(input, 0)


def numel(input: Tensor) -> int:
    """The number of elements."""
    return input.array.size


def is_tensor(obj: object) -> bool:
    """Whether `obj` is a Tensor."""
    return isinstance(obj, array_function.Tensor)


def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is a float."""
    return input.array.dtype.kind in dtypes.FLOATS
