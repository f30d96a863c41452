"""pad: a border around a tensor, filled with a constant or from the tensor's elements."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..autograd import array_function
from ..autograd.array_function import ArrayFunction
from .gathering import index_select
from .movement import clone, sizes_of
from .promotion import as_tensor, fitting

if TYPE_CHECKING:
    from .tensor import Tensor
    from .types import Array, Dims, TensorLike


class ConstantPad(ArrayFunction):
    """x with `value` around it; negative widths crop, as in the gradient of a border."""

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, widths: list[tuple[int, int]], value: Array) -> Array:
        ctx.widths = widths
        shape = [n + a + b for n, (a, b) in zip(x.shape, widths, strict=True)]
        y = np.empty(shape, x.dtype, like=x)
        y[...] = value
        inner = tuple(slice(max(a, 0), y.shape[i] - max(b, 0)) for i, (a, b) in enumerate(widths))
        outer = tuple(slice(max(-a, 0), x.shape[i] - max(-b, 0)) for i, (a, b) in enumerate(widths))
        y[inner] = x[outer]
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return ConstantPad.apply(gy, widths=[(-a, -b) for a, b in ctx.widths], value=0)


def pad(input: TensorLike, pad: Dims, mode: str = "constant", value: float | None = None) -> Tensor:
    """Pad `input` with a border: `pad` = (left, right, top, bottom, ...), from the last axis on.

    mode "constant" (filled with `value`, 0 by default), "reflect" (border element not repeated),
    "replicate" (border element repeated), "circular" (wrapped around). Negative widths crop;
    "circular" crops first and wraps the rest. PyTorch supports only some numbers of axes in the
    last three modes, here any number works.

    Raises: ValueError for an unknown mode or a value outside "constant", TypeError for widths that
    are not integers, RuntimeError for widths that crop more than the size or exceed what the mode
    can fill, and for a value that the dtype cannot hold.
    """
    input = as_tensor(input, "pad")
    widths = sizes_of((pad,), "pad")
    if len(widths) % 2 or len(widths) // 2 > input.ndim:
        raise RuntimeError(
            f"pad: pad={widths} must hold a pair for each of at most {input.ndim} axes"
        )
    pairs = [(0, 0)] * (input.ndim - len(widths) // 2) + [
        (widths[i], widths[i + 1]) for i in range(len(widths) - 2, -1, -2)
    ]
    least = 1 if mode in ("reflect", "replicate") else 0
    for n, (a, b) in zip(input.shape, pairs, strict=True):
        if n + min(a, 0) + min(b, 0) < 0 or ((a or b) and n + a + b < least):
            raise RuntimeError(
                f"pad: pad={widths} takes more than there is of a tensor of shape {input.shape}"
            )
    if mode == "constant":
        if not any(a or b for a, b in pairs):
            return clone(input)
        filling = fitting(0 if value is None else value, input.dtype, "pad")
        return ConstantPad.apply(input, widths=pairs, value=filling)
    if mode not in _PLACES:
        raise ValueError(
            f"pad: mode={mode!r} must be 'constant', 'reflect', 'replicate' or 'circular'"
        )
    if value is not None and value != 0:
        raise ValueError(f"pad: value={value} belongs to mode 'constant', not to {mode!r}")
    for axis, (a, b) in enumerate(pairs):
        if a or b:
            places = np.asarray(_border(input.shape[axis], a, b, mode), like=input.array)
            input = index_select(input, axis, array_function.Tensor(places))
    return input


def _border(n: int, before: int, after: int, mode: str) -> Array:
    """The source positions of an axis of size n and its borders."""
    places, widest = _PLACES[mode]
    limit = widest(n, before, after)
    if before > limit or after > limit:
        raise RuntimeError(
            f"pad: width {max(before, after)} exceeds what mode {mode!r} can fill from size {n}"
        )
    return places(n, before, after)


def _reflected(n: int, before: int, after: int) -> Array:
    i = np.abs(np.arange(-before, n + after))
    return np.where(i > n - 1, 2 * (n - 1) - i, i)


def _repeated(n: int, before: int, after: int) -> Array:
    return np.clip(np.arange(-before, n + after), 0, n - 1)


def _wrapped(n: int, before: int, after: int) -> Array:
    left = _left(n, before, after)
    first = max(-before, 0)
    return first + np.arange(-max(before, 0), left + max(after, 0)) % max(left, 1)


def _left(n: int, before: int, after: int) -> int:
    """The size that remains of an axis of size n after negative widths."""
    return n + min(before, 0) + min(after, 0)


def _but_one(n: int, before: int, after: int) -> int:
    return n - 1


def _any_width(n: int, before: int, after: int) -> float:
    return math.inf if n else 0


# For each mode: the positions, and the widest border, of an axis of size n.
_PLACES = {
    "reflect": (_reflected, _but_one),
    "replicate": (_repeated, _any_width),
    "circular": (_wrapped, _left),
}
