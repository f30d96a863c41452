"""Wide ResNet: fewer blocks with more filters, and dropout between their convolutions.

S. Zagoruyko, N. Komodakis (2016), "Wide residual networks", BMVC 2016, arXiv 1605.07146. WRN-d-k
has d = 6n + 4 convolutions, including the shortcuts', in three stages of n pre-activation blocks
with 16k, 32k and 64k filters. WRN-16-8 has smaller errors than the pre-activation ResNet of 1001
layers, and trains several times faster: its work is in a few large convolutions.

Deviations from the paper
- None.

The wide nets for ImageNet, `wide_resnet50_2` and `wide_resnet101_2`, are in `resnet`.
"""

from __future__ import annotations

from typing import Any

from .. import nn
from ..nn.fusion import relu_after
from ..tensor import Tensor
from .preact_resnet import PreActBasicBlock, project
from .registry import register
from .residual import MakeBlock, make_shortcut
from .resnet_cifar import FILTERS, CifarResNet


class WideBlock(PreActBasicBlock):
    """A basic block with dropout before its second convolution (section 2.4).

    x (N, in_channels, H, W) -> y (N, out_channels, ceil(H / stride), ceil(W / stride))
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        dropout: float = 0.0,
    ):
        super().__init__(in_channels, out_channels, stride, downsample)
        self.dropout = nn.Dropout(dropout)

    def branch(self, a: Tensor) -> Tensor:
        y = relu_after(self.bn2, a, self.conv1)
        return self.conv2(self.dropout(y))


def wide(dropout: float) -> MakeBlock:
    """Makes wide blocks, with projections where the shape changes."""

    def make(in_channels: int, out_channels: int, stride: int) -> WideBlock:
        downsample = make_shortcut("B", in_channels, out_channels, stride, project)
        return WideBlock(in_channels, out_channels, stride, downsample, dropout)

    return make


class WideResNet(CifarResNet):
    """WRN-depth-factor.    x (N, in_channels, H, W) -> logits (N, num_classes)

    dropout: the fraction of units dropped in blocks, 0.3 in the paper's section 3.3 and 0 in the
    others; width: a factor for all channels, including the first convolution's.

    Raises: ValueError for images of another shape.
    """

    def __init__(
        self,
        depth: int,
        factor: int,
        num_classes: int = 10,
        in_channels: int = 3,
        dropout: float = 0.0,
        width: float = 1.0,
    ):
        super().__init__(
            (depth - 4) // 6,
            wide(dropout),
            num_classes,
            in_channels,
            tuple(factor * n for n in FILTERS),
            preactivated=True,
            width=width,
        )


@register(params=2_748_890, macs=392_612_352, input_shape=(3, 32, 32))
def wrn_16_4(**settings: Any) -> WideResNet:
    """WRN-16-4 for 32 x 32. Settings: see `WideResNet`."""
    return WideResNet(16, 4, **settings)


@register(params=10_961_370, macs=1_548_145_664, input_shape=(3, 32, 32))
def wrn_16_8(**settings: Any) -> WideResNet:
    """WRN-16-8 for 32 x 32. Settings: see `WideResNet`."""
    return WideResNet(16, 8, **settings)


@register(params=17_116_634, macs=2_412_173_568, input_shape=(3, 32, 32))
def wrn_16_10(**settings: Any) -> WideResNet:
    """WRN-16-10 for 32 x 32. Settings: see `WideResNet`."""
    return WideResNet(16, 10, **settings)


@register(params=17_158_106, macs=2_454_115_328, input_shape=(3, 32, 32))
def wrn_22_8(**settings: Any) -> WideResNet:
    """WRN-22-8 for 32 x 32. Settings: see `WideResNet`."""
    return WideResNet(22, 8, **settings)


@register(params=36_479_194, macs=5_243_328_768, input_shape=(3, 32, 32))
def wrn_28_10(**settings: Any) -> WideResNet:
    """WRN-28-10 for 32 x 32. Settings: see `WideResNet`."""
    return WideResNet(28, 10, **settings)


@register(params=8_949_210, macs=1_298_582_016, input_shape=(3, 32, 32))
def wrn_40_4(**settings: Any) -> WideResNet:
    """WRN-40-4 for 32 x 32. Settings: see `WideResNet`."""
    return WideResNet(40, 4, **settings)


@register(params=35_748_314, macs=5_172_024_320, input_shape=(3, 32, 32))
def wrn_40_8(**settings: Any) -> WideResNet:
    """WRN-40-8 for 32 x 32. Settings: see `WideResNet`."""
    return WideResNet(40, 8, **settings)


@register(params=55_841_754, macs=8_074_483_968, input_shape=(3, 32, 32))
def wrn_40_10(**settings: Any) -> WideResNet:
    """WRN-40-10 for 32 x 32. Settings: see `WideResNet`."""
    return WideResNet(40, 10, **settings)


@register(params=13_599_450, macs=1_978_059_264, input_shape=(3, 32, 32))
def wrn_58_4(**settings: Any) -> WideResNet:
    """WRN-58-4 for 32 x 32. Settings: see `WideResNet`."""
    return WideResNet(58, 4, **settings)
