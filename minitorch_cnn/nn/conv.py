"""Convolutions and transposed convolutions of signals (1d) and images (2d)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, get_args

from .. import functional as F
from ..tensor.tensor import Tensor
from . import init
from .checks import check_divides, check_one_of, check_sizes, ints
from .module import Module
from .parameter import Parameter, new_parameter

if TYPE_CHECKING:
    from ..tensor.types import DeviceLike, DTypeLike

Sizes = int | tuple[int, ...]  # one for all spatial axes, or one for each
PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]


class _ConvNd(Module):
    """A convolution over `spatial` axes: the base of Conv1d and Conv2d."""

    spatial: int
    padding_modes: tuple[str, ...] = get_args(PaddingMode)
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | Literal["same", "valid"] = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: PaddingMode = "zeros",
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__()
        layer, n = type(self).__name__, self.spatial
        check_sizes(layer, in_channels=in_channels, out_channels=out_channels, groups=groups)
        check_divides(layer, "groups", groups, in_channels=in_channels, out_channels=out_channels)
        check_one_of(layer, self.padding_modes, padding_mode=padding_mode)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = ints(layer, "kernel_size", kernel_size, n, 1)
        self.stride = ints(layer, "stride", stride, n, 1)
        self.padding = self._checked_padding(layer, padding)
        self.dilation = ints(layer, "dilation", dilation, n, 1)
        self.groups, self.padding_mode = groups, padding_mode
        self.weight = new_parameter(*self._weight_shape(), device=device, dtype=dtype)
        self.bias = new_parameter(out_channels, device=device, dtype=dtype) if bias else None
        self.reset_parameters()

    def _weight_shape(self) -> tuple[int, ...]:
        return (self.out_channels, self.in_channels // self.groups, *self.kernel_size)

    def _checked_padding(self, layer: str, padding: Sizes | str) -> Any:
        if not isinstance(padding, str):
            return ints(layer, "padding", padding, self.spatial, 0)
        check_one_of(layer, ("same", "valid"), padding=padding)
        if padding == "same" and max(self.stride) > 1:
            raise ValueError(f"{layer}: padding='same' needs stride=1, got stride={self.stride}")
        return padding

    def reset_parameters(self) -> None:
        """Draw weight and bias from U[-1/sqrt(n), 1/sqrt(n)], n = fan_in = C/groups * KH * KW."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5), groups=self.groups)
        if self.bias is not None:
            bound = 1 / math.sqrt(init.fans(self.weight, self.groups).fan_in)
            init.uniform_(self.bias, -bound, bound)

    def _surrounded(self, x: Tensor) -> tuple[Tensor, Any]:
        """Pad x unless padding_mode is "zeros"; return it and the padding left to the operator."""
        if self.padding_mode == "zeros":
            return x, self.padding
        widths: list[int] = []
        for i in reversed(range(self.spatial)):  # F.pad counts from the last axis
            if self.padding == "same":
                total = self.dilation[i] * (self.kernel_size[i] - 1)
                widths += [total // 2, total - total // 2]
            else:
                widths += [0 if self.padding == "valid" else self.padding[i]] * 2
        return F.pad(x, tuple(widths), mode=self.padding_mode), (0,) * self.spatial

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}"]
        parts += [f"kernel_size={self.kernel_size}, stride={self.stride}"]
        for name, plain in (("padding", 0), ("dilation", 1), ("output_padding", 0)):
            value = getattr(self, name, (plain,) * self.spatial)
            if value != (plain,) * self.spatial:
                parts.append(f"{name}={value}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class Conv1d(_ConvNd):
    """Convolution of signals: Conv2d with one spatial axis.

    x (N, C, L) or (C, L), weight (O, C/groups, K), bias (O,) -> y (N, O, OL) or (O, OL)
    """

    spatial = 1
    kernel_size: tuple[int]
    stride: tuple[int]
    padding: tuple[int] | Literal["same", "valid"]
    dilation: tuple[int]

    def forward(self, input: Tensor) -> Tensor:
        x, padding = self._surrounded(input)
        return F.conv1d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv2d(_ConvNd):
    """Convolution of images.

    x (N, C, H, W), weight (O, C/groups, KH, KW), bias (O,) -> y (N, O, OH, OW), or without N,
    OH = (H + 2*padding - dilation*(KH - 1) - 1) // stride + 1, and OW likewise; padding="same"
    keeps the size, "valid" is 0.

    The output channels of a group depend only on the input channels of that group. padding_mode is
    "zeros", "reflect", "replicate" or "circular".

    Raises: ValueError or TypeError for settings that are out of range or do not fit together.
    """

    spatial = 2
    kernel_size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int] | Literal["same", "valid"]
    dilation: tuple[int, int]

    def forward(self, input: Tensor) -> Tensor:
        return self._apply_op(F.conv2d, input)

    def _apply_op(self, op: Callable[..., Tensor], input: Tensor) -> Tensor:
        """Call `op`, F.conv2d or F.conv2d_relu, with the layer's weights and settings."""
        x, padding = self._surrounded(input)
        return op(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class _ConvTransposeNd(_ConvNd):
    """A transposed convolution over `spatial` axes: the base of the two."""

    padding_modes = ("zeros",)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        padding_mode: Literal["zeros"] = "zeros",
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        settings = (stride, padding, dilation, groups, bias, padding_mode, device, dtype)
        super().__init__(in_channels, out_channels, kernel_size, *settings)
        layer = type(self).__name__
        self.output_padding = ints(layer, "output_padding", output_padding, self.spatial, 0)

    def _weight_shape(self) -> tuple[int, ...]:
        return (self.in_channels, self.out_channels // self.groups, *self.kernel_size)

    def _checked_padding(self, layer: str, padding: Sizes | str) -> Any:
        return ints(layer, "padding", padding, self.spatial, 0)

    def forward(self, input: Tensor, output_size: tuple[int, ...] | None = None) -> Tensor:
        adjoint: Any = F.conv_transpose1d if self.spatial == 1 else F.conv_transpose2d
        extra = self._output_padding(input, output_size)
        settings = self.stride, self.padding, extra, self.groups, self.dilation
        return adjoint(input, self.weight, self.bias, *settings)

    def _output_padding(self, x: Tensor, output_size: tuple[int, ...] | None) -> Any:
        """The output_padding that turns x into an output of `output_size`."""
        if output_size is None:
            return self.output_padding
        layer, n = type(self).__name__, self.spatial
        wanted = tuple(output_size)[-n:] if len(output_size) in (n + 2, x.ndim) else output_size
        wanted = ints(layer, "output_size", wanted, n, 1)
        extra: list[int] = []
        for i in range(n):
            size, stride = x.shape[i - n], self.stride[i]
            reach = self.dilation[i] * (self.kernel_size[i] - 1) + 1
            smallest = (size - 1) * stride - 2 * self.padding[i] + reach
            if not smallest <= wanted[i] < smallest + stride:
                raise ValueError(
                    f"{layer}: output_size={wanted} must have {smallest} to "
                    f"{smallest + stride - 1} in axis {i} for an input of shape {x.shape}"
                )
            extra.append(wanted[i] - smallest)
        return tuple(extra)


class ConvTranspose1d(_ConvTransposeNd):
    """The adjoint of Conv1d: ConvTranspose2d with one spatial axis.

    x (N, C, L) or (C, L), weight (C, O/groups, K), bias (O,) -> y (N, O, OL) or (O, OL)
    """

    spatial = 1
    kernel_size: tuple[int]
    stride: tuple[int]
    padding: tuple[int]
    dilation: tuple[int]
    output_padding: tuple[int]


class ConvTranspose2d(_ConvTransposeNd):
    """The adjoint of a Conv2d with the same settings, also called up-convolution or deconvolution.

    x (N, C, H, W), weight (C, O/groups, KH, KW), bias (O,) -> y (N, O, OH, OW), or without N,
    OH = (H - 1)*stride - 2*padding + dilation*(KH - 1) + output_padding + 1, and OW likewise.

    Conv2d maps images of several sizes to one size; output_padding, or output_size in the call,
    chooses among them.

    The initial weights are PyTorch's: U[-1/sqrt(n), 1/sqrt(n)] with n = O/groups * KH * KW.

    Raises: ValueError or TypeError for settings that are out of range or do not fit together.
    """

    spatial = 2
    kernel_size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    output_padding: tuple[int, int]
