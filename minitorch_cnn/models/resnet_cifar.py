"""The ResNets for small images, of 20 to 1202 layers.

K. He, X. Zhang, S. Ren, J. Sun (2016), "Deep residual learning for image recognition", CVPR 2016,
arXiv 1512.03385, section 4.2. A 3 x 3 convolution, three stages of n blocks at 32, 16 and 8 pixels
with 16, 32 and 64 filters, global average pooling, and a linear layer: 6n + 2 layers with weights.
Plain nets get worse beyond 20 layers, even in training; these improve up to 110.

Deviations from the paper
- None. Shortcuts are of option A, without parameters, unless `shortcut` says otherwise, so that a
  net has as many parameters as the plain one of its depth.
"""

from __future__ import annotations

from typing import Any

from .. import nn
from .blocks import Trunk, classifier, scaled
from .registry import register
from .residual import MakeBlock, basic, draw_he_weights, stage

FILTERS = (16, 32, 64)


class CifarResNet(Trunk):
    """A convolution, three equal stages of blocks and a classifier.

    x (N, in_channels, H, W) -> logits (N, num_classes)

    blocks: in each stage; make: makes them, from channels in and out and a stride; filters: the
    channels of each stage's output; preactivated: whether blocks begin with batch norm and ReLU,
    which then follow the last of them and not the first convolution; width: a factor for all
    channels.

    Raises: ValueError for images of another shape.
    """

    def __init__(
        self,
        blocks: int,
        make: MakeBlock,
        num_classes: int = 10,
        in_channels: int = 3,
        filters: tuple[int, ...] = FILTERS,
        preactivated: bool = False,
        width: float = 1.0,
    ):
        channels = scaled(FILTERS[0], width)
        layers: dict[str, nn.Module] = {
            "conv1": nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        }
        if not preactivated:
            layers |= {"bn1": nn.BatchNorm2d(channels), "relu": nn.ReLU()}
        for number, outputs in enumerate(filters, 1):
            inputs, channels = channels, scaled(outputs, width)
            stride = 1 if number == 1 else 2
            layers[f"layer{number}"] = stage(make, inputs, channels, blocks, stride)
        if preactivated:
            layers |= {"norm": nn.BatchNorm2d(channels), "relu": nn.ReLU()}
        layers |= classifier(channels, num_classes)
        super().__init__(layers, in_channels, smallest=1)
        draw_he_weights(self)


def resnet(depth: int, shortcut: str | None, settings: dict) -> CifarResNet:
    """The net of 6n + 2 layers; with shortcut=None a plain one."""
    return CifarResNet((depth - 2) // 6, basic(shortcut), **settings)


@register(params=269_722, macs=40_551_040, input_shape=(3, 32, 32))
def resnet20_cifar(shortcut: str = "A", **settings: Any) -> CifarResNet:
    """ResNet-20 for 32 x 32; shortcut: "A", "B" or "C". Settings: see `CifarResNet`."""
    return resnet(20, shortcut, settings)


@register(params=464_154, macs=68_862_592, input_shape=(3, 32, 32))
def resnet32_cifar(shortcut: str = "A", **settings: Any) -> CifarResNet:
    """ResNet-32 for 32 x 32; shortcut: "A", "B" or "C". Settings: see `CifarResNet`."""
    return resnet(32, shortcut, settings)


@register(params=658_586, macs=97_174_144, input_shape=(3, 32, 32))
def resnet44_cifar(shortcut: str = "A", **settings: Any) -> CifarResNet:
    """ResNet-44 for 32 x 32; shortcut: "A", "B" or "C". Settings: see `CifarResNet`."""
    return resnet(44, shortcut, settings)


@register(params=853_018, macs=125_485_696, input_shape=(3, 32, 32))
def resnet56_cifar(shortcut: str = "A", **settings: Any) -> CifarResNet:
    """ResNet-56 for 32 x 32; shortcut: "A", "B" or "C". Settings: see `CifarResNet`."""
    return resnet(56, shortcut, settings)


@register(params=1_727_962, macs=252_887_680, input_shape=(3, 32, 32))
def resnet110_cifar(shortcut: str = "A", **settings: Any) -> CifarResNet:
    """ResNet-110 for 32 x 32; shortcut: "A", "B" or "C". Settings: see `CifarResNet`."""
    return resnet(110, shortcut, settings)


@register(params=19_421_274, macs=2_829_238_912, input_shape=(3, 32, 32))
def resnet1202_cifar(shortcut: str = "A", **settings: Any) -> CifarResNet:
    """ResNet-1202 for 32 x 32; shortcut: "A", "B" or "C". Settings: see `CifarResNet`."""
    return resnet(1202, shortcut, settings)


@register(params=269_722, macs=40_551_040, input_shape=(3, 32, 32))
def plain20_cifar(**settings: Any) -> CifarResNet:
    """ResNet-20 for 32 x 32 without shortcuts. Settings: see `CifarResNet`."""
    return resnet(20, None, settings)


@register(params=464_154, macs=68_862_592, input_shape=(3, 32, 32))
def plain32_cifar(**settings: Any) -> CifarResNet:
    """ResNet-32 for 32 x 32 without shortcuts. Settings: see `CifarResNet`."""
    return resnet(32, None, settings)


@register(params=658_586, macs=97_174_144, input_shape=(3, 32, 32))
def plain44_cifar(**settings: Any) -> CifarResNet:
    """ResNet-44 for 32 x 32 without shortcuts. Settings: see `CifarResNet`."""
    return resnet(44, None, settings)


@register(params=853_018, macs=125_485_696, input_shape=(3, 32, 32))
def plain56_cifar(**settings: Any) -> CifarResNet:
    """ResNet-56 for 32 x 32 without shortcuts. Settings: see `CifarResNet`."""
    return resnet(56, None, settings)


@register(params=1_727_962, macs=252_887_680, input_shape=(3, 32, 32))
def plain110_cifar(**settings: Any) -> CifarResNet:
    """ResNet-110 for 32 x 32 without shortcuts. Settings: see `CifarResNet`."""
    return resnet(110, None, settings)
