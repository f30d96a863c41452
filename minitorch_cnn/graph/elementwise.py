"""Elementwise operators of a graph."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .. import dtypes
from .. import functional as F
from ..tensor import Tensor, ones, where, zeros
from .ir import Node
from .small import ints, plain

X = Tensor


def div(node: Node, a: X, b: X) -> X:
    return a / b if a.dtype.kind in dtypes.FLOATS else a.div(b, rounding_mode="trunc")


def mod(node: Node, a: X, b: X) -> X:
    return a.fmod(b) if node.get("fmod") else a % b


def pow_(node: Node, a: X, b: X) -> X:
    if b.numel() == 1 and not b.requires_grad and b.ndim <= a.ndim:
        return (a ** ints(b)[0]).to(a.dtype)
    return (a**b).to(a.dtype)


def prelu(node: Node, x: X, slope: X) -> X:
    return where(x > 0, x, x * slope)


def selu(node: Node, x: X) -> X:
    return F.elu(x, node.get("alpha")) * node.get("gamma")


def shrink(node: Node, x: X) -> X:
    lambd, bias = node.get("lambd"), node.get("bias")
    zero = x * 0
    return where(x < -lambd, x + bias, where(x > lambd, x - bias, zero)).to(x.dtype)


def clip(node: Node, x: X, low: X | None = None, high: X | None = None) -> X:
    """Clip. Between two numbers its gradient is that of ReLU6: 0 at the bounds, too."""
    if low is None and high is None:
        return x
    if low is not None and high is not None and x.dtype.kind == "f" and plain(low) and plain(high):
        least, most = ints(low)[0], ints(high)[0]
        if least <= most:
            six = (least, most) == (0, 6)
            return F.relu6(x) if six else F.hardtanh(x, least, most)
    return x.clamp(low, high).to(x.dtype)


def dropout(node: Node, x: X, ratio: X | None = None, training: X | None = None) -> Any:
    if len(node.outputs) == 1:
        return x
    return x, zeros(x.shape, dtype=dtypes.bool_, device=x.device) == 0


def dropout_in_training(node: Node, x: X, ratio: X | None = None, training: X | None = None) -> Any:
    p = 0.5 if ratio is None else float(ints(ratio)[0])
    if len(node.outputs) == 1:
        return F.dropout(x, p, training=True)
    kept = F.dropout(ones(x.shape, dtype=x.dtype, device=x.device), p, training=True)
    return x * kept, kept != 0


def is_inf(node: Node, x: X) -> X:
    found = x.isinf()
    if not node.get("detect_negative"):
        found = found & (x > 0)
    return found if node.get("detect_positive") else found & (x < 0)


def equal(node: Node, a: X, b: X) -> X:
    return a == b


def chain(op: Callable[[X, X], X]) -> Callable[..., X]:
    return lambda node, *xs: functools.reduce(op, xs)


def mean(node: Node, *xs: X) -> X:
    return functools.reduce(Tensor.__add__, xs) / len(xs)
