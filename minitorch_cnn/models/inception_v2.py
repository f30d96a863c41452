"""Inception-v2: the two networks known by this name.

`inception_v2` is the one with 42 layers of C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna
(2016), "Rethinking the Inception architecture for computer vision", CVPR 2016, arXiv 1512.00567,
table 1: the modules of Inception-v3 after another stem, without the auxiliary classifier.

`inception_v2_slim` is TensorFlow-Slim's network of this name: BN-Inception (S. Ioffe, C. Szegedy
2015, arXiv 1502.03167) with that paper's numbers of filters, its first convolution separable into
7 x 7 per colour and 1 x 1 across.

Deviations from the papers
- "Rethinking" does not print its numbers of filters: the modules of `inception_v2` have those of
  the published Inception-v3, except that their 5 x 5 window is 3 x 3 as in figure 5. The table's
  five modules at 17 x 17 are read as the grid reduction and four of figure 6, as in Inception-v3:
  this gives the paper's 42 layers, 6 + 3*3 + 4*5 + 2*3 + 1 without the reductions, and its bound of
  25 million parameters. Its counts are therefore this project's own, not published ones.
- `inception_v2_slim` pads symmetrically, where TensorFlow's strided layers pad an even image only
  at its right and lower edge.
"""

from __future__ import annotations

from functools import partial

from .. import nn
from . import bn_inception
from .blocks import Trunk, classifier, draw_weights, scaled
from .inception_v3 import (
    HALVE,
    conv_bn_relu,
    figure5,
    figure6,
    figure7,
    figure10,
    figure10_with_sevens,
)
from .registry import register
from .tables import Conv, build_all

# Sizes are those of an image of 299 x 299.                                   "Rethinking", table 1
TABLE = {
    "conv1": Conv(32, 3, 2, 0),  # 149 x 149
    "conv2": Conv(32, 3, 1, 0),  # 147 x 147
    "conv3": Conv(64, 3),
    "maxpool": HALVE,  # 73 x 73
    "conv4": Conv(80, 3, 1, 0),  # 71 x 71
    "conv5": Conv(192, 3, 2, 0),  # 35 x 35
    "conv6": Conv(288, 3),
    "inception5a": figure5(pool_proj=64, window=3),
    "inception5b": figure5(pool_proj=64, window=3),
    "inception5c": figure5(pool_proj=64, window=3),
    "reduction6": figure10(),  # 17 x 17
    "inception6a": figure6(128),
    "inception6b": figure6(160),
    "inception6c": figure6(160),
    "inception6d": figure6(192),
    "reduction7": figure10_with_sevens(),  # 8 x 8
    "inception7a": figure7(),
    "inception7b": figure7(),
}

HALVE_EVERY_SIZE = partial(nn.MaxPool2d, 3, 2, 1)

# As BN-Inception's, except the two projections of 96 channels.    Ioffe and Szegedy 2015, figure 5
MODULES = bn_inception.TABLE | {
    "4c": bn_inception.TABLE["4c"]._replace(pool_proj=96),
    "4d": bn_inception.TABLE["4d"]._replace(pool_proj=96),
}
SLIM_TABLE = {
    "maxpool1": HALVE_EVERY_SIZE,  # 56 x 56
    "conv2": Conv(64, 1),
    "conv3": Conv(192, 3),
    "maxpool2": HALVE_EVERY_SIZE,  # 28 x 28
    **{f"inception{name}": row.paths(HALVE_EVERY_SIZE) for name, row in MODULES.items()},
}


class InceptionV2(Trunk):
    """The network of table 1.    x (N, in_channels, H, W) -> logits (N, num_classes)

    width: a factor for all numbers of filters.
    """

    def __init__(self, num_classes: int, in_channels: int, dropout: float, width: float):
        layers, channels = build_all(TABLE, in_channels, conv_bn_relu, width)
        layers |= classifier(channels, num_classes, dropout)
        super().__init__(layers, in_channels, 75)
        draw_weights(self, nn.init.kaiming_normal_)


def separable_stem(in_channels: int, width: float) -> tuple[nn.Module, int]:
    """7 x 7 per colour with stride 2, 1 x 1 across, batch norm and ReLU; and its channels.

    x (N, C, H, W) -> y (N, 64, H/2, W/2), through 8 maps per colour.
    """
    filters = scaled(64, width)
    maps = in_channels * max(1, min(8, filters // in_channels))
    depthwise = nn.Conv2d(in_channels, maps, 7, 2, 3, groups=in_channels, bias=False)
    pointwise = conv_bn_relu(maps, filters, 1)
    return nn.Sequential({"depthwise": depthwise, "pointwise": pointwise}), filters


class InceptionV2Slim(Trunk):
    """TensorFlow-Slim's BN-Inception.    x (N, in_channels, H, W) -> (N, num_classes)

    width: a factor for all numbers of filters.
    """

    def __init__(self, num_classes: int, in_channels: int, dropout: float, width: float):
        stem, channels = separable_stem(in_channels, width)
        layers, channels = build_all(SLIM_TABLE, channels, conv_bn_relu, width)
        layers = {"conv1": stem, **layers, **classifier(channels, num_classes, dropout)}
        super().__init__(layers, in_channels, 1)
        draw_weights(self, nn.init.kaiming_normal_)


@register(params=24_263_240, macs=5_864_860_256, input_shape=(3, 299, 299))
def inception_v2(
    num_classes: int = 1000, in_channels: int = 3, dropout: float = 0.2, width: float = 1.0
) -> InceptionV2:
    """Inception-v2 of table 1, 42 layers; counts with the numbers of filters of Inception-v3."""
    return InceptionV2(num_classes, in_channels, dropout, width)


@register(params=11_188_288, macs=1_934_857_216)
def inception_v2_slim(
    num_classes: int = 1000, in_channels: int = 3, dropout: float = 0.2, width: float = 1.0
) -> InceptionV2Slim:
    """TensorFlow-Slim's Inception-v2: BN-Inception with a separable first convolution."""
    return InceptionV2Slim(num_classes, in_channels, dropout, width)
