"""Operators that move numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtypes
from .. import functional as F
from ..tensor import Tensor, where
from ..tensor.padding import pad as padded
from .ir import Node
from .small import ints, known

X = Tensor


def reshape(node: Node, x: X, shape: X) -> X:
    sizes = ints(shape)
    if not node.get("allowzero"):
        sizes = [x.shape[i] if n == 0 else n for i, n in enumerate(sizes)]
    return x.reshape(sizes)


def flatten(node: Node, x: X) -> X:
    axis = node.get("axis")
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


def transpose(node: Node, x: X) -> X:
    return x.permute(node.get("perm") or tuple(range(x.ndim))[::-1])


def squeeze(node: Node, x: X, axes: X | None = None) -> X:
    return x.squeeze() if axes is None else x.squeeze(tuple(ints(axes)))


def unsqueeze(node: Node, x: X, axes: X) -> X:
    ndim = x.ndim + len(ints(axes))
    for axis in sorted(a % ndim for a in ints(axes)):
        x = x.unsqueeze(axis)
    return x


def expand(node: Node, x: X, shape: X) -> X:
    return x.expand(np.broadcast_shapes(x.shape, tuple(ints(shape))))


def split(node: Node, x: X, sizes: X | None = None) -> tuple[X, ...]:
    axis, count = node.get("axis"), len(node.outputs)
    if sizes is not None:
        return x.split(ints(sizes), axis)
    n, parts = x.shape[axis], node.get("num_outputs") or count
    each = -(-n // parts)
    return x.split([max(min(each, n - i * each), 0) for i in range(parts)], axis)


def slice_(
    node: Node, x: X, starts: X, ends: X, axes: X | None = None, steps: X | None = None
) -> X:
    along = ints(axes) or list(range(len(ints(starts))))
    key: list[Any] = [slice(None)] * x.ndim
    for axis, a, b, step in zip(
        along, ints(starts), ints(ends), ints(steps) or [1] * len(along), strict=True
    ):
        n = x.shape[axis]
        if step > 0:
            key[axis] = slice(*slice(a, b, step).indices(n))
            continue
        first, last = (a + n if a < 0 else a), (max(b + n, -1) if b < 0 else b)
        places = list(range(min(first, n - 1), last, step))
        x = x.index_select(axis, Tensor(np.asarray(places, np.int64, like=x.array)))
    return x[tuple(key)]


def positive(at: X, n: int) -> X:
    """Indices counted from the front."""
    array = known(at)
    if array is not None and (array >= 0).all():
        return at if at.dtype == dtypes.int64 else at.to(dtypes.int64)
    return where(at < 0, at + n, at).to(dtypes.int64)


def gather(node: Node, x: X, at: X) -> X:
    axis = node.get("axis") % x.ndim
    places = positive(at, x.shape[axis])
    y = x.index_select(axis, places.reshape(-1))
    return y.reshape((*x.shape[:axis], *at.shape, *x.shape[axis + 1 :]))


def gather_elements(node: Node, x: X, at: X) -> X:
    axis = node.get("axis") % x.ndim
    return x.gather(axis, positive(at, x.shape[axis]))


_PADDING = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def pad(node: Node, x: X, pads: X, value: X | None = None, axes: X | None = None) -> X:
    along = [a % x.ndim for a in ints(axes)] or list(range(x.ndim))
    widths, given = [(0, 0)] * x.ndim, ints(pads)
    for i, axis in enumerate(along):
        widths[axis] = given[i], given[i + len(along)]
    mode = _PADDING[node.get("mode")]
    filling = ints(value)[0] if value is not None and mode == "constant" else None
    return padded(x, [n for pair in reversed(widths) for n in pair], mode, filling)


def tile(node: Node, x: X, repeats: X) -> X:
    return x.repeat(ints(repeats))


def depth_to_space(node: Node, x: X) -> X:
    b = node.get("blocksize")
    if node.get("mode") == "CRD":
        return F.pixel_shuffle(x, b)
    n, c, h, w = x.shape
    y = x.reshape(n, b, b, c // (b * b), h, w).permute(0, 3, 4, 1, 5, 2)
    return y.reshape(n, c // (b * b), h * b, w * b)


def space_to_depth(node: Node, x: X) -> X:
    b = node.get("blocksize")
    n, c, h, w = x.shape
    order = (0, 1, 3, 5, 2, 4) if node.get("mode") == "CRD" else (0, 3, 5, 1, 2, 4)
    y = x.reshape(n, c, h // b, b, w // b, b).permute(order)
    return y.reshape(n, c * b * b, h // b, w // b)


def trilu(node: Node, x: X, k: X | None = None) -> X:
    diagonal = ints(k)[0] if k is not None else 0
    return x.triu(diagonal) if node.get("upper") else x.tril(diagonal)
