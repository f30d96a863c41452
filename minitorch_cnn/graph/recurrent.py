"""LSTM: ONNX's operator, one step of time after another, in one or two directions."""

from __future__ import annotations

from .. import functional as F
from ..tensor import Tensor, cat, stack, zeros
from .ir import Node


def lstm(
    node: Node,
    x: Tensor,
    w: Tensor,
    r: Tensor,
    b: Tensor | None = None,
    lengths: Tensor | None = None,
    h0: Tensor | None = None,
    c0: Tensor | None = None,
    peepholes: Tensor | None = None,
) -> tuple[Tensor, ...]:
    """x (T, N, I), w (D, 4H, I), r (D, 4H, H), b (D, 8H), h0 and c0 (D, N, H)
    -> y (T, D, N, H), y_h and y_c (D, N, H); the gates' order is i, o, f, c.
    """
    activations = node.get("activations")
    usual = ["sigmoid", "tanh", "tanh"] * w.shape[0]
    for attribute, plain in (("clip", None), ("input_forget", 0), ("layout", 0)):
        if node.get(attribute) not in (plain, None):
            _refuse(node, f"{attribute}={node.get(attribute)}")
    if activations and [a.lower() for a in activations] != usual:
        _refuse(node, f"activations={activations}")
    if lengths is not None and (lengths != x.shape[0]).any().item():
        _refuse(node, "sequences of different lengths are")
    if peepholes is not None:
        _refuse(node, "peepholes are")
    d, hidden = w.shape[0], r.shape[2]
    empty = zeros(d, x.shape[1], hidden, dtype=x.dtype, device=x.device)
    h0, c0 = (empty if s is None else s for s in (h0, c0))
    runs = []
    for k in range(d):
        backwards = node.get("direction") == "reverse" or k == 1
        steps = list(x.unbind(0))[:: -1 if backwards else 1]
        bias = None if b is None else b[k, : 4 * hidden] + b[k, 4 * hidden :]
        hs, h, c = _run(steps, h0[k], c0[k], w[k], r[k], bias)
        runs.append((stack(hs[:: -1 if backwards else 1], 0), h, c))
    ys, hs, cs = zip(*runs, strict=True)
    results = stack(ys, 1), stack(hs, 0), stack(cs, 0)
    return results[: len(node.outputs)]


def _run(
    steps: list[Tensor], h: Tensor, c: Tensor, w: Tensor, r: Tensor, b: Tensor | None
) -> tuple[list[Tensor], Tensor, Tensor]:
    weight = cat([w, r], 1)
    hs = []
    for x in steps:
        i, o, f, g = F.linear(cat([x, h], 1), weight, b).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        hs.append(h)
    return hs, h, c


def _refuse(node: Node, what: str) -> None:
    raise ValueError(f"{node.name} (LSTM): {what} not supported")
