"""Shapes of the other operators: elementwise, products, reductions, norms, casts and constants."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from .given import Given, Type, unknown
from .movement_shapes import broadcast
from .sizes import UNKNOWN, agree


def same(g: Given) -> list[Type]:
    """Elementwise of one input; a second output (a mask) has its shape, too."""
    types = [Type(g.dtype(), g.shape()), Type(dtypes.bool_, g.shape())]
    return types[: len(g.node.outputs)]


def of_several(g: Given) -> list[Type]:
    """Elementwise of inputs that broadcast."""
    count = len(g.node.inputs)
    return [Type(g.dtype(), broadcast(g, *(g.shape(i) for i in range(count))))]


def truth(g: Given) -> list[Type]:
    return [of_several(g)[0]._replace(dtype=dtypes.bool_)]


def where(g: Given) -> list[Type]:
    return [Type(g.dtype(1), broadcast(g, *(g.shape(i) for i in range(3))))]


def gemm(g: Given) -> list[Type]:
    a, b = g.shape(0), g.shape(1)
    if a is None or b is None:
        return [Type(g.dtype(), unknown(2))]
    if len(a) != 2 or len(b) != 2:
        g.refuse(f"{a} and {b} must be matrices")
    a = a[::-1] if g.get("transA") else a
    b = b[::-1] if g.get("transB") else b
    if not agree(a[1], b[0]):
        g.refuse(f"matrices of shapes {a} and {b} do not meet")
    return [Type(g.dtype(), (a[0], b[1]))]


def matmul(g: Given) -> list[Type]:
    a, b = g.shape(0), g.shape(1)
    if a is None or b is None:
        return [Type(g.dtype(), None)]
    left, right = ((1, *a) if len(a) == 1 else a), ((*b, 1) if len(b) == 1 else b)
    if not a or not b or not agree(left[-1], right[-2]):
        g.refuse(f"matrices of shapes {a} and {b} do not meet")
    lead: Any = broadcast(g, left[:-2], right[:-2])
    rows = () if len(a) == 1 else (left[-2],)
    columns = () if len(b) == 1 else (right[-1],)
    return [Type(g.dtype(), (*lead, *rows, *columns))]


def reduced(g: Given) -> list[Type]:
    """Reductions along the axes of the second input, all of them by default."""
    x = g.shape()
    if x is None or (g.has(1) and g.known(1) is None):
        same_rank = unknown(len(x)) if x is not None and g.get("keepdims") else None
        return [Type(g.dtype(), same_rank)]
    axes = g.axes(1, len(x)) if g.has(1) else ()
    if not axes:
        if g.get("noop_with_empty_axes"):
            return [Type(g.dtype(), x)]
        axes = tuple(range(len(x)))
    return [Type(g.dtype(), _without(x, axes, g.get("keepdims")))]


def located(g: Given) -> list[Type]:
    """ArgMax and ArgMin."""
    x = g.shape()
    if x is None:
        return [Type(dtypes.int64, None)]
    return [Type(dtypes.int64, _without(x, (g.axis(g.get("axis"), len(x)),), g.get("keepdims")))]


def _without(x: Any, axes: Any, keep: Any) -> Any:
    if keep:
        return tuple(1 if i in axes else n for i, n in enumerate(x))
    return tuple(n for i, n in enumerate(x) if i not in axes)


def channels(g: Given) -> list[Type]:
    """A norm with one scale for each channel."""
    x, scale = g.shape(0), g.shape(1)
    if x is not None and scale is not None and not (len(x) > 1 and agree(x[1], scale[0])):
        g.refuse(f"scale of shape {scale} must have one number per channel of {x}")
    return [Type(g.dtype(), x), *[Type(g.dtype(1), scale)] * (len(g.node.outputs) - 1)]


def layer_norm(g: Given) -> list[Type]:
    x = g.shape()
    if x is None:
        return [Type(g.dtype(), None)] * len(g.node.outputs)
    axis = g.axis(g.get("axis"), len(x))
    rest = Type(g.dtype(), tuple(1 if i >= axis else n for i, n in enumerate(x)))
    return [Type(g.dtype(), x), *[rest] * (len(g.node.outputs) - 1)]


def cast(g: Given) -> list[Type]:
    return [Type(np.dtype(g.get("to")), g.shape())]


def shape_of(g: Given) -> list[Type]:
    x = g.shape()
    if x is None:
        return [Type(dtypes.int64, unknown(1))]
    return [Type(dtypes.int64, (len(range(len(x))[g.get("start") : g.get("end")]),))]


def size_of(g: Given) -> list[Type]:
    return [Type(dtypes.int64, ())]


def constant(g: Given) -> list[Type]:
    value = np.asarray(g.get("value"))
    return [Type(value.dtype, value.shape)]


def constant_of_shape(g: Given) -> list[Type]:
    value, shape = g.get("value"), g.known(0)
    dtype = dtypes.float32 if value is None else np.asarray(value).dtype
    return [Type(dtype, None if shape is None else tuple(shape))]


def range_(g: Given) -> list[Type]:
    ends = [g.known(i) for i in range(3)]
    if None in ends or any(not isinstance(e[0], (int, float)) for e in ends if e):
        return [Type(g.dtype(), unknown(1))]
    start, stop, step = (e[0] for e in ends if e)
    return [Type(g.dtype(), (max(int(np.ceil((stop - start) / step)), 0),))]


def lstm(g: Given) -> list[Type]:
    """X (T, N, I), W (D, 4 H, I), R (D, 4 H, H) -> Y (T, D, N, H), Y_h and Y_c (D, N, H)"""
    x, r = g.shape(0), g.shape(2)
    if x is None or r is None:
        return [Type(g.dtype(), None)] * len(g.node.outputs)
    if g.get("layout"):
        g.refuse("layout=1 is not supported")
    time, batch = x[:2]
    d, h = r[0], r[2]
    types = [(time, d, batch, h), (d, batch, h), (d, batch, h)]
    return [Type(g.dtype(), shape) for shape in types[: len(g.node.outputs)]]


def top(g: Given) -> list[Type]:
    x, k = g.shape(), g.known(1)
    if x is None:
        return [Type(g.dtype(), None), Type(dtypes.int64, None)]
    axis = g.axis(g.get("axis"), len(x))
    shape = (*x[:axis], UNKNOWN if k is None else k[0], *x[axis + 1 :])
    return [Type(g.dtype(), shape), Type(dtypes.int64, shape)]
