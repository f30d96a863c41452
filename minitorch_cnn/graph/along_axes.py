"""Operators along axes of a graph: reductions, positions, running sums."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..tensor import Tensor, arange
from .ir import Node
from .small import ints

X = Tensor


def reduction(f: Callable[[X, tuple[int, ...], bool], X]) -> Callable[..., X]:
    def implementation(node: Node, x: X, axes: X | None = None) -> X:
        along = tuple(a % x.ndim for a in ints(axes)) if x.ndim else ()
        if not along:
            if node.get("noop_with_empty_axes"):
                return x
            along = tuple(range(x.ndim))
        return f(x, along, bool(node.get("keepdims"))).to(x.dtype)

    return implementation


def mean_of(x: X, axes: tuple[int, ...], keep: bool) -> X:
    return (x if x.dtype.kind in dtypes.FLOATS else x.to(dtypes.float64)).mean(axes, keep)


def largest(x: X, axes: tuple[int, ...], keep: bool, sign: int) -> X:
    """The maximum (sign -1) or minimum (1); of nothing it is the smallest or largest number."""
    if all(x.shape[axis] for axis in axes):
        return x.amax(axes, keep) if sign < 0 else x.amin(axes, keep)
    if x.dtype.kind in dtypes.FLOATS:
        empty: Any = sign * math.inf
    elif x.dtype.kind == "b":
        empty = sign > 0
    else:
        limits = np.iinfo(x.dtype)
        empty = limits.max if sign > 0 else limits.min
    return (x.to(dtypes.float64).sum(axes, keep) * 0).to(x.dtype).fill_(empty)


def log_sum_exp(x: X, axes: tuple[int, ...], keep: bool) -> X:
    return x.logsumexp(axes, keep)


def located(name: str) -> Callable[..., X]:
    def implementation(node: Node, x: X) -> X:
        axis, keep = node.get("axis"), bool(node.get("keepdims"))
        if not node.get("select_last_index"):
            return getattr(x, name)(axis, keep)
        return x.shape[axis] - 1 - getattr(x.flip(axis), name)(axis, keep)

    return implementation


def cumsum(node: Node, x: X, axis: X) -> X:
    (along,) = ints(axis)
    x = x.flip(along) if node.get("reverse") else x
    y = x.cumsum(along).to(x.dtype)
    y = y - x if node.get("exclusive") else y
    return y.flip(along) if node.get("reverse") else y


def hardmax(node: Node, x: X) -> X:
    axis = node.get("axis") % x.ndim
    shape = tuple(-1 if i == axis else 1 for i in range(x.ndim))
    places = arange(x.shape[axis], device=x.device).reshape(shape)
    return (places == x.argmax(axis, keepdim=True)).to(x.dtype)


def top(node: Node, x: X, k: X) -> tuple[X, X]:
    values, at = x.topk(ints(k)[0], node.get("axis"), bool(node.get("largest")))
    return values, at
