"""MobileNet v2: inverted residual blocks, whose shortcuts connect the narrow ends.

M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L.-C. Chen (2018), "MobileNetV2: inverted residuals and
linear bottlenecks", CVPR 2018, arXiv 1801.04381. A block expands its input sixfold by a 1 x 1
convolution, applies a 3 x 3 depthwise convolution, and reduces it again, without an activation: a
ReLU would lose information in few channels. The shortcut connects the narrow ends, so that little
memory is moved. With 0.53 of MobileNet v1's multiply-adds it has smaller errors.

Deviations from the paper
- None in the net. Widths other than 1 are rounded to multiples of 8, none down by more than 10 %,
  as in the authors' code; the paper does not specify it.
- Weights are initialised after He et al. (2015), and dropout of 0.2 precedes the classifier, as in
  torchvision, whose names the modules have and whose weights load into the models.

As in the paper (section 6.1), a width below 1 keeps the 1280 channels of the last convolution.
"""

from __future__ import annotations

from typing import Any

from .. import nn
from ..tensor import Tensor
from .blocks import Trunk, checked_width, conv_bn, divisible, draw_weights
from .preprocessing import IMAGENET
from .registry import register

START, LAST = 32, 1280  # channels of the first and of the last convolution
# For each stage: expansion t, output channels c, blocks n, stride s of its first block.   Table 2
TABLE = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
MULTIPLE = 8


class InvertedResidual(nn.Module):
    """1 x 1 to `expansion` times the channels, 3 x 3 depthwise, 1 x 1 to the output.

    x (N, in_channels, H, W) -> y (N, out_channels, ceil(H / stride), ceil(W / stride))

    ReLU6 follows the first two, nothing the third. x is added if y has its shape; with an expansion
    of 1 there is no first convolution (Table 1, figure 4d).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int):
        super().__init__()
        self.adds = stride == 1 and in_channels == out_channels
        inner, layers = expansion * in_channels, []
        if expansion != 1:
            layers.append(nn.Sequential(*conv_bn(in_channels, inner, 1, activation=nn.ReLU6)))
        layers.append(nn.Sequential(*conv_bn(inner, inner, 3, stride, inner, nn.ReLU6)))
        self.conv = nn.Sequential(*layers, *conv_bn(inner, out_channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.adds else self.conv(x)


class MobileNetV2(Trunk):
    """The net of a width.    x (N, in_channels, H, W) -> logits (N, num_classes)

    width: a factor for all numbers of channels, the last only if it is above 1; dropout: the
    fraction of units dropped before the classifier.

    Raises: ValueError for images of another shape.
    """

    def __init__(
        self,
        width: float = 1.0,
        num_classes: int = 1000,
        in_channels: int = 3,
        dropout: float = 0.2,
    ):
        channels = divisible(START * checked_width(width), MULTIPLE)
        features = nn.Sequential(
            nn.Sequential(*conv_bn(in_channels, channels, 3, 2, activation=nn.ReLU6))
        )
        for expansion, wanted, blocks, first_stride in TABLE:
            out_channels = divisible(wanted * width, MULTIPLE)
            for block in range(blocks):
                stride = first_stride if block == 0 else 1
                features.append(InvertedResidual(channels, out_channels, stride, expansion))
                channels = out_channels
        last = divisible(LAST * max(width, 1.0), MULTIPLE)
        features.append(nn.Sequential(*conv_bn(channels, last, 1, activation=nn.ReLU6)))
        layers = {
            "features": features,
            "avgpool": nn.AdaptiveAvgPool2d(1),
            "flatten": nn.Flatten(),
            "classifier": nn.Sequential(nn.Dropout(dropout), nn.Linear(last, num_classes)),
        }
        super().__init__(layers, in_channels, smallest=1)
        draw_weights(self, nn.init.kaiming_normal_)


@register(params=3_504_872, macs=300_774_272, preprocessing=IMAGENET)
def mobilenet_v2(width: float = 1.0, **settings: Any) -> MobileNetV2:
    """MobileNet v2 of full width. Settings: see `MobileNetV2`."""
    return MobileNetV2(width, **settings)


@register(params=1_677_128, macs=59_285_808)
def mobilenet_v2_035(width: float = 0.35, **settings: Any) -> MobileNetV2:
    """MobileNet v2 of width 0.35. Settings: see `MobileNetV2`."""
    return MobileNetV2(width, **settings)


@register(params=1_968_680, macs=97_131_840)
def mobilenet_v2_050(width: float = 0.5, **settings: Any) -> MobileNetV2:
    """MobileNet v2 of half the width. Settings: see `MobileNetV2`."""
    return MobileNetV2(width, **settings)


@register(params=2_636_424, macs=209_069_792)
def mobilenet_v2_075(width: float = 0.75, **settings: Any) -> MobileNetV2:
    """MobileNet v2 of three quarters' width. Settings: see `MobileNetV2`."""
    return MobileNetV2(width, **settings)


@register(params=6_108_776, macs=582_195_824)
def mobilenet_v2_140(width: float = 1.4, **settings: Any) -> MobileNetV2:
    """MobileNet v2 of width 1.4. Settings: see `MobileNetV2`."""
    return MobileNetV2(width, **settings)
