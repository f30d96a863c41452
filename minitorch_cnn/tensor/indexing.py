"""Reading and writing parts of a tensor: x[key], x[key] = v, gather, scatter, sorting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, overload

import numpy as np

from .. import devices, dtypes
from ..autograd import array_function
from ..autograd.array_function import ArrayFunction
from .arithmetic import unbroadcast
from .reduction import ValuesAndIndices, axes_of

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, Shape

# The view ops that lead to a part of an array, each with its settings.
Path: TypeAlias = "Sequence[tuple[type[ArrayFunction], dict[str, Any]]]"

X = TypeVar("X")


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
    def forward(ctx: ArrayFunction, x: Array, key: tuple[Any, ...]) -> Array:
        ctx.key, ctx.shape = key, x.shape
        return x[key]

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return IndexAdd.apply(gy, key=ctx.key, shape=ctx.shape)


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


class IndexSelect(ArrayFunction):
    """y = x taken at positions `indices` along an axis."""

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, indices: Array, axis: int) -> Array:
        ctx.indices, ctx.axis, ctx.size = indices, axis, x.shape[axis]
        return np.take(x, indices, axis)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return IndexSelectAdd.apply(gy, indices=ctx.indices, axis=ctx.axis, size=ctx.size)


class IndexSelectAdd(ArrayFunction):
    """y = zeros, with slices of x added at `indices` of an axis: the adjoint of `IndexSelect`."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, indices: Array, axis: int, size: int) -> Array:
        ctx.indices, ctx.axis = indices, axis
        y = np.zeros((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype, like=x)
        at: Any = (slice(None),) * axis + (indices,)
        np.add.at(y, at, x)
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return IndexSelect.apply(gy, indices=ctx.indices, axis=ctx.axis)


class Gather(ArrayFunction):
    """y[i, j] = x[i, index[i, j]] along axis 1 (and so for any axis)."""

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, index: Array, axis: int) -> Array:
        ctx.index, ctx.axis, ctx.shape = index, axis, x.shape
        return x[_grid(index, axis)]

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        zero = np.zeros(ctx.shape, gy.dtype, like=gy.array)
        return ScatterAdd.apply(zero, gy, index=ctx.index, axis=ctx.axis)


class ScatterAdd(ArrayFunction):
    """y = x, y[i, index[i, j]] += source[i, j] along axis 1 (and so for any axis)."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, source: Array, index: Array, axis: int) -> Array:
        ctx.index, ctx.axis, ctx.shape = index, axis, source.shape
        y = x.copy()
        np.add.at(y, _grid(index, axis), source[tuple(slice(n) for n in index.shape)])
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        gsource = (
            Gather.apply(gy, index=ctx.index, axis=ctx.axis) if ctx.needs_input_grad[1] else None
        )
        if gsource is not None and gsource.shape != ctx.shape:
            missing = [n - m for n, m in zip(ctx.shape, gsource.shape, strict=True)]
            gsource = gsource.pad([width for n in reversed(missing) for width in (0, n)])
        return gy, gsource


def _grid(index: Array, axis: int) -> tuple[Any, ...]:
    """The full key with `index` as the entry for `axis`; the other axes count up."""
    key: list[Array] = [
        np.arange(n, like=index).reshape((n,) + (1,) * (index.ndim - 1 - i))
        for i, n in enumerate(index.shape)
    ]
    key[axis] = index
    return tuple(key)


def getitem(input: Tensor, key: Any) -> Tensor:
    """Index a tensor: a view for integers, slices, None, Ellipsis; a copy for tensors and lists."""
    steps = keys_beside(input.array, array_keys(key), "index")
    try:
        for step in steps:
            input = Index.apply(input, key=step)
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


def row(x: X) -> X:
    """A 0-d tensor with one axis, as `dim` counts it; anything else unchanged."""
    y: Any = x.reshape(1) if isinstance(x, array_function.Tensor) and x.ndim == 0 else x
    return y


def _checked_index(name: str, input: Tensor, dim: int, index: Tensor) -> tuple[Array, int]:
    (axis,) = axes_of(dim, input.ndim, name)
    places = index.array
    if places.dtype.kind not in "iu":
        raise TypeError(f"{name}: index has dtype {index.dtype}, must be integer")
    n = input.shape[axis]
    if places.size and not (places.min() >= 0 and places.max() < n):
        raise IndexError(
            f"{name}: index holds {places.min()} to {places.max()}, must lie in [0, {n - 1}]"
        )
    return places, axis


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Select the slices of `input` at the positions `index` (1-D, integer) along `dim`."""
    if input.ndim == 0:
        if index.array.size != 1:
            raise IndexError(f"index_select: index of shape {index.shape} must hold one position")
        return index_select(row(input), dim, index).reshape(())
    places, axis = _checked_index("index_select", input, dim, index)
    if places.ndim > 1:
        raise IndexError(f"index_select: index has {places.ndim} axes, must have one")
    return IndexSelect.apply(input, indices=places.reshape(-1), axis=axis)


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Gather elements along an axis: y[i, j] = input[i, index[i, j]] for dim = 1.

    The result has the shape of `index`, which may be shorter than `input` along the other axes.
    """
    if input.ndim == 0 or index.ndim == 0:
        return gather(row(input), dim, row(index)).reshape(index.shape)
    places, axis = _checked_index("gather", input, dim, index)
    _check_shorter("gather", places.shape, input.shape, axis)
    return Gather.apply(input, index=places, axis=axis)


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Add src[i, j] to `input` at [i, index[i, j]] for dim = 1, and likewise for any axis."""
    if 0 in (input.ndim, index.ndim, src.ndim):
        return scatter_add(row(input), dim, row(index), row(src)).reshape(input.shape)
    places, axis = _checked_index("scatter_add", input, dim, index)
    _check_shorter("scatter_add", places.shape, input.shape, axis)
    _check_shorter("scatter_add", places.shape, src.shape, None)
    return ScatterAdd.apply(input, src, index=places, axis=axis)


def _check_shorter(name: str, index_shape: Shape, shape: Shape, axis: int | None) -> None:
    if len(index_shape) != len(shape) or any(
        n > m for i, (n, m) in enumerate(zip(index_shape, shape, strict=True)) if i != axis
    ):
        raise RuntimeError(
            f"{name}: index of shape {index_shape} does not fit a tensor of shape {shape}"
        )


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """`gather` along `dim`, with `input` and `indices` broadcast along the other axes.

    Without `dim`, both are flattened.
    """
    if dim is None:
        input, indices, dim = input.reshape(-1), indices.reshape(-1), 0
    if input.ndim == 0 or indices.ndim == 0:
        return take_along_dim(row(input), row(indices), dim).reshape(indices.shape)
    (axis,) = axes_of(dim, input.ndim, "take_along_dim")
    common = np.broadcast_shapes(
        tuple(1 if i == axis else n for i, n in enumerate(input.shape)),
        tuple(1 if i == axis else n for i, n in enumerate(indices.shape)),
    )
    sizes = [(*common[:axis], x.shape[axis], *common[axis + 1 :]) for x in (input, indices)]
    return gather(input.expand(*sizes[0]), axis, indices.expand(*sizes[1]))


def sort(
    input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False
) -> ValuesAndIndices:
    """Sort `input` along `dim`, returning a pair (values, indices).

    The order is ascending with NaN last, or descending with NaN first. Equal elements keep their
    order, whatever `stable` is.
    """
    if input.ndim == 0:
        axes_of(dim, 0, "sort")
        first = np.zeros((), dtypes.int64, like=input.array)
        return ValuesAndIndices(input.clone(), array_function.Tensor(first))
    (axis,) = axes_of(dim, input.ndim, "sort")
    x = input.array
    if descending:
        order = np.flip(x, axis).argsort(axis, kind="stable")
        order = np.flip(x.shape[axis] - 1 - order, axis).copy()
    else:
        order = x.argsort(axis, kind="stable")
    order = array_function.Tensor(order)
    return ValuesAndIndices(gather(input, axis, order), order)


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """Return the indices that sort `input` along `dim`."""
    return sort(input, dim, descending, stable).indices


def topk(
    input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> ValuesAndIndices:
    """Find the k largest (or smallest) elements along `dim`: a pair (values, indices).

    They are in order, whatever `sorted` is.
    """
    if input.ndim == 0:
        return sort(input, dim)
    (axis,) = axes_of(dim, input.ndim, "topk")
    if not 0 <= k <= input.shape[axis]:
        raise RuntimeError(
            f"topk: k={k} must lie in [0, {input.shape[axis]}], the size of axis {dim}"
        )
    values, indices = sort(input, axis, descending=largest)
    return ValuesAndIndices(values.narrow(axis, 0, k), indices.narrow(axis, 0, k))


@overload
def nonzero(input: Tensor, *, as_tuple: Literal[False] = False) -> Tensor: ...
@overload
def nonzero(input: Tensor, *, as_tuple: Literal[True]) -> tuple[Tensor, ...]: ...
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Tensor | tuple[Tensor, ...]:
    """Find the positions of the non-zero elements, one per row.

    With `as_tuple` the result is one tensor per axis, which together index `input`.
    """
    if as_tuple:
        return tuple(array_function.Tensor(i) for i in np.nonzero(np.atleast_1d(input.array)))
    return array_function.Tensor(np.argwhere(input.array))


def argwhere(input: Tensor) -> Tensor:
    """Find the positions of the non-zero elements, one per row: `nonzero` under NumPy's name."""
    return nonzero(input)
