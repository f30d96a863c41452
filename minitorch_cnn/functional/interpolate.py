"""interpolate: resample feature maps, one axis after another."""

from __future__ import annotations

import math
import numbers
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.resample import AxisMap
from ..spelling import nearest
from ..tensor.tensor import Tensor
from .checks import check_float, check_tensor
from .resample_taps import Resample, antialias_taps, area_taps, cubic_taps

if TYPE_CHECKING:
    from ..tensor.types import Shape


@lru_cache(maxsize=256)
def nearest_map(size: int, out: int, step: float, exact: bool) -> AxisMap:
    """lower[o] = floor(o step), or floor((o + 1/2) step) if exact, in PyTorch's single precision.

    PyTorch's CPU implementation copies or doubles the pixels of small images (OH + OW <= 128) whose
    sizes are 1:1 or 1:2, whatever the factor; its GPUs follow the formula, as all sizes do here.
    """
    o = np.arange(out, dtype=np.float32) + np.float32(0.5 if exact else 0)
    return AxisMap(size, np.minimum((o * np.float32(step)).astype(np.int64), size - 1))


@lru_cache(maxsize=256)
def linear_map(size: int, out: int, step: float, align_corners: bool) -> AxisMap:
    """The positions that element o reads: (o + 1/2) step - 1/2, or o step if align_corners."""
    o = np.arange(out)
    if out == size:
        return AxisMap(size, o)
    source = o * step if align_corners else np.maximum((o + 0.5) * step - 0.5, 0)
    lower = np.minimum(source.astype(np.int64), size - 1)
    return AxisMap(size, lower, np.minimum(lower + 1, size - 1), np.minimum(source - lower, 1))


# The number of axes that each mode resamples.
MODES = {
    "nearest": (1, 2, 3),
    "nearest-exact": (1, 2, 3),
    "area": (1, 2, 3),
    "linear": (1,),
    "bilinear": (2,),
    "bicubic": (2,),
    "trilinear": (3,),
}
LAYOUTS = {1: "(N, C, L)", 2: "(N, C, H, W)", 3: "(N, C, D, H, W)"}
ALIGNABLE = ("linear", "bilinear", "bicubic", "trilinear")


def interpolate(
    input: Tensor,
    size: int | tuple[int, ...] | None = None,
    scale_factor: float | tuple[float, ...] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resample to a size or by a factor.    x (N, C, *) -> y (N, C, *)

    Modes: "linear" (N, C, L), "bilinear" and "bicubic" (N, C, H, W), "trilinear" (N, C, D, H, W);
    "nearest", "nearest-exact" and "area" (averages) accept all three layouts. "nearest-exact" takes
    the pixel nearest to the centre, "nearest" the one nearest to the upper left corner.

    Give either `size` or `scale_factor`, one number for all axes or one for each. A factor s gives
    OH = floor(H s); positions are computed with s, or with OH / H if recompute_scale_factor.
    align_corners (linear and cubic modes) keeps the centres of corner pixels fixed, instead of
    their edges. antialias ("bilinear" and "bicubic") widens the kernel when shrinking.

    Raises: ValueError for both or neither of size and scale_factor, a wrong number of entries, a
    size below 1, an unknown mode, another number of axes, or align_corners or antialias with a mode
    that has none; TypeError for integers outside "nearest" and "nearest-exact".
    """
    name = "interpolate"
    if mode not in MODES:
        rule = f"must be one of {', '.join(map(repr, MODES))}{nearest(mode, MODES)}"
        raise ValueError(f"{name}: mode={mode!r} {rule}")
    check_tensor(name, input=input)
    if not mode.startswith("nearest"):
        check_float(name, input=input)
    if align_corners is not None and mode not in ALIGNABLE:
        raise ValueError(f"{name}: align_corners={align_corners} must be None in mode {mode!r}")
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError(f"{name}: antialias=True needs mode 'bilinear' or 'bicubic', got {mode!r}")
    if input.ndim - 2 not in MODES[mode]:
        layout = " or ".join(LAYOUTS[axes] for axes in MODES[mode])
        raise ValueError(f"{name}: input of shape {input.shape} must be {layout} in mode {mode!r}")
    sizes, scales = _output_sizes(name, input.shape[2:], size, scale_factor)
    if recompute_scale_factor:
        if size is not None:
            raise ValueError(
                f"{name}: recompute_scale_factor=True needs scale_factor, but size={size} was given"
            )
        scales = (None,) * len(sizes)
    axes = tuple(zip(input.shape[2:], sizes, scales, strict=True))
    return _resampled(input, axes, mode, bool(align_corners), antialias)


def _resampled(
    input: Tensor, axes: tuple[Any, ...], mode: str, align_corners: bool, antialias: bool
) -> Tensor:
    """Resample `input` along its last axes, each given by (size, output size, factor or None)."""
    if mode == "area":
        return Resample.apply(input, along=tuple(area_taps(n, out) for n, out, _ in axes))
    steps = [(n, out, _step(n, out, scale, align_corners)) for n, out, scale in axes]
    if antialias:
        along = tuple(antialias_taps(*axis, mode) for axis in steps)
    elif mode == "bicubic":
        along = tuple(cubic_taps(*axis, align_corners) for axis in steps)
    elif mode.startswith("nearest"):
        along = tuple(nearest_map(*axis, exact=mode == "nearest-exact") for axis in steps)
    else:
        along = tuple(linear_map(*axis, align_corners) for axis in steps)
    return Resample.apply(input, along=along)


def _step(size: int, out: int, scale: float | None, align_corners: bool) -> float:
    """The distance in the input between two neighbours of the output."""
    if align_corners:
        return (size - 1) / (out - 1) if out > 1 else 0.0
    return size / out if scale is None else 1 / scale


def _output_sizes(name: str, spatial: Shape, size: Any, scale_factor: Any) -> tuple[Any, Any]:
    """The output sizes, and the scale of each axis (None if it is the ratio of the sizes)."""
    if (size is None) == (scale_factor is None):
        raise ValueError(
            f"{name}: one of size={size} and scale_factor={scale_factor} must be given, not both"
        )
    argument, given = ("size", size) if scale_factor is None else ("scale_factor", scale_factor)
    each: tuple[Any, ...] = (
        tuple(given) if isinstance(given, (tuple, list)) else (given,) * len(spatial)
    )
    if len(each) != len(spatial):
        raise ValueError(
            f"{name}: {argument}={given} must have one entry for each of {len(spatial)} axes"
        )
    if scale_factor is None:
        if not all(isinstance(n, (int, np.integer)) for n in each):
            raise TypeError(f"{name}: size={size} must be of integers")
        sizes, scales = tuple(map(int, each)), (None,) * len(each)
    else:
        if not all(isinstance(s, numbers.Real) and math.isfinite(s) for s in each):
            raise TypeError(f"{name}: scale_factor={scale_factor} must be of finite numbers")
        scales = tuple(map(float, each))
        sizes = tuple(math.floor(n * s) for n, s in zip(spatial, scales, strict=True))
    if min(*spatial, *sizes) < 1:
        raise ValueError(
            f"{name}: {argument}={given} resamples {spatial} to {sizes}; sizes must be 1 or more"
        )
    return sizes, scales


def upsample(
    input: Tensor,
    size: int | tuple[int, ...] | None = None,
    scale_factor: float | tuple[float, ...] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """Call interpolate under its older name, with a warning."""
    _warn_old("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(
    input: Tensor,
    size: int | tuple[int, ...] | None = None,
    scale_factor: int | tuple[int, ...] | None = None,
) -> Tensor:
    """Call interpolate in mode "nearest" under its older name, with a warning."""
    _warn_old("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(
    input: Tensor,
    size: int | tuple[int, ...] | None = None,
    scale_factor: float | tuple[float, ...] | None = None,
) -> Tensor:
    """Call interpolate in mode "bilinear" with align_corners=True, with a warning."""
    _warn_old("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def _warn_old(name: str) -> None:
    warnings.warn(f"{name} is an old name; use interpolate", stacklevel=3)
