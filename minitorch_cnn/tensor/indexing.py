"""Reading and writing parts of a tensor: x[key], x[key] = v."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import numpy as np

from .. import devices
from ..autograd import array_function
from ..autograd.array_function import ArrayFunction
from ..autograd.usual_calls import apply_one
from .arithmetic import unbroadcast

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, Shape

# The view ops that lead to a part of an array, each with its settings.
Path: TypeAlias = "Sequence[tuple[type[ArrayFunction], dict[str, Any]]]"


def array_keys(key: Any) -> tuple[tuple[Any, ...], ...]:
    """Convert an indexing key to one or two NumPy keys, to be applied in sequence.

    If integers and arrays occur together, the integers come first, as in PyTorch: NumPy would treat
    them as arrays too, and move axes. Each key ends in an Ellipsis, with which NumPy returns a 0-d
    view instead of a number.
    """
    if type(key) is int:  # the most common key
        return ((key, Ellipsis),)
    given: tuple[Any, ...] = key if isinstance(key, tuple) else (key,)
    parts = [_array_key(part) for part in given]
    if not any(part is Ellipsis for part in parts):
        parts.append(Ellipsis)
    has_integers = any(isinstance(part, (int, np.integer)) for part in parts)
    if is_basic(parts) or not has_integers:
        return (tuple(parts),)
    first: list[Any] = []
    second: list[Any] = []
    for part in parts:
        if devices.is_array(part):
            first += [slice(None)] * (part.ndim if part.dtype.kind == "b" else 1)
        else:
            first.append(part)
        if part is Ellipsis or devices.is_array(part):
            second.append(part)
        elif part is None or isinstance(part, slice):
            second.append(slice(None))
    return tuple(first), tuple(second)


def _array_key(part: Any) -> Any:
    """One part of a key, with tensors, lists and truth values converted to arrays.

    uint8 is a mask, as in PyTorch, whose only mask type it once was.
    """
    if isinstance(part, array_function.Tensor):
        part = part.array
    elif isinstance(part, (list, range)):
        numbers: Any = part
        part = np.asarray(numbers, dtype=None if len(numbers) else np.int64)
    elif isinstance(part, (bool, np.bool_)):
        part = np.asarray(part)
    if devices.is_array(part):
        if part.dtype == np.uint8:
            part = part != 0
        if part.dtype.kind not in "iub":
            raise IndexError(
                f"index: tensors used as indices must be integer or bool, got {part.dtype}"
            )
        if part.ndim == 0 and part.dtype.kind != "b":
            part = int(part)
    elif isinstance(part, slice) and part.step is not None and part.step <= 0:
        raise ValueError(f"index: step={part.step} of a slice must be greater than zero; use flip")
    return part


def is_basic(key: Iterable[Any]) -> bool:
    """Whether a key consists of integers, slices, None and Ellipsis only: the result is a view."""
    return not any(map(devices.is_array, key))


class Index(ArrayFunction):
    """y = x[key]."""

    never_warns = True
    is_view = True  # for basic keys; the engine itself checks whether memory is shared

    @staticmethod
    def compute(x: Array, key: tuple[Any, ...]) -> Array:
        return x[key]

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, key: tuple[Any, ...]) -> Array:
        ctx.key, ctx.shape = key, x.shape
        return x[key]

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return apply_one(IndexAdd, gy, key=ctx.key, shape=ctx.shape)


class IndexAdd(ArrayFunction):
    """y = zeros, y[key] += x: repeated positions add up. The adjoint of `Index`."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, key: tuple[Any, ...], shape: Shape) -> Array:
        ctx.key = key
        y = np.zeros(shape, x.dtype, like=x)
        if is_basic(key) or all(part.dtype.kind == "b" for part in key if devices.is_array(part)):
            y[key] = x
        else:
            np.add.at(y, key, x)
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return Index.apply(gy, key=ctx.key)


class Assign(ArrayFunction):
    """y = x with the part at `path` replaced by `value`.

    A path is a sequence of view ops (class, settings); only the last may be an index that is not a
    view. x itself is overwritten, or with `order` a copy with its axes in that memory order.
    """

    @staticmethod
    def forward(
        ctx: ArrayFunction, x: Array, value: Array, path: Path, order: list[int] | None = None
    ) -> Array:
        ctx.path, ctx.value_shape = path, np.shape(value)
        # A view in one layout may be a copy in another: the gradient gets the layout of x.
        ctx.order = sorted(range(x.ndim), key=lambda axis: -abs(x.strides[axis]))
        y = x if order is None else x.transpose(order).copy().transpose(np.argsort(order).tolist())
        part = follow(y, path[:-1])
        cls, settings = path[-1]
        if cls is Index:
            part[settings["key"]] = value
        else:
            follow(part, path[-1:])[...] = value
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        gx = gvalue = None
        if ctx.needs_input_grad[0]:
            gx = Assign.apply(gy, np.zeros((), gy.dtype), path=ctx.path, order=ctx.order)
        if ctx.needs_input_grad[1]:
            for cls, settings in ctx.path:
                gy = cls.apply(gy, **settings)
            gvalue = _sum_to(gy, ctx.value_shape)
        return gx, gvalue


def _sum_to(g: Tensor, shape: Shape) -> Tensor:
    lead = len(shape) - g.ndim
    return unbroadcast(g, shape[lead:]).reshape(shape) if lead > 0 else unbroadcast(g, shape)


def follow(array: Array, path: Path) -> Array:
    """The part of `array` that a path of view ops leads to."""
    for cls, settings in path:
        array = cls.forward(cls(), array, **settings)
    return array


def getitem(input: Tensor, key: Any) -> Tensor:
    """Index a tensor: a view for integers, slices, None, Ellipsis; a copy for tensors and lists."""
    steps = array_keys(key)
    if devices.elsewhere:
        steps = keys_beside(input.array, steps, "index")
    try:
        for step in steps:
            input = apply_one(Index, input, key=step)
        return input
    except IndexError as error:
        raise IndexError(f"index: {error}") from None


def keys_beside(
    array: Array, keys: tuple[tuple[Any, ...], ...], name: str
) -> tuple[tuple[Any, ...], ...]:
    """Keys for `array`, with those on the CPU moved to its device.

    RuntimeError, in the name of the function `name`, for indices on another device.
    """
    if not devices.elsewhere:
        return keys
    place = devices.device_of(array)
    for i, part in enumerate(part for key in keys for part in key):
        if devices.is_array(part) and devices.device_of(part) not in ("cpu", place):
            raise RuntimeError(
                f"{name}: indices[{i}] on {devices.device_of(part)} must be on the CPU or, "
                f"like the input, on {place}"
            )
    return tuple(
        tuple(devices.moved(x, place, name) if devices.is_array(x) else x for x in key)
        for key in keys
    )


@overload
def nonzero(input: Tensor, *, as_tuple: Literal[False] = False) -> Tensor: ...
@overload
def nonzero(input: Tensor, *, as_tuple: Literal[True]) -> tuple[Tensor, ...]: ...
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Tensor | tuple[Tensor, ...]:
    """Find the positions of the non-zero elements, one per row.

    With `as_tuple` the result is one tensor per axis, which together index `input`.
    """
    if as_tuple:
        places = np.nonzero(np.atleast_1d(input.array))
        return tuple(array_function.Tensor(i.astype(np.int64, copy=False)) for i in places)
    return array_function.Tensor(np.argwhere(input.array).astype(np.int64, copy=False))


def argwhere(input: Tensor) -> Tensor:
    """Find the positions of the non-zero elements, one per row: `nonzero` under NumPy's name."""
    return nonzero(input)
