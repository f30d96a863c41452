"""ShuffleNet: grouped 1 x 1 convolutions, with channels shuffled between the groups.

X. Zhang, X. Zhou, M. Lin, J. Sun (2018), "ShuffleNet: an extremely efficient convolutional neural
network for mobile devices", CVPR 2018, arXiv 1707.01083. In small bottlenecks the 1 x 1
convolutions cost most. Groups reduce their cost but separate the channels, so the channels are
redistributed to all groups before the next convolution (figure 1c). Since more groups allow more
channels for the same 140 million multiply-adds, there is a net for each number.

Deviations from the paper
- None in the net. Weights are initialised after He et al. (2015), and where the image halves the
  averages of the input precede the branch; the paper leaves both open.
"""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .. import nn
from ..tensor import Tensor, cat
from .blocks import Trunk, classifier, conv_bn, draw_weights, scaled
from .registry import register

START = 24  # channels of the first convolution
UNITS = (4, 8, 4)  # in each stage
# Number of groups: output channels of each stage.                                        Table 1
TABLE = {
    1: (144, 288, 576),
    2: (200, 400, 800),
    3: (240, 480, 960),
    4: (272, 544, 1088),
    8: (384, 768, 1536),
}


class ShuffleUnit(nn.Module):
    """1 x 1 to a quarter, shuffle, 3 x 3 depthwise, 1 x 1; x is added or concatenated in front.

    x (N, in_channels, H, W) -> y (N, out_channels, ceil(H / stride), ceil(W / stride))

    groups: of the 1 x 1 convolutions; grouped_first: whether the first has them too. With a stride
    of 1 x is added (figure 2b); with 2 the branch adds the channels that y has beyond the averages
    of x (figure 2c).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        groups: int,
        grouped_first: bool = True,
    ):
        super().__init__()
        inner = out_channels // 4
        self.pool = None
        if stride > 1:
            self.pool, out_channels = nn.AvgPool2d(3, stride, 1), out_channels - in_channels
        self.branch = nn.Sequential(
            *conv_bn(in_channels, inner, 1, 1, groups if grouped_first else 1, nn.ReLU),
            nn.ChannelShuffle(groups),
            *conv_bn(inner, inner, 3, stride, inner),
            *conv_bn(inner, out_channels, 1, 1, groups),
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.branch(x)
        return F.relu(x + y if self.pool is None else cat([self.pool(x), y], dim=1))


class ShuffleNetV1(Trunk):
    """The net of a number of groups.    x (N, in_channels, H, W) -> logits (N, num_classes)

    width: a factor for all numbers of channels, the paper's s; they stay divisible into groups.

    Raises: ValueError for images of another shape.
    """

    def __init__(
        self,
        groups: int,
        num_classes: int = 1000,
        in_channels: int = 3,
        width: float = 1.0,
    ):
        channels = scaled(START, width, groups)
        layers: dict[str, nn.Module] = {
            "conv1": nn.Sequential(*conv_bn(in_channels, channels, 3, 2, activation=nn.ReLU)),
            "maxpool": nn.MaxPool2d(3, 2, 1),
        }
        for number, (wanted, units) in enumerate(zip(TABLE[groups], UNITS, strict=True), 2):
            out_channels = scaled(wanted, width, 4 * groups)
            # The first convolution of stage 2 has few channels and is not grouped (section 3.3).
            first = ShuffleUnit(channels, out_channels, 2, groups, grouped_first=number > 2)
            others = (ShuffleUnit(out_channels, out_channels, 1, groups) for _ in range(1, units))
            layers[f"stage{number}"] = nn.Sequential(first, *others)
            channels = out_channels
        super().__init__(layers | classifier(channels, num_classes), in_channels, smallest=1)
        draw_weights(self, nn.init.kaiming_normal_)


@register(params=1_531_936, macs=143_078_976)
def shufflenet_v1_g1(**settings: Any) -> ShuffleNetV1:
    """ShuffleNet without groups. Settings: see `ShuffleNetV1`."""
    return ShuffleNetV1(1, **settings)


@register(params=1_733_848, macs=140_836_512)
def shufflenet_v1_g2(**settings: Any) -> ShuffleNetV1:
    """ShuffleNet of 2 groups. Settings: see `ShuffleNetV1`."""
    return ShuffleNetV1(2, **settings)


@register(params=1_865_728, macs=137_460_672)
def shufflenet_v1_g3(**settings: Any) -> ShuffleNetV1:
    """ShuffleNet of 3 groups. Settings: see `ShuffleNetV1`."""
    return ShuffleNetV1(3, **settings)


@register(params=1_968_344, macs=134_339_776)
def shufflenet_v1_g4(**settings: Any) -> ShuffleNetV1:
    """ShuffleNet of 4 groups. Settings: see `ShuffleNetV1`."""
    return ShuffleNetV1(4, **settings)


@register(params=2_434_768, macs=138_365_952)
def shufflenet_v1_g8(**settings: Any) -> ShuffleNetV1:
    """ShuffleNet of 8 groups. Settings: see `ShuffleNetV1`."""
    return ShuffleNetV1(8, **settings)
