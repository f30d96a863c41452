"""interpolate: resampling of feature maps, one axis at a time, nearest or bilinear."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from ..autograd.function import Function
from ..kernels.resample import AxisMap, resample_forward, resample_input_grad
from ..tensor.tensor import Tensor
from .checks import check_float, check_tensor


class Interpolate(Function):
    """y = resampled x along the last axes, one map for each.    x (N, C, *) -> y (N, C, *)"""

    in_float32 = True

    def forward(ctx, x, maps):
        ctx.maps = maps
        return resample_forward(x, maps)

    def backward(ctx, gy):
        return InterpolateBackward.apply(gy, maps=ctx.maps)


class InterpolateBackward(Function):
    """gx: the adjoint of Interpolate, of which Interpolate is the adjoint in turn."""

    in_float32 = True

    def forward(ctx, gy, maps):
        ctx.maps = maps
        return resample_input_grad(gy, maps)

    def backward(ctx, gx):
        return Interpolate.apply(gx, maps=ctx.maps)


@lru_cache(maxsize=256)
def nearest_map(size: int, out: int, scale: float | None, image: bool) -> AxisMap:
    """lower[o] = floor(o / scale), in PyTorch's single precision.

    In images PyTorch copies or doubles pixels where the sizes are 1:1 or 1:2, whatever the scale.
    """
    o = np.arange(out)
    if image and out in (size, 2 * size):
        return AxisMap(size, o * size // out)
    step = np.float32(1 / scale) if scale is not None else np.float32(size) / np.float32(out)
    return AxisMap(
        size, np.minimum(np.floor(o.astype(np.float32) * step).astype(np.int64), size - 1)
    )


@lru_cache(maxsize=256)
def linear_map(size: int, out: int, scale: float | None, align_corners: bool) -> AxisMap:
    """Where element o reads: (o + 1/2) / scale - 1/2, or o (size-1) / (out-1) if align_corners."""
    o = np.arange(out)
    if out == size:
        return AxisMap(size, o)
    if align_corners:
        source = o * ((size - 1) / (out - 1) if out > 1 else 0.0)
    else:
        step = 1 / scale if scale is not None else size / out
        source = np.maximum((o + 0.5) * step - 0.5, 0)
    lower = np.minimum(source.astype(np.int64), size - 1)
    return AxisMap(size, lower, np.minimum(lower + 1, size - 1), np.minimum(source - lower, 1))


def interpolate(
    input: Tensor,
    size: int | tuple[int, ...] | None = None,
    scale_factor: float | tuple[float, ...] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
) -> Tensor:
    """Resample to a size, or by a factor.

    x (N, C, H, W) -> y (N, C, OH, OW); "nearest" also x (N, C, L) -> y (N, C, OL)

    Either `size` or `scale_factor` is given, one number for all axes or one for each. A factor s
    makes OH = floor(H s); places are computed with s, or with OH / H if recompute_scale_factor.
    align_corners ("bilinear" only) keeps the centres of corner pixels in place, not their edges.

    Raises: ValueError for both or neither of size and scale_factor, their length, a size below 1,
    an unknown mode, another rank, or align_corners with "nearest"; TypeError for integers in
    "bilinear".
    """
    name = "interpolate"
    if mode not in ("nearest", "bilinear"):
        raise ValueError(f"{name}: mode={mode!r} must be 'nearest' or 'bilinear'")
    check_tensor(name, input=input)
    if mode == "bilinear":
        check_float(name, input=input)
    elif align_corners is not None:
        raise ValueError(f"{name}: align_corners={align_corners} must be None in mode 'nearest'")
    if input.ndim != 4 and (mode, input.ndim) != ("nearest", 3):
        layout = "(N, C, H, W) or (N, C, L)" if mode == "nearest" else "(N, C, H, W)"
        raise ValueError(f"{name}: input of shape {input.shape} must be {layout} in mode {mode!r}")
    sizes, scales = _output_sizes(name, input.shape[2:], size, scale_factor)
    if recompute_scale_factor:
        if size is not None:
            raise ValueError(
                f"{name}: recompute_scale_factor=True needs scale_factor, but size={size} was given"
            )
        scales = (None,) * len(sizes)
    axes = zip(input.shape[2:], sizes, scales, strict=True)
    if mode == "nearest":
        maps = tuple(nearest_map(*axis, image=input.ndim == 4) for axis in axes)
    else:
        maps = tuple(linear_map(*axis, bool(align_corners)) for axis in axes)
    return Interpolate.apply(input, maps=maps)


def _output_sizes(name, spatial, size, scale_factor):
    """The output sizes, and the scale of each axis (None where it is the ratio of the sizes)."""
    if (size is None) == (scale_factor is None):
        raise ValueError(
            f"{name}: one of size={size} and scale_factor={scale_factor} must be given, not both"
        )
    argument, given = ("size", size) if scale_factor is None else ("scale_factor", scale_factor)
    each = tuple(given) if isinstance(given, (tuple, list)) else (given,) * len(spatial)
    if len(each) != len(spatial):
        raise ValueError(
            f"{name}: {argument}={given} must have one entry for each of {len(spatial)} axes"
        )
    if scale_factor is None:
        if not all(isinstance(n, (int, np.integer)) for n in each):
            raise TypeError(f"{name}: size={size} must be of integers")
        sizes, scales = tuple(map(int, each)), (None,) * len(each)
    else:
        scales = tuple(map(float, each))
        sizes = tuple(math.floor(n * s) for n, s in zip(spatial, scales, strict=True))
    if min(*spatial, *sizes) < 1:
        raise ValueError(
            f"{name}: {argument}={given} resamples {spatial} to {sizes}; sizes must be 1 or more"
        )
    return sizes, scales
