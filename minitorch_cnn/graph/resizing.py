"""Resize: the taps of every mode and coordinate transform of ONNX, along one axis at a time."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..functional.resample_taps import Resample, Taps
from ..tensor import Tensor
from .ir import Node


def resize(
    node: Node,
    x: Tensor,
    roi: Tensor | None = None,
    scales: Tensor | None = None,
    sizes: Tensor | None = None,
) -> Tensor:
    """Resample x along some axes to `sizes` or by `scales`."""
    axes = [axis % x.ndim for axis in node.get("axes") or range(x.ndim)]
    factors: list[float | None] = [None] * x.ndim
    out = list(x.shape)
    if sizes is not None and sizes.numel():
        _by_sizes(node, x, axes, sizes.tolist(), out, factors)
    elif scales is not None and scales.numel():
        for axis, s in zip(axes, scales.tolist(), strict=True):
            factors[axis], out[axis] = s, int(np.floor(x.shape[axis] * s + 1e-6))
    transform = node.get("coordinate_transformation_mode")
    if transform == "tf_crop_and_resize":
        raise ValueError(
            f"{node.name} (Resize): coordinate_transformation_mode={transform!r} is not supported"
        )
    taps = [
        _taps(n, o, s if s is not None else o / n, *_settings(node))
        for n, o, s in zip(x.shape, out, factors, strict=True)
    ]
    changed = [axis for axis, (n, o) in enumerate(zip(x.shape, out, strict=True))
               if n != o or (factors[axis] or 1) != 1]  # fmt: skip
    if not changed:
        return x
    return Resample.apply(x, along=tuple(taps[changed[0] :])).to(x.dtype)


def _settings(node: Node) -> tuple[str, str, str, float, bool, bool]:
    transform, a = node.get("coordinate_transformation_mode"), float(node.get("cubic_coeff_a"))
    exclude, wide = bool(node.get("exclude_outside")), bool(node.get("antialias"))
    return node.get("mode"), transform, node.get("nearest_mode"), a, exclude, wide


def taps_of(node: Node, axis: int, n: int, out: int, scales: np.ndarray | None) -> Taps:
    """The taps along one axis of n positions and `out` outputs; scales: as given to the node."""
    axes = list(node.get("axes") or range(len(scales) if scales is not None else 0))
    given = scales is not None and len(scales) and axis in axes
    scale = float(scales[axes.index(axis)]) if scales is not None and given else out / n
    return _taps(n, out, scale, *_settings(node))


def _by_sizes(
    node: Node, x: Tensor, axes: list[int], sizes: list[int], out: list[int], factors: list[Any]
) -> None:
    policy = node.get("keep_aspect_ratio_policy")
    ratios = [s / x.shape[a] for s, a in zip(sizes, axes, strict=True)]
    if policy != "stretch":
        ratio = min(ratios) if policy == "not_larger" else max(ratios)
        for axis in axes:
            factors[axis], out[axis] = ratio, int(np.floor(x.shape[axis] * ratio + 0.5))
        return
    for axis, size in zip(axes, sizes, strict=True):
        out[axis] = size


@lru_cache(maxsize=256)
def _taps(
    n: int, out: int, scale: float, mode: str, transform: str, nearest: str, a: float,
    exclude: bool, wide: bool,
) -> Taps:  # fmt: skip
    """The taps of `out` outputs along an axis of size n; with `wide` the kernel is stretched when
    shrinking (antialias).
    """
    o = np.arange(out)
    if n == out and scale == 1:
        return _all_used(n, o[None], np.ones((1, out)))
    x = _sources(o, n, out, scale, transform)
    if mode == "nearest":
        return _all_used(n, np.clip(_rounded(x, nearest), 0, n - 1)[None], np.ones((1, out)))
    stretch = max(1 / scale, 1.0) if wide else 1.0
    reach = int(np.ceil((1 if mode == "linear" else 2) * stretch))
    places = np.floor(x).astype(np.int64) + np.arange(1 - reach, reach + 1)[:, None]
    far = np.abs(x - places) / stretch
    weights = np.maximum(1 - far, 0) if mode == "linear" else _cubic(far, a)
    if wide:
        weights = weights / weights.sum(0)
    if exclude:
        weights = np.where((places < 0) | (places >= n), 0, weights)
        weights = weights / weights.sum(0)
    return _all_used(n, np.clip(places, 0, n - 1), weights)


def _all_used(n: int, places: np.ndarray, weights: np.ndarray) -> Taps:
    return Taps(n, places, weights, weights != 0)


def _sources(o: np.ndarray, n: int, out: int, scale: float, transform: str) -> np.ndarray:
    """The position in the input of each output."""
    if transform == "asymmetric":
        return o / scale
    if transform == "align_corners":
        return o * ((n - 1) / (n * scale - 1)) if out > 1 else np.zeros(out)
    if transform == "pytorch_half_pixel" and out == 1:
        return np.zeros(out)
    if transform == "half_pixel_symmetric":
        adjustment = out / (n * scale)
        centre = n / 2
        return centre * (1 - adjustment) + (o + 0.5) / scale - 0.5
    if transform in ("half_pixel", "pytorch_half_pixel"):
        return (o + 0.5) / scale - 0.5
    raise ValueError(f"Resize: coordinate_transformation_mode={transform!r} is not supported")


def _rounded(x: np.ndarray, nearest: str) -> np.ndarray:
    if nearest == "floor":
        y = np.floor(x)
    elif nearest == "ceil":
        y = np.ceil(x)
    elif nearest == "round_prefer_ceil":
        y = np.floor(x + 0.5)
    else:
        y = np.ceil(x - 0.5)
    return y.astype(np.int64)


def _cubic(x: np.ndarray, a: float) -> np.ndarray:
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))
