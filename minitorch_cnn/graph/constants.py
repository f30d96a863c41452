"""Shapes, constants and numbers in a row."""

from __future__ import annotations

import numpy as np

from ..tensor import Tensor
from .ir import Node
from .small import ints

X = Tensor


def shape(node: Node, x: X) -> X:
    return Tensor(np.asarray(x.shape[node.get("start") : node.get("end")], np.int64, like=x.array))


def constant(node: Node) -> X:
    return Tensor(np.array(node.get("value")))


def full(node: Node, shape: X) -> X:
    value = node.get("value")
    value = np.zeros(1, np.float32) if value is None else np.asarray(value)
    y = np.empty(ints(shape), value.dtype, like=shape.array)
    y[...] = value.ravel()[0]
    return Tensor(y)


def range_(node: Node, start: X, stop: X, step: X) -> X:
    ends = [ints(x)[0] for x in (start, stop, step)]
    return Tensor(np.asarray(np.arange(*ends, dtype=start.dtype), like=start.array))
