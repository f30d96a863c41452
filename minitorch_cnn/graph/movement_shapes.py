"""Shapes of operators that move numbers: reshape, transpose, concat, slice, gather, pad, resize."""

from __future__ import annotations

import math
from typing import Any

from .given import Given, Type, unknown
from .sizes import UNKNOWN, Free, Shape, Size, agree, one_of, product


def reshape(g: Given) -> list[Type]:
    x, target = g.shape(0), g.known(1)
    if target is None:
        given = g.shape(1)
        ndim = given[0] if given and isinstance(given[0], int) else None
        return [Type(g.dtype(), None if ndim is None else unknown(g.rank(ndim)))]
    kept: list[int] = []
    if not g.get("allowzero") and 0 in target:
        if x is None:
            return [Type(g.dtype(), unknown(len(target)))]
        kept = [i for i, n in enumerate(target) if n == 0]
        target = [x[i] if n == 0 else n for i, n in enumerate(target)]
    if -1 in target:
        rest = product(n for n in target if n != -1)
        size = UNKNOWN
        if x is not None:
            given = [n for i, n in enumerate(target) if n != -1 and i not in kept]
            size = _quotient(tuple(n for i, n in enumerate(x) if i not in kept), given)
        if isinstance(size, int) and isinstance(rest, int) and x is not None:
            whole = product(x)
            if isinstance(whole, int) and size * rest != whole:
                g.refuse(f"shape {tuple(target)} cannot hold the elements of {x}")
        target = [size if n == -1 else n for n in target]
    elif x is not None and not agree(product(x), product(target)):
        g.refuse(f"shape {tuple(target)} cannot hold the elements of {x}")
    return [Type(g.dtype(), tuple(target))]


def _quotient(x: Shape, given: list[Any]) -> Size:
    """prod(x) / prod(given), with the free sizes that both have cancelled first."""
    left, divisor = list(x), []
    for n in given:
        if isinstance(n, Free) and n != UNKNOWN and n in left:
            left.remove(n)
        else:
            divisor.append(n)
    whole, part = product(left), product(divisor)
    if part == 0:
        return 0
    return whole // part


def flatten(g: Given) -> list[Type]:
    x = g.shape()
    if x is None:
        return [Type(g.dtype(), unknown(2))]
    axis = g.get("axis")
    axis = axis + len(x) if axis < 0 else axis
    return [Type(g.dtype(), (product(x[:axis]), product(x[axis:])))]


def transpose(g: Given) -> list[Type]:
    x = g.shape()
    if x is None:
        return [Type(g.dtype(), None)]
    perm = g.get("perm") or tuple(range(len(x)))[::-1]
    if sorted(perm) != list(range(len(x))):
        g.refuse(f"perm={perm} must name each of the {len(x)} axes once")
    return [Type(g.dtype(), tuple(x[i] for i in perm))]


def squeeze(g: Given) -> list[Type]:
    x = g.shape()
    if x is None or (g.has(1) and g.known(1) is None):
        return [Type(g.dtype(), None)]
    axes = g.axes(1, len(x)) if g.has(1) else [i for i, n in enumerate(x) if n == 1]
    for axis in axes or ():
        if not agree(x[axis], 1):
            g.refuse(f"axis {axis} of {x} must have the size 1")
    return [Type(g.dtype(), tuple(n for i, n in enumerate(x) if i not in (axes or ())))]


def unsqueeze(g: Given) -> list[Type]:
    x, axes = g.shape(), g.known(1)
    if x is None or axes is None:
        return [Type(g.dtype(), None)]
    ndim = len(x) + len(axes)
    places = sorted(g.axis(axis, ndim) for axis in axes)
    shape = list(x)
    for place in places:
        shape.insert(place, 1)
    return [Type(g.dtype(), tuple(shape))]


def broadcast(g: Given, *shapes: Shape | None) -> Shape | None:
    """The common shape of several that broadcast."""
    if any(shape is None for shape in shapes):
        return None
    known: list[Any] = [shape for shape in shapes if shape is not None]
    ndim = max(map(len, known))
    common: list[Size] = []
    for axis in range(ndim):
        size: Size = 1
        for shape in known:
            n = shape[axis - ndim + len(shape)] if axis - ndim + len(shape) >= 0 else 1
            if n == 1:
                continue
            if size != 1 and not agree(size, n) and isinstance(size, int) and isinstance(n, int):
                g.refuse(f"shapes {' and '.join(map(str, known))} do not broadcast")
            size = n if size == 1 else one_of(size, n)
        common.append(size)
    return tuple(common)


def expand(g: Given) -> list[Type]:
    target = g.known(1)
    return [Type(g.dtype(), None if target is None else broadcast(g, g.shape(), tuple(target)))]


def tile(g: Given) -> list[Type]:
    x, repeats = g.shape(), g.known(1)
    if x is None or repeats is None:
        return [Type(g.dtype(), None if x is None else unknown(len(x)))]
    return [Type(g.dtype(), tuple(n * r for n, r in zip(x, repeats, strict=True)))]


def concat(g: Given) -> list[Type]:
    shapes = [g.shape(i) for i in range(len(g.node.inputs))]
    first = shapes[0]
    if first is None or None in shapes:
        return [Type(g.dtype(), None)]
    axis, out = g.axis(g.get("axis"), len(first)), list(first)
    for shape in shapes[1:]:
        fits = shape is not None and len(shape) == len(first)
        pairs = enumerate(zip(out, shape or (), strict=False))
        if not fits or not all(agree(n, m) for i, (n, m) in pairs if i != axis):
            g.refuse(f"shapes {first} and {shape} do not join along axis {axis}")
        out = [n + m if i == axis else one_of(n, m)
               for i, (n, m) in enumerate(zip(out, shape or (), strict=True))]  # fmt: skip
    return [Type(g.dtype(), tuple(out))]


def split(g: Given) -> list[Type]:
    x, count = g.shape(), len(g.node.outputs)
    if x is None:
        return [Type(g.dtype(), None)] * count
    axis, sizes = g.axis(g.get("axis"), len(x)), g.known(1)
    if sizes is None and not g.has(1):
        n, parts = x[axis], g.get("num_outputs") or count
        if isinstance(n, int):
            if parts != count:
                g.refuse(f"num_outputs={parts} must be the number of its outputs, {count}")
            each = -(-n // parts)
            sizes = [min(each, n - i * each) for i in range(parts)]
    sizes = sizes or [UNKNOWN] * count
    if len(sizes) != count or not agree(sum(sizes[1:], sizes[0]), x[axis]):
        g.refuse(f"split={sizes} must give the {count} parts of the size {x[axis]}")
    return [Type(g.dtype(), (*x[:axis], n, *x[axis + 1 :])) for n in sizes]


def slice_(g: Given) -> list[Type]:
    x, starts, ends = g.shape(), g.known(1), g.known(2)
    if x is None:
        return [Type(g.dtype(), None)]
    axes = g.axes(3, len(x)) if g.has(3) else tuple(range(len(starts or ())))
    steps = g.known(4) if g.has(4) else [1] * len(starts or ())
    if starts is None or ends is None or axes is None or steps is None:
        return [Type(g.dtype(), unknown(len(x)))]
    out = list(x)
    for axis, a, b, step in zip(axes, starts, ends, steps, strict=True):
        out[axis] = _sliced(out[axis], a, b, step)
    return [Type(g.dtype(), tuple(out))]


def _sliced(n: Any, a: Any, b: Any, step: Any) -> Size:
    if all(isinstance(v, int) for v in (n, a, b, step)):
        # Python's own rule, in which an end of -1 and one before the first differ.
        low = -1 if step < 0 else 0
        high = n - 1 if step < 0 else n
        a, b = (max(v + n, low) if v < 0 else v for v in (a, b))
        return len(range(min(a, high), min(b, high), step))
    if step == 1 and a == 0 and isinstance(b, int) and b > 2**31 - 2:
        return n
    if step == 1 and isinstance(a, int) and isinstance(b, int) and b > 2**31 - 2 and a > 0:
        return n - a
    if step == 1 and isinstance(a, int) and a >= 0 and isinstance(b, int) and b < 0:
        return n + b - a
    return n if a == 0 and b == n and step == 1 else UNKNOWN


def gather(g: Given) -> list[Type]:
    x, at = g.shape(0), g.shape(1)
    if x is None or at is None:
        return [Type(g.dtype(), None)]
    axis = g.axis(g.get("axis"), len(x))
    return [Type(g.dtype(), (*x[:axis], *at, *x[axis + 1 :]))]


def gather_elements(g: Given) -> list[Type]:
    return [Type(g.dtype(), g.shape(1))]


def scatter(g: Given) -> list[Type]:
    return [Type(g.dtype(), g.shape(0))]


def pad(g: Given) -> list[Type]:
    x, pads = g.shape(), g.known(1)
    if x is None or pads is None or (g.has(3) and g.known(3) is None):
        return [Type(g.dtype(), None if x is None else unknown(len(x)))]
    axes = (g.axes(3, len(x)) if g.has(3) else None) or tuple(range(len(x)))
    if len(pads) != 2 * len(axes):
        g.refuse(f"pads={pads} must hold two numbers for each of {len(axes)} axes")
    out = list(x)
    for i, axis in enumerate(axes):
        out[axis] = out[axis] + pads[i] + pads[i + len(axes)]
    return [Type(g.dtype(), tuple(out))]


def resize(g: Given) -> list[Type]:
    x = g.shape()
    if x is None:
        return [Type(g.dtype(), None)]
    axes = [g.axis(a, len(x)) for a in g.get("axes") or range(len(x))]
    scales, sizes = (g.numbers.get(g.node.inputs[i]) if g.has(i) else None for i in (2, 3))
    out: list[Size] = list(x)
    if sizes is not None:
        for axis, n in zip(axes, sizes.tolist(), strict=True):
            out[axis] = n
    elif scales is not None and len(scales):
        for axis, scale in zip(axes, scales.tolist(), strict=True):
            n = out[axis]
            whole = int(scale) if scale == int(scale) else None
            out[axis] = (
                math.floor(n * scale) if isinstance(n, int)
                else UNKNOWN if whole is None else n * whole
            )  # fmt: skip
    else:
        out = [UNKNOWN if i in axes else n for i, n in enumerate(x)]
    return [Type(g.dtype(), tuple(out))]


def depth_to_space(g: Given) -> list[Type]:
    x, b = g.shape(), g.get("blocksize")
    if x is None:
        return [Type(g.dtype(), None)]
    if isinstance(x[1], int) and x[1] % (b * b):
        g.refuse(f"{x[1]} channels must be a multiple of blocksize={b} squared")
    return [Type(g.dtype(), (x[0], x[1] // (b * b), x[2] * b, x[3] * b))]


def space_to_depth(g: Given) -> list[Type]:
    x, b = g.shape(), g.get("blocksize")
    if x is None:
        return [Type(g.dtype(), None)]
    return [Type(g.dtype(), (x[0], x[1] * (b * b), x[2] // b, x[3] // b))]
