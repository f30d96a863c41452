"""Indexing of a captured tensor as nodes: x[key] as Slice, Gather, Squeeze and Unsqueeze, and
x[key] = new as Slice and Concat, or Where.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..tensor import Tensor
from .recorder import BEYOND
from .standin import Standin, View

if TYPE_CHECKING:
    from .recorder import Recorder


def _parts(rec: Recorder, x: Standin, key: Any) -> list[Any]:
    """The key as a list: one part for each axis of x, and None for each new axis.

    An Ellipsis is replaced by full slices.
    """
    given = list(key) if isinstance(key, tuple) else [key]
    taken = sum(_axes_of(part) for part in given)
    full = [slice(None)] * (x.ndim - taken)
    at = next((i for i, part in enumerate(given) if part is Ellipsis), None)
    if at is None:
        return given + full
    return given[:at] + full + given[at + 1 :]


def _axes_of(part: Any) -> int:
    if part is None or part is Ellipsis:
        return 0
    if _is_array(part) and part.dtype.kind == "b":
        return part.ndim
    return 1


def _is_array(part: Any) -> bool:
    return isinstance(part, (Standin, np.ndarray)) or hasattr(part, "__cuda_array_interface__")


def indexed(rec: Recorder, x: Standin, key: Any) -> Standin:
    """Record x[key], for any key of NumPy. The result is a view unless the key has an array."""
    parts = _parts(rec, x, key)
    arrays = [part for part in parts if _is_array(part)]
    y = _sliced(rec, x, parts)
    if arrays:
        return _gathered(rec, y, [part for part in parts if not isinstance(part, int)])
    if y is x:
        y = Standin(rec, x.value)
    y.view = View(
        x,
        lambda base: _sliced(rec, base, parts),
        lambda base, new: assigned(rec, base, tuple(parts), new),
    )
    return y


def _sliced(rec: Recorder, x: Standin, parts: list[Any]) -> Standin:
    """Record the slices, integers and new axes of a key. Where it has arrays, the axes stay."""
    starts, ends, axes, steps, integers, new = [], [], [], [], [], []
    axis = place = 0
    for part in parts:
        if part is None:
            new.append(place)
            place += 1
            continue
        if isinstance(part, (int, np.integer)):
            n = x.shape[axis]
            if not -n <= part < n:
                raise IndexError(f"index {part} is out of bounds for axis {axis} with size {n}")
            integers.append((axis, int(part)))
            axis += 1
            continue
        if isinstance(part, slice):
            if part != slice(None):
                starts.append(0 if part.start is None else int(part.start))
                ends.append(BEYOND if part.stop is None else int(part.stop))
                axes.append(axis)
                steps.append(1 if part.step is None else int(part.step))
            axis += 1
        else:
            axis += _axes_of(part)
        place += 1
    if axes:
        given = [starts, ends, axes] if set(steps) == {1} else [starts, ends, axes, steps]
        x = rec.emit("Slice", x, *given)
    for axis, at in reversed(integers):
        x = rec.emit("Gather", x, np.asarray(at, np.int64), axis=axis)
    return rec.emit("Unsqueeze", x, new) if new else x


def _gathered(rec: Recorder, x: Standin, parts: list[Any]) -> Standin:
    """Record the arrays of a key, which must index neighbouring axes.

    Several axes are first merged to one by a Reshape, because Gather has one axis.
    """
    places, axis = [], 0
    for part in parts:
        if _is_array(part):
            if part.dtype.kind == "b":
                part = _positions(rec, part)
                places += [(axis + i, p) for i, p in enumerate(part)]
                axis += len(part)
                continue
            places.append((axis, part))
        axis += 1
    axes = [a for a, _ in places]
    first, count = axes[0], len(axes)
    if axes != list(range(first, first + count)):
        rec.refuse("indexes by arrays along axes that are not neighbours")
    if count == 1:
        return rec.emit("Gather", x, _wide(rec, places[0][1]), axis=first)
    sizes = x.shape[first : first + count]
    flat: Any = 0
    for n, (_, at) in zip(sizes, places, strict=True):
        if isinstance(at, Standin):
            rec.refuse("indexes by several tensors that the graph computes")
        flat = flat * n + np.where(at < 0, at + n, at)
    shape = (*x.shape[:first], int(np.prod(sizes)), *x.shape[first + count :])
    return rec.emit("Gather", rec.emit("Reshape", x, list(shape)), np.asarray(flat), axis=first)


def _positions(rec: Recorder, mask: Any) -> list[np.ndarray]:
    if isinstance(mask, Standin):
        rec.refuse("selects elements by a mask that the graph computes: their number is not known")
    return list(np.nonzero(mask))


def _wide(rec: Recorder, at: Any) -> Any:
    if isinstance(at, Standin):
        return rec.cast(at, np.dtype(np.int64))
    return np.asarray(at).astype(np.int64)


def assigned(rec: Recorder, x: Standin, key: Any, new: Any) -> Standin:
    """Record x[key] = new, and return the value of x after it."""
    new = new.array if isinstance(new, Tensor) else new
    parts = _parts(rec, x, key)
    mask = parts[0] if parts and _is_array(parts[0]) else None
    if mask is not None and mask.dtype.kind == "b" and mask.shape == x.shape:
        if np.ndim(new) if not isinstance(new, Standin) else new.ndim:
            rec.refuse("writes several numbers where a mask holds")
        return rec.emit("Where", mask, _of_type(rec, new, x), x)
    if any(map(_is_array, parts)):
        rec.refuse("writes at positions that are given by arrays")
    ranges, seen = [], []  # of each axis: the positions written; the shape of x[key]
    axes = iter(x.shape)
    for part in parts:
        if part is None:
            seen.append(1)
            continue
        n = next(axes)
        if isinstance(part, slice):
            ranges.append(range(*part.indices(n)))
            seen.append(len(ranges[-1]))
        else:
            ranges.append(range(int(part) % n, int(part) % n + 1))
    if any(r.step != 1 for r in ranges):
        rec.refuse("writes with a step")
    new = _spread(rec, _of_type(rec, new, x), tuple(seen))
    full = [len(r) for r in ranges]
    if full != seen:
        new = rec.emit("Reshape", new, full)
    return _written(rec, x, 0, ranges, new)


def _written(rec: Recorder, x: Standin, axis: int, ranges: list[range], new: Standin) -> Standin:
    """Write `new` to the given ranges of x, starting at `axis`.

    Along that axis the result is the Concat of three pieces: the part of x before the range, the
    new part, and the part behind. Further axes are handled inside the new part.
    """
    while axis < x.ndim and len(ranges[axis]) == x.shape[axis]:
        axis += 1
    if axis == x.ndim:
        return new
    n, start, stop = x.shape[axis], ranges[axis].start, ranges[axis].stop
    if any(len(r) != m for r, m in zip(ranges[axis + 1 :], x.shape[axis + 1 :], strict=True)):
        inner = rec.emit("Slice", x, [start], [stop], [axis])
        new = _written(rec, inner, axis + 1, ranges, new)
    before = rec.emit("Slice", x, [0], [start], [axis]) if start else None
    behind = rec.emit("Slice", x, [stop], [BEYOND], [axis]) if stop < n else None
    joined = [piece for piece in (before, new, behind) if piece is not None]
    return rec.emit("Concat", *joined, axis=axis)


def _standing(rec: Recorder, x: Any) -> Standin:
    return x if isinstance(x, Standin) else rec.emit("Identity", x)


def _of_type(rec: Recorder, new: Any, x: Standin) -> Any:
    """`new` in the dtype of x, to which it is written."""
    if isinstance(new, Standin):
        return rec.cast(new, x.dtype)
    return np.asarray(new).astype(x.dtype)


def _spread(rec: Recorder, new: Any, shape: tuple[int, ...]) -> Standin:
    """`new` broadcast to `shape`."""
    if tuple(new.shape) == tuple(shape):
        return _standing(rec, new)
    return rec.emit("Expand", new, list(shape))
