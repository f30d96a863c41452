"""ZFNet: AlexNet improved after visualising its features.

M. Zeiler, R. Fergus (2014), "Visualizing and understanding convolutional networks", ECCV 2014,
arXiv 1311.2901, figure 3. Projecting activations back to the image showed dead and coarse filters
in AlexNet's first layer and aliasing from its stride of 4: the first convolution is 7 x 7 with
stride 2 here, the second has stride 2, and there is only one tower. 62 million parameters, 1.2 G
multiply-adds. ZFNet-b, with 512, 1024, 512 channels in the last three convolutions, was its best
single network.

Deviations from the paper
- The contrast normalisation, whose constants the paper does not give, is AlexNet's.
- The filters are not rescaled when their root mean square exceeds 0.1.
- Images of sizes other than 224 are averaged to 6 x 6 before fc6.

The initialisation fits the paper's images: pixels from 0 to 255, minus their mean. On images of
unit variance the loss stays constant for a long time before training progresses.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import nn
from ..tensor import Tensor
from .alexnet import linear_layers, response_norm
from .blocks import check_images, draw_normal, scaled, smallest_image
from .registry import register


class Row(NamedTuple):
    """A convolution with its ReLU, then optional 3/2 pooling and normalisation."""

    channels: int
    kernel: int
    stride: int
    padding: int
    pool: bool
    norm: bool


#      channels kernel stride padding pool   norm                                     Figure 3
FIRST = (
    Row(   96,    7,     2,     1,    True,  True),
    Row(  256,    5,     2,     0,    True,  True),
)  # fmt: skip
NARROW = (
    *FIRST,
    Row(  384,    3,     1,     1,    False, False),
    Row(  384,    3,     1,     1,    False, False),
    Row(  256,    3,     1,     1,    True,  False),
)  # fmt: skip
WIDE = (
    *FIRST,
    Row(  512,    3,     1,     1,    False, False),
    Row( 1024,    3,     1,     1,    False, False),
    Row(  512,    3,     1,     1,    True,  False),
)  # fmt: skip


class ZFNet(nn.Module):
    """Five convolutions and three linear layers.    x (N, in_channels, H, W) -> (N, num_classes)

    table: the convolutions, `NARROW` or `WIDE`; dropout: the fraction of units dropped before fc6
    and fc7 in training; width: a factor for the channels and units of all layers.

    Raises: ValueError for images of less than 47 pixels.
    """

    def __init__(
        self,
        table: tuple[Row, ...],
        num_classes: int = 1000,
        in_channels: int = 3,
        dropout: float = 0.5,
        width: float = 1.0,
    ):
        super().__init__()
        self.in_channels = in_channels
        channels, units, layers = in_channels, scaled(4096, width), []
        for row in table:
            inputs, channels = channels, scaled(row.channels, width)
            layers += [nn.Conv2d(inputs, channels, row.kernel, row.stride, row.padding), nn.ReLU()]
            if row.pool:
                layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))  # 110 -> 55 and 26 -> 13 columns
            if row.norm:
                layers.append(response_norm())
        self.features = nn.Sequential(*layers)  # (N, 256 or 512, 6, 6)
        self.smallest = smallest_image(self.features)
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = linear_layers(channels * 6 * 6, units, num_classes, dropout)
        draw_normal(self, 0.01, width)

    def forward(self, x: Tensor) -> Tensor:
        check_images("ZFNet", x, self.in_channels, self.smallest)
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


@register(params=62_357_608, macs=1_168_032_896)
def zfnet(**settings: Any) -> ZFNet:
    """ZFNet: AlexNet with finer first layers. Settings: see `ZFNet`."""
    return ZFNet(NARROW, **settings)


@register(params=107_627_624, macs=2_476_704_896)
def zfnet_b(**settings: Any) -> ZFNet:
    """ZFNet-b: 512, 1024 and 512 channels in the last convolutions. Settings: see `ZFNet`."""
    return ZFNet(WIDE, **settings)
