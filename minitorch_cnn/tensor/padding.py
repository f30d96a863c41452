"""pad: a border around a tensor, filled with a constant or with what the tensor holds."""

from __future__ import annotations

import numpy as np

from ..autograd import function
from ..autograd.function import Function
from .indexing import index_select
from .movement import clone, sizes_of


class ConstantPad(Function):
    """x with `value` around it; negative widths crop, as the gradient of a border does."""

    def forward(ctx, x, widths, value):
        ctx.widths = widths
        shape = [n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)]
        y = np.empty(shape, x.dtype, like=x)
        y[...] = value
        inner = tuple(slice(max(a, 0), y.shape[i] - max(b, 0)) for i, (a, b) in enumerate(widths))
        outer = tuple(slice(max(-a, 0), x.shape[i] - max(-b, 0)) for i, (a, b) in enumerate(widths))
        y[inner] = x[outer]
        return y

    def backward(ctx, gy):
        return ConstantPad.apply(gy, widths=[(-a, -b) for a, b in ctx.widths], value=0)


def pad(input, pad, mode="constant", value=None):
    """`input` with a border: `pad` = (left, right, top, bottom, ...), from the last axis on;
    negative widths crop.

    mode "constant" (filled with `value`, 0 by default), "reflect" (border element not repeated),
    "replicate" (border element repeated), "circular" (entering from the other end). Raises
    ValueError for an unknown mode, RuntimeError where a width exceeds what the mode can fill.
    """
    pad = sizes_of((pad,))
    if len(pad) % 2 or len(pad) // 2 > input.ndim:
        raise RuntimeError(f"pad: pad={pad} must hold a pair for each of at most {input.ndim} axes")
    pairs = [(0, 0)] * (input.ndim - len(pad) // 2) + [
        (pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2)
    ]
    if mode == "constant":
        for n, (a, b) in zip(input.shape, pairs, strict=True):
            if n + a + b < 0:
                raise RuntimeError(
                    f"pad: pad={pad} takes more than there is of a tensor of shape {input.shape}"
                )
        if not any(a or b for a, b in pairs):
            return clone(input)
        return ConstantPad.apply(input, widths=pairs, value=0 if value is None else value)
    if mode not in ("reflect", "replicate", "circular"):
        raise ValueError(
            f"pad: mode={mode!r} must be 'constant', 'reflect', 'replicate' or 'circular'"
        )
    if value is not None and value != 0:
        raise ValueError(f"pad: value={value} belongs to mode 'constant', not to {mode!r}")
    for axis, (a, b) in enumerate(pairs):
        if a or b:
            places = np.asarray(_border(input.shape[axis], a, b, mode), like=input.data)
            input = index_select(input, axis, function.Tensor(places))
    return input


def _border(n: int, before: int, after: int, mode: str):
    """The positions on an axis of size n that fill it and its borders."""
    limit = {"reflect": n - 1, "replicate": np.inf if n else 0, "circular": n}[mode]
    if before > limit or after > limit:
        raise RuntimeError(
            f"pad: width {max(before, after)} exceeds what mode {mode!r} can fill from size {n}"
        )
    i = np.arange(-before, n + after)
    if mode == "replicate":
        return np.clip(i, 0, n - 1)
    if mode == "circular":
        return i % n
    i = np.abs(i)
    return np.where(i > n - 1, 2 * (n - 1) - i, i)
