"""Layers that move or resample values: Flatten, Unflatten, Upsample, PixelShuffle,
ChannelShuffle."""

from __future__ import annotations

from typing import Literal, get_args

from .. import functional as F
from ..functional.geometry import is_int
from ..tensor.tensor import Tensor
from .checks import check_one_of, check_sizes
from .module import Module


class Flatten(Module):
    """Merge the axes start_dim to end_dim.    x (N, C, H, W) -> y (N, C H W) by default"""

    _shown = ("start_dim", "end_dim")

    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)


class Unflatten(Module):
    """Split the axis `dim` into several.    x (N, C H W) -> y (N, C, H, W) with 1, (C, H, W)

    Raises: TypeError unless unflattened_size is a tuple of ints.
    """

    _shown = ("dim", "unflattened_size")

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]):
        super().__init__()
        sizes = unflattened_size
        if not isinstance(sizes, tuple | list) or not all(map(is_int, sizes)):
            raise TypeError(f"Unflatten: unflattened_size={sizes!r} must be a tuple of ints")
        self.dim, self.unflattened_size = dim, sizes

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)


UpsampleMode = Literal[
    "nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area"
]
UPSAMPLE_MODES = get_args(UpsampleMode)


class Upsample(Module):
    """Resample feature maps, x (N, C, *), to a size or by a factor; see F.interpolate.

    Raises: ValueError for both or neither of size and scale_factor, or an unknown mode.
    """

    def __init__(
        self,
        size: int | tuple[int, ...] | None = None,
        scale_factor: float | tuple[float, ...] | None = None,
        mode: UpsampleMode = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ):
        super().__init__()
        if (size is None) == (scale_factor is None):
            raise ValueError(
                f"{type(self).__name__}: either size={size} or scale_factor={scale_factor} must be "
                "given"
            )
        check_one_of("Upsample", UPSAMPLE_MODES, mode=mode)
        self.size, self.mode, self.align_corners = size, mode, align_corners
        several = isinstance(scale_factor, tuple | list)
        self.scale_factor = (
            tuple(map(float, scale_factor)) if several else scale_factor and float(scale_factor)
        )
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        target = (
            f"size={self.size}"
            if self.scale_factor is None
            else f"scale_factor={self.scale_factor}"
        )
        return f"{target}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Upsample with mode="nearest", PyTorch's older name for it."""

    def __init__(
        self,
        size: int | tuple[int, int] | None = None,
        scale_factor: float | tuple[float, float] | None = None,
    ):
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Upsample with mode="bilinear" and align_corners=True, PyTorch's older name for it."""

    def __init__(
        self,
        size: int | tuple[int, int] | None = None,
        scale_factor: float | tuple[float, float] | None = None,
    ):
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


class PixelShuffle(Module):
    """Arrange groups of r*r channels as r x r pixels.    x (*, C r^2, H, W) -> y (*, C, H r, W r)

    Raises: ValueError for upscale_factor r below 1.
    """

    _shown = ("upscale_factor",)

    def __init__(self, upscale_factor: int):
        super().__init__()
        check_sizes("PixelShuffle", upscale_factor=upscale_factor)
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)


class PixelUnshuffle(Module):
    """Arrange r x r pixels as groups of r*r channels.    x (*, C, H r, W r) -> y (*, C r^2, H, W)

    Raises: ValueError for downscale_factor r below 1.
    """

    _shown = ("downscale_factor",)

    def __init__(self, downscale_factor: int):
        super().__init__()
        check_sizes("PixelUnshuffle", downscale_factor=downscale_factor)
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)


class ChannelShuffle(Module):
    """Interleave the channels of groups, so that the next grouped convolution mixes them.

    x (N, C, *) -> y (N, C, *)

    Raises: ValueError for groups below 1.
    """

    _shown = ("groups",)

    def __init__(self, groups: int):
        super().__init__()
        check_sizes("ChannelShuffle", groups=groups)
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return F.channel_shuffle(input, self.groups)
