"""ShuffleNet v2: small nets designed for measured speed, not only for few multiply-adds.

N. Ma, X. Zhang, H.-T. Zheng, J. Sun (2018), "ShuffleNet V2: practical guidelines for efficient CNN
architecture design", ECCV 2018, arXiv 1807.11164. Measured on devices: convolutions should have as
many outputs as inputs, few groups, few branches, and few elementwise operations. So a unit splits
its channels into halves, convolves one and keeps the other, and shuffles both together.

Deviations from the paper
- None in the net. Weights are drawn after He et al. (2015); the paper leaves it open.

The module names are torchvision's, whose weights load into the models.
"""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .. import nn
from ..tensor import Tensor, cat
from .blocks import Trunk, classifier, conv_bn, draw_weights, scaled
from .preprocessing import IMAGENET, IMAGENET_232
from .registry import register

START = 24  # channels of the first convolution
UNITS = (4, 8, 4)  # in each stage
# Net: output channels of each stage and of the last convolution.                         Table 5
TABLE = {
    "x0_5": (48, 96, 192, 1024),
    "x1_0": (116, 232, 464, 1024),
    "x1_5": (176, 352, 704, 1024),
    "x2_0": (244, 488, 976, 2048),
}


class SplitUnit(nn.Module):
    """Half of the channels convolved, half kept; the two shuffled.

    x (N, in_channels, H, W) -> y (N, out_channels, ceil(H / stride), ceil(W / stride))

    With a stride of 2 both halves of y are convolutions of all of x (figure 3d). Otherwise x has
    y's channels; one half of x is kept, the other is convolved (figure 3c).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int):
        super().__init__()
        half, self.branch1 = out_channels // 2, None
        if stride > 1:
            depthwise = conv_bn(in_channels, in_channels, 3, stride, in_channels)
            self.branch1 = nn.Sequential(
                *depthwise, *conv_bn(in_channels, half, 1, activation=nn.ReLU)
            )
        self.branch2 = nn.Sequential(
            *conv_bn(in_channels if stride > 1 else half, half, 1, activation=nn.ReLU),
            *conv_bn(half, half, 3, stride, half),
            *conv_bn(half, half, 1, activation=nn.ReLU),
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.branch1 is None:
            kept, x = x.chunk(2, dim=1)
        else:
            kept = self.branch1(x)
        return F.channel_shuffle(cat([kept, self.branch2(x)], dim=1), 2)


class ShuffleNetV2(Trunk):
    """A net of the table.    x (N, in_channels, H, W) -> logits (N, num_classes)

    channels: of each stage and of the last convolution; width: a factor for all of them.

    Raises: ValueError for images of another shape.
    """

    def __init__(
        self,
        channels: tuple[int, int, int, int],
        num_classes: int = 1000,
        in_channels: int = 3,
        width: float = 1.0,
    ):
        inputs, *outputs, last = (scaled(n, width, 2) for n in (START, *channels))
        layers: dict[str, nn.Module] = {
            "conv1": nn.Sequential(*conv_bn(in_channels, inputs, 3, 2, activation=nn.ReLU)),
            "maxpool": nn.MaxPool2d(3, 2, 1),
        }
        for number, (out_channels, units) in enumerate(zip(outputs, UNITS, strict=True), 2):
            first = SplitUnit(inputs, out_channels, 2)
            others = (SplitUnit(out_channels, out_channels, 1) for _ in range(1, units))
            layers[f"stage{number}"] = nn.Sequential(first, *others)
            inputs = out_channels
        layers["conv5"] = nn.Sequential(*conv_bn(inputs, last, 1, activation=nn.ReLU))
        super().__init__(layers | classifier(last, num_classes), in_channels, smallest=1)
        draw_weights(self, nn.init.kaiming_normal_)


@register(params=1_366_792, macs=40_476_448, preprocessing=IMAGENET)
def shufflenet_v2_x0_5(**settings: Any) -> ShuffleNetV2:
    """ShuffleNet v2 of about half the width. Settings: see `ShuffleNetV2`."""
    return ShuffleNetV2(TABLE["x0_5"], **settings)


@register(params=2_278_604, macs=144_907_992, preprocessing=IMAGENET)
def shufflenet_v2_x1_0(**settings: Any) -> ShuffleNetV2:
    """ShuffleNet v2. Settings: see `ShuffleNetV2`."""
    return ShuffleNetV2(TABLE["x1_0"], **settings)


@register(params=3_503_624, macs=295_759_392, preprocessing=IMAGENET_232)
def shufflenet_v2_x1_5(**settings: Any) -> ShuffleNetV2:
    """ShuffleNet v2 of about 1.5 times the width. Settings: see `ShuffleNetV2`."""
    return ShuffleNetV2(TABLE["x1_5"], **settings)


@register(params=7_393_996, macs=583_253_464, preprocessing=IMAGENET_232)
def shufflenet_v2_x2_0(**settings: Any) -> ShuffleNetV2:
    """ShuffleNet v2 of about twice the width. Settings: see `ShuffleNetV2`."""
    return ShuffleNetV2(TABLE["x2_0"], **settings)
