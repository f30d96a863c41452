"""Pooling: maximum and average over windows, or over a given number of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import functional as F
from ..functional.geometry import is_int
from ..tensor.tensor import Tensor
from .checks import check_sizes, ints, is_sequence
from .module import Module

if TYPE_CHECKING:
    from ..tensor.types import Size1d, Size2d

# One size for all spatial axes, or one for each, for signals and images.
Sizes = int | tuple[int, ...]
OutputSize = int | tuple[int | None, int | None]


class _MaxPoolNd(Module):
    """Base of MaxPool1d and MaxPool2d; sizes stay as given, for the repr."""

    _shown = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    spatial: int

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ):
        super().__init__()
        layer = type(self).__name__
        check_window(layer, self.spatial, kernel_size, stride, padding)
        ints(layer, "dilation", dilation, self.spatial, 1)
        settings: Any = kernel_size, kernel_size if stride is None else stride, padding, dilation
        self.kernel_size, self.stride, self.padding, self.dilation = settings
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        max_pool: Any = F.max_pool1d if self.spatial == 1 else F.max_pool2d
        window = self.kernel_size, self.stride, self.padding, self.dilation
        return max_pool(input, *window, self.ceil_mode, self.return_indices)


class MaxPool1d(_MaxPoolNd):
    """The maximum over windows of a signal, x (N, C, L) or (C, L); see MaxPool2d."""

    spatial = 1
    kernel_size: Size1d
    stride: Size1d
    padding: Size1d
    dilation: Size1d


class MaxPool2d(_MaxPoolNd):
    """The maximum over windows.    x (N, C, H, W) or (C, H, W) -> y (N, C, OH, OW) or (C, OH, OW)

    OH = (H + 2*padding - dilation*(KH - 1) - 1) / stride + 1, rounded down, or up with ceil_mode;
    the padding is never the maximum. With return_indices the result is (y, indices), with the index
    h*W + w of each maximum in its plane.

    Raises: ValueError for settings out of range, or padding above half of kernel_size.
    """

    spatial = 2
    kernel_size: Size2d
    stride: Size2d
    padding: Size2d
    dilation: Size2d


class AvgPool1d(Module):
    """The mean over windows of a signal, x (N, C, L) or (C, L); see AvgPool2d."""

    _shown = ("kernel_size", "stride", "padding")
    kernel_size: tuple[int]
    stride: tuple[int]
    padding: tuple[int]

    def __init__(
        self,
        kernel_size: Size1d,
        stride: Size1d | None = None,
        padding: Size1d = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ):
        super().__init__()
        check_window("AvgPool1d", 1, kernel_size, stride, padding)
        stride = kernel_size if stride is None else stride
        self.kernel_size = ints("AvgPool1d", "kernel_size", kernel_size, 1, 1)
        self.stride = ints("AvgPool1d", "stride", stride, 1, 1)
        self.padding = ints("AvgPool1d", "padding", padding, 1, 0)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        settings = self.kernel_size, self.stride, self.padding
        return F.avg_pool1d(input, *settings, self.ceil_mode, self.count_include_pad)


class AvgPool2d(Module):
    """The mean over windows.    x (N, C, H, W) or (C, H, W) -> y (N, C, OH, OW) or (C, OH, OW)

    The divisor is the size of the window, without count_include_pad the size of its part inside the
    image, or divisor_override.

    Raises: ValueError for settings out of range, or padding above half of kernel_size.
    """

    _shown = ("kernel_size", "stride", "padding")

    def __init__(
        self,
        kernel_size: Size2d,
        stride: Size2d | None = None,
        padding: Size2d = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ):
        super().__init__()
        check_window("AvgPool2d", 2, kernel_size, stride, padding)
        if divisor_override is not None and (not is_int(divisor_override) or divisor_override == 0):
            raise ValueError(
                f"AvgPool2d: divisor_override={divisor_override} must be an int other than 0"
            )
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class _MaxUnpoolNd(Module):
    """Base of the two max unpoolings."""

    _shown = ("kernel_size", "stride", "padding")
    spatial: int

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
    ):
        super().__init__()
        layer, stride = type(self).__name__, kernel_size if stride is None else stride
        self.kernel_size = ints(layer, "kernel_size", kernel_size, self.spatial, 1)
        self.stride = ints(layer, "stride", stride, self.spatial, 1)
        self.padding = ints(layer, "padding", padding, self.spatial, 0)

    def forward(
        self, input: Tensor, indices: Tensor, output_size: tuple[int, ...] | None = None
    ) -> Tensor:
        max_unpool: Any = F.max_unpool1d if self.spatial == 1 else F.max_unpool2d
        window = self.kernel_size, self.stride, self.padding
        return max_unpool(input, indices, *window, output_size)


class MaxUnpool1d(_MaxUnpoolNd):
    """MaxUnpool2d of signals.    x (N, C, L) or (C, L)"""

    spatial = 1
    kernel_size: tuple[int]
    stride: tuple[int]
    padding: tuple[int]


class MaxUnpool2d(_MaxUnpoolNd):
    """Each maximum at the position where MaxPool2d found it, zeros elsewhere; see F.max_unpool2d.

    Raises: ValueError or TypeError for settings out of range.
    """

    spatial = 2
    kernel_size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]


class _AdaptivePoolNd(Module):
    """Base of the adaptive poolings."""

    spatial: int
    _shown = ("output_size",)

    def __init__(self, output_size: OutputSize):
        super().__init__()
        check_output_size(type(self).__name__, output_size, self.spatial)
        self.output_size: Any = output_size


class AdaptiveAvgPool2d(_AdaptivePoolNd):
    """Means over cells of nearly equal size.    x (N, C, H, W) or (C, H, W) -> y (.., OH, OW)

    Cell i covers rows floor(i H/OH) to ceil((i + 1) H/OH) - 1. A None in output_size keeps the
    input's size; output_size=1 is global average pooling.

    Raises: ValueError for sizes below 1.
    """

    spatial = 2

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveAvgPool1d(_AdaptivePoolNd):
    """Means over cells of a signal, x (N, C, L) or (C, L) -> y (.., OL); see AdaptiveAvgPool2d."""

    spatial = 1

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool1d(input, self.output_size)


class _AdaptiveMaxPoolNd(_AdaptivePoolNd):
    """Base of the adaptive max poolings."""

    def __init__(self, output_size: OutputSize, return_indices: bool = False):
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Tensor:
        max_pool: Any = F.adaptive_max_pool1d if self.spatial == 1 else F.adaptive_max_pool2d
        return max_pool(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """Maxima over AdaptiveAvgPool2d's cells.    x (N, C, H, W) or (C, H, W) -> y (.., OH, OW)

    With return_indices the result is (y, indices), with the index h*W + w of each maximum in its
    plane.

    Raises: ValueError for sizes below 1.
    """

    spatial = 2


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """Maxima over cells of a signal, x (N, C, L) or (C, L) -> y (.., OL); see AdaptiveMaxPool2d."""

    spatial = 1


class _LPPoolNd(Module):
    """Base of LPPool1d and LPPool2d."""

    _shown = ("norm_type", "kernel_size", "stride", "ceil_mode")
    spatial: int

    def __init__(
        self,
        norm_type: float,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        ceil_mode: bool = False,
    ):
        super().__init__()
        layer = type(self).__name__
        check_window(layer, self.spatial, kernel_size, stride, 0)
        if norm_type == 0:
            raise ValueError(f"{layer}: norm_type=0 must not be 0")
        settings: Any = kernel_size, stride
        self.kernel_size, self.stride = settings
        self.norm_type, self.ceil_mode = norm_type, ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        lp_pool: Any = F.lp_pool1d if self.spatial == 1 else F.lp_pool2d
        return lp_pool(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool1d(_LPPoolNd):
    """The p-norm over windows of a signal, x (N, C, L) or (C, L); see LPPool2d."""

    spatial = 1
    kernel_size: Size1d
    stride: Size1d | None


class LPPool2d(_LPPoolNd):
    """(sum of x^p)^(1/p) over windows, p = norm_type.

    x (N, C, H, W) or (C, H, W) -> y (N, C, OH, OW) or (C, OH, OW); see F.lp_pool2d

    Raises: ValueError for norm_type 0 or settings out of range.
    """

    spatial = 2
    kernel_size: Size2d
    stride: Size2d | None


def check_window(
    layer: str, spatial: int, kernel_size: Sizes, stride: Sizes | None, padding: Sizes
) -> None:
    """Check the settings of a pooling window. Raises: ValueError, TypeError."""
    kernel = ints(layer, "kernel_size", kernel_size, spatial, 1)
    if stride is not None:
        ints(layer, "stride", stride, spatial, 1)
    for k, p in zip(kernel, ints(layer, "padding", padding, spatial, 0), strict=True):
        if 2 * p > k:
            raise ValueError(f"{layer}: padding={p} must be at most half of kernel_size={k}")


def check_output_size(layer: str, output_size: Any, spatial: int = 2) -> None:
    """Check that output_size is an int, None, or a tuple of one or two of these, one for each
    spatial axis. Raises: ValueError, TypeError.
    """
    sizes = output_size if is_sequence(output_size) else (output_size,)
    if len(sizes) > spatial:
        several = "a pair of these" if spatial == 2 else "a tuple of one"
        raise TypeError(f"{layer}: output_size={output_size} must be an int, None or {several}")
    for size in sizes:
        if size is not None:
            check_sizes(layer, output_size=size)
