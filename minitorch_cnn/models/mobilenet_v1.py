"""MobileNet v1: depthwise separable convolutions throughout, and a width multiplier.

A. Howard, M. Zhu, B. Chen, D. Kalenichenko, W. Wang, T. Weyand, M. Andreetto, H. Adam (2017),
"MobileNets: efficient convolutional neural networks for mobile vision applications", arXiv
1704.04861. A 3 x 3 convolution from C to C channels takes 9 C^2 multiply-adds per pixel. A 3 x 3
depthwise convolution followed by a 1 x 1 convolution takes 9 C + C^2, eight to nine times fewer. A
width of 3/4, 1/2 or 1/4 reduces the channels of every layer; smaller images cut the cost further.

Deviations from the paper
- The last depthwise convolution has stride 1: the sizes in Table 1 rule out the stride 2 printed
  there.
- ReLU6, with which the authors published the net, instead of ReLU.
- Weights are drawn after He et al. (2015); the paper leaves it open.

Convolutions are padded by one pixel on every side, where TensorFlow pads only one side at stride 2.
The module names are timm's, whose weights load into the models.
"""

from __future__ import annotations

from typing import Any

from .. import nn
from .blocks import Trunk, checked_width, classifier, conv_bn, draw_weights
from .preprocessing import MOBILENET_V1
from .registry import register

START = 32  # channels of the first convolution
# Output channels and blocks of each stage; the first block of each but the first halves the image.
TABLE = ((64, 1), (128, 2), (256, 2), (512, 6), (1024, 2))  # Table 1


def separable(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """A 3 x 3 depthwise and a 1 x 1 convolution, each with batch norm and ReLU6.

    x (N, in_channels, H, W) -> y (N, out_channels, ceil(H / stride), ceil(W / stride))
    """
    depthwise = conv_bn(in_channels, in_channels, 3, stride, in_channels, nn.ReLU6)
    pointwise = conv_bn(in_channels, out_channels, 1, activation=nn.ReLU6)
    names = ("conv_dw", "bn1", "act1", "conv_pw", "bn2", "act2")
    return nn.Sequential(dict(zip(names, depthwise + pointwise, strict=True)))


class MobileNetV1(Trunk):
    """The net of a width.    x (N, in_channels, H, W) -> logits (N, num_classes)

    width: a factor for all numbers of channels, rounded down, the paper's alpha; dropout: the
    fraction of units dropped before the classifier.

    Raises: ValueError for images of another shape.
    """

    def __init__(
        self,
        width: float = 1.0,
        num_classes: int = 1000,
        in_channels: int = 3,
        dropout: float = 0.0,
    ):
        channels = max(1, int(START * checked_width(width)))
        stem = conv_bn(in_channels, channels, 3, 2, activation=nn.ReLU6)
        layers = dict(zip(("conv_stem", "bn1", "act1"), stem, strict=True))
        stages = nn.Sequential()
        for wanted, blocks in TABLE:
            stage = nn.Sequential()
            for block in range(blocks):
                inputs, channels = channels, max(1, int(wanted * width))
                halves = block == 0 and len(stages) > 0
                stage.append(separable(inputs, channels, 2 if halves else 1))
            stages.append(stage)
        layers |= {"blocks": stages} | classifier(channels, num_classes, dropout, "classifier")
        super().__init__(layers, in_channels, smallest=1)
        draw_weights(self, nn.init.kaiming_normal_)


@register(params=4_231_976, macs=568_740_352, preprocessing=MOBILENET_V1)
def mobilenet_v1_100(width: float = 1.0, **settings: Any) -> MobileNetV1:
    """MobileNet of full width. Settings: see `MobileNetV1`."""
    return MobileNetV1(width, **settings)


@register(params=2_585_560, macs=325_400_448)
def mobilenet_v1_075(width: float = 0.75, **settings: Any) -> MobileNetV1:
    """MobileNet of three quarters' width. Settings: see `MobileNetV1`."""
    return MobileNetV1(width, **settings)


@register(params=1_331_592, macs=149_497_088)
def mobilenet_v1_050(width: float = 0.5, **settings: Any) -> MobileNetV1:
    """MobileNet of half the width. Settings: see `MobileNetV1`."""
    return MobileNetV1(width, **settings)


@register(params=470_072, macs=41_030_272)
def mobilenet_v1_025(width: float = 0.25, **settings: Any) -> MobileNetV1:
    """MobileNet of a quarter's width. Settings: see `MobileNetV1`."""
    return MobileNetV1(width, **settings)
