"""Resampling with any number of taps: each output along an axis is a weighted sum of some inputs.

Bicubic interpolation has four taps; area averages and antialiased interpolation have as many as the
scale requires. One axis is resampled after another, so that the cost is the sum of the taps, not
their product.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from ..autograd.array_function import ArrayFunction
from ..kernels.resample import AxisMap, resample_forward, resample_input_grad
from ..kernels.segments import add_runs

if TYPE_CHECKING:
    from ..tensor.tensor import Tensor
    from ..tensor.types import Array


class Taps(NamedTuple):
    """The taps of the outputs along an axis: y[o] = sum over k of x[places[k, o]] weights[k, o].

    `used` marks the taps that count; the others pad rows of unequal length. Each row of `places`
    never decreases, as `add_runs` requires.
    """

    size: int
    places: np.ndarray  # (K, O)
    weights: np.ndarray  # (K, O)
    used: np.ndarray  # (K, O)


# A tuple of AxisMap or one of Taps, an entry for each axis.
Along: TypeAlias = "tuple[Any, ...]"


class Resample(ArrayFunction):
    """y = x resampled along its last axes.    x (N, C, *) -> y (N, C, *)

    along: one `AxisMap` per axis, up to two of whose elements make one of y, or one `Taps`.
    """

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, along: Along) -> Array:
        ctx.along = along
        if isinstance(along[0], AxisMap):
            return resample_forward(x, along)
        for axis, taps in zip(range(-len(along), 0), along, strict=True):
            x = _sum_of_taps(x, taps, axis)
        return x

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return ResampleBackward.apply(gy, along=ctx.along)


class ResampleBackward(ArrayFunction):
    """gx: the adjoint of Resample, whose own adjoint is Resample."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, gy: Array, along: Along) -> Array:
        ctx.along = along
        if isinstance(along[0], AxisMap):
            return resample_input_grad(gy, along)
        for axis, taps in zip(range(-len(along), 0), along, strict=True):
            gy = _spread_over_taps(gy, taps, axis)
        return gy

    @staticmethod
    def backward(ctx: ArrayFunction, gx: Any) -> Tensor:
        return Resample.apply(gx, along=ctx.along)


def _sum_of_taps(x: Array, taps: Taps, axis: int) -> Array:
    y: Any = None
    for places, weights, used in zip(taps.places, taps.weights, taps.used, strict=True):
        term = np.take(x, np.asarray(places, like=x), axis)
        term *= _along(weights, axis, x)
        _drop_unused(term, used, axis)
        y = term if y is None else np.add(y, term, out=y)
    return y


def _spread_over_taps(gy: Array, taps: Taps, axis: int) -> Array:
    shape = (*gy.shape[:axis], taps.size, *gy.shape[gy.ndim + axis + 1 :])
    gx = np.zeros(shape, gy.dtype, like=gy)
    for places, weights, used in zip(taps.places, taps.weights, taps.used, strict=True):
        term = gy * _along(weights, axis, gy)
        _drop_unused(term, used, axis)
        add_runs(gx, term, places, axis)
    return gx


def _along(weights: Array, axis: int, x: Array) -> Array:
    return np.asarray(weights.astype(x.dtype), like=x).reshape((-1,) + (1,) * (-axis - 1))


def _drop_unused(term: Array, used: Array, axis: int) -> None:
    """Zero the unused taps: infinity times a weight of 0 would be NaN."""
    if not used.all():
        term[(..., np.asarray(~used, like=term), *(slice(None),) * (-axis - 1))] = 0


def _ragged(size: int, first: Array, count: Array, weigh: Callable[[Array], Array]) -> Taps:
    """Taps first[o] ... first[o] + count[o] - 1 with the weights weigh(places)."""
    k = np.arange(count.max())[:, None]
    used = k < count
    places = np.minimum(first + k, size - 1)
    return Taps(size, places, np.where(used, weigh(places), 0), used)


def _as_they_are(size: int) -> Taps:
    places = np.arange(size)[None]
    return Taps(size, places, np.ones(places.shape), np.ones(places.shape, bool))


@lru_cache(maxsize=256)
def area_taps(size: int, out: int) -> Taps:
    """Averages over floor(o size / out) ... ceil((o + 1) size / out) - 1."""
    o = np.arange(out)
    first, end = o * size // out, -(-(o + 1) * size // out)
    return _ragged(size, first, end - first, lambda places: 1 / (end - first))


@lru_cache(maxsize=256)
def cubic_taps(size: int, out: int, step: float, align_corners: bool) -> Taps:
    """Four neighbours weighted by the cubic of Keys (1981) with a = -3/4; edges are repeated."""
    o = np.arange(out)
    source = o * step if align_corners else (o + 0.5) * step - 0.5
    lower = np.floor(source).astype(np.int64)
    k = np.arange(-1, 3)[:, None]
    places = np.clip(lower + k, 0, size - 1)
    weights = _keys_cubic(source - lower - k, -0.75)
    return Taps(size, places, weights, np.ones(places.shape, bool))


@lru_cache(maxsize=256)
def antialias_taps(size: int, out: int, step: float, mode: str) -> Taps:
    """A triangle ("bilinear") or a cubic with a = -1/2 ("bicubic"), stretched to the step when
    shrinking, restricted to existing inputs, with weights that sum to 1.

    An axis that keeps its size keeps its pixels. As in PyTorch, the corners of pixels stay fixed
    whatever align_corners is; it changes only the step.
    """
    if out == size:
        return _as_they_are(size)
    kernel, radius = (_triangle, 1) if mode == "bilinear" else (_gentle_cubic, 2)
    stretch = max(step, 1.0)
    centre = step * (np.arange(out) + 0.5)
    first = np.maximum((centre - radius * stretch + 0.5).astype(np.int64), 0)
    end = np.minimum((centre + radius * stretch + 0.5).astype(np.int64), size)
    taps = _ragged(
        size, first, end - first, lambda places: kernel((places - centre + 0.5) / stretch)
    )
    return taps._replace(weights=taps.weights / taps.weights.sum(0))


def _triangle(x: Array) -> Array:
    return np.maximum(1 - np.abs(x), 0)


def _gentle_cubic(x: Array) -> Array:
    return _keys_cubic(x, -0.5)


def _keys_cubic(x: Array, a: float) -> Array:
    """The piecewise cubic of Keys (1981), Cubic Convolution Interpolation, equation 10."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))
