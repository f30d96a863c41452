"""Two nets for small images, VGG-16 and ResNet-56, with ghost modules instead of convolutions.

K. Han et al. (2020), "GhostNet: more features from cheap operations", CVPR 2020, arXiv 1911.11907,
section 4.1. The ghost forms have half of the parameters and of the multiply-adds; on CIFAR-10
Ghost-VGG-16 makes 6.3 % errors and VGG-16 6.4 %.

VGG-16 for small images is that of H. Li, A. Kadav, I. Durdanovic, H. Samet, H. P. Graf (2017),
"Pruning filters for efficient ConvNets", ICLR 2017, arXiv 1608.08710, section 4.1: net D up to its
last pooling, which leaves one pixel of 32 x 32, and one hidden layer; batch norm follows all layers
but the last. ResNet-56 is in `resnet_cifar`.

Deviations from the paper
- The first convolution, whose input is the image, is not replaced. The paper does not specify this,
  nor do its counts reveal it.
- Weights are drawn after He et al. (2015).
"""

from __future__ import annotations

from typing import Any

from .. import nn
from ..tensor import Tensor
from .blocks import Trunk, conv_bn, draw_weights, scaled, smallest_image
from .ghostnet import GhostModule
from .registry import register
from .residual import ResidualBlock, make_shortcut
from .resnet_cifar import CifarResNet
from .vgg import CHANNELS, TABLE

UNITS = 512  # of the hidden layer


def convolution(in_channels: int, channels: int) -> list[nn.Module]:
    """A 3 x 3 convolution, which keeps its bias, batch norm and ReLU."""
    conv = nn.Conv2d(in_channels, channels, 3, padding=1)
    return [conv, nn.BatchNorm2d(channels), nn.ReLU()]


class CifarVGG16(Trunk):
    """Net D of VGG with batch norm and one hidden layer.

    x (N, in_channels, H, W) -> logits (N, num_classes)

    ghost: whether all convolutions but the first are ghost modules; dropout: the fraction of hidden
    units dropped in training; width: a factor for all numbers of channels and units.

    Raises: ValueError for images of another shape, or of less than 32 pixels.
    """

    def __init__(
        self,
        ghost: bool = False,
        num_classes: int = 10,
        in_channels: int = 3,
        dropout: float = 0.0,
        width: float = 1.0,
    ):
        features, channels = nn.Sequential(), in_channels
        for kernels, wanted in zip(TABLE["D"], CHANNELS, strict=True):
            for _ in kernels:
                inputs, channels = channels, scaled(wanted, width)
                if not ghost:
                    features.extend(convolution(inputs, channels))
                elif len(features) == 0:
                    features.extend(conv_bn(inputs, channels, 3, activation=nn.ReLU))
                else:
                    features.append(GhostModule(inputs, channels, 3))
            features.append(nn.MaxPool2d(2))
        units = scaled(UNITS, width)
        layers = {
            "features": features,
            "avgpool": nn.AdaptiveAvgPool2d(1),
            "flatten": nn.Flatten(),
            "classifier": nn.Sequential(
                nn.Linear(channels, units),
                nn.BatchNorm1d(units),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(units, num_classes),
            ),
        }
        super().__init__(layers, in_channels, smallest_image(features))
        draw_weights(self, nn.init.kaiming_normal_)


class GhostBlock(ResidualBlock):
    """A branch of two 3 x 3 ghost modules, the second without ReLU, and a shortcut of option A.

    x (N, in_channels, H, W) -> y (N, out_channels, ceil(H / stride), ceil(W / stride))
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__()
        self.ghost1 = GhostModule(in_channels, out_channels, 3, stride)
        self.ghost2 = GhostModule(out_channels, out_channels, 3, relu=False)
        self.downsample = make_shortcut("A", in_channels, out_channels, stride)

    def branch(self, x: Tensor) -> Tensor:
        return self.ghost2(self.ghost1(x))


@register(params=14_991_946, macs=313_463_808, input_shape=(3, 32, 32))
def vgg16_cifar(**settings: Any) -> CifarVGG16:
    """VGG-16 for 32 x 32. Settings: see `CifarVGG16`."""
    return CifarVGG16(**settings)


@register(params=7_652_074, macs=158_699_520, input_shape=(3, 32, 32))
def ghost_vgg16_cifar(**settings: Any) -> CifarVGG16:
    """VGG-16 of ghost modules for 32 x 32. Settings: see `CifarVGG16`."""
    return CifarVGG16(ghost=True, **settings)


@register(params=438_154, macs=65_286_784, input_shape=(3, 32, 32))
def ghost_resnet56_cifar(**settings: Any) -> CifarResNet:
    """ResNet-56 of ghost modules for 32 x 32. Settings: see `CifarResNet`."""
    return CifarResNet(9, GhostBlock, **settings)
