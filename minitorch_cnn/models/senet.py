"""SENet: residual networks whose channels are gated by global information.

J. Hu, L. Shen, G. Sun (2018), "Squeeze-and-excitation networks", CVPR 2018, arXiv 1709.01507,
winners of ILSVRC 2017. A gate (`blocks.SqueezeExcitation`) passes the mean of every channel through
two small layers and scales the channels of a branch by the result, before the branch is added.
SE-ResNet-50 has about ResNet-101's errors for half of its multiply-adds.

Deviations from the paper
- None from the authors' nets for Caffe: the first pooling has no padding and rounds up, SE-ResNets
  stride in the first 1 x 1 convolution of a block and the others in the 3 x 3.

SENet-154 (appendix of the paper): a SE-ResNeXt-152 64x4d that begins with three 3 x 3 convolutions,
halves the channels of the first 1 x 1 of each block, has 3 x 3 projections where the image halves,
and dropout before the classifier. The module names are those of timm's legacy nets, whose weights
load into the models.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import nn
from ..tensor import Tensor
from .blocks import SqueezeExcitation, Trunk, classifier, draw_weights, scaled, smallest_image
from .preprocessing import IMAGENET
from .registry import register
from .residual import Bottleneck, MakeBlock, projection, stage

OUTPUTS = (256, 512, 1024, 2048)  # channels after each stage
REDUCTION = 16  # channels per unit of a gate


class Design(NamedTuple):
    """A net: its blocks per stage, the filters of the first stage's blocks, and their groups.

    first, inner: filters of the first 1 x 1 and of the 3 x 3 convolution in stage 1, doubled in
    each stage; stride_first: whether the first of the two strides, not the second; stem: filters
    of the first convolutions; projection: kernel of the shortcuts that halve the image.
    """

    blocks: tuple[int, int, int, int]
    first: int = 64
    inner: int = 64
    groups: int = 1
    stride_first: bool = False
    stem: tuple[int, ...] = (64,)
    projection: int = 1


#                      blocks        first, inner, groups                             Table 1
TABLE = {
    "resnet50": Design((3, 4, 6, 3), stride_first=True),
    "resnet101": Design((3, 4, 23, 3), stride_first=True),
    "resnet152": Design((3, 8, 36, 3), stride_first=True),
    "resnext50": Design((3, 4, 6, 3), 128, 128, 32),
    "resnext101": Design((3, 4, 23, 3), 128, 128, 32),
    "senet154": Design((3, 8, 36, 3), 128, 256, 64, stem=(64, 64, 128), projection=3),
}


class GatedBottleneck(Bottleneck):
    """y = max(gate(branch(x)) + shortcut(x), 0), shapes and settings as of `Bottleneck`.

    units: those of the gate.
    """

    def __init__(
        self,
        in_channels: int,
        filters: tuple[int, int, int],
        units: int,
        strides: tuple[int, int] = (1, 1),
        groups: int = 1,
        downsample: nn.Module | None = None,
    ):
        super().__init__(in_channels, filters, strides, groups, downsample)
        self.se_module = SqueezeExcitation(filters[2], units)

    def branch(self, x: Tensor) -> Tensor:
        return self.se_module(super().branch(x))


def stem(in_channels: int, filters: tuple[int, ...]) -> nn.Sequential:
    """A 7 x 7 convolution, or several of 3 x 3, the first with stride, then max pooling."""
    layers: dict[str, nn.Module] = {}
    kernel = 7 if len(filters) == 1 else 3
    for i, channels in enumerate(filters, 1):
        stride = 2 if i == 1 else 1
        layers[f"conv{i}"] = nn.Conv2d(
            in_channels, channels, kernel, stride, kernel // 2, bias=False
        )
        layers[f"bn{i}"] = nn.BatchNorm2d(channels)
        layers[f"relu{i}"] = nn.ReLU()
        in_channels = channels
    return nn.Sequential({**layers, "pool": nn.MaxPool2d(3, 2, ceil_mode=True)})


def gated(design: Design, number: int, width: float) -> MakeBlock:
    """Makes the blocks of a design's stage 0, 1, 2 or 3."""
    first = scaled(design.first << number, width, design.groups)
    inner = scaled(design.inner << number, width, design.groups)
    units, kernel = OUTPUTS[number] // REDUCTION, design.projection if number else 1

    def make(in_channels: int, out_channels: int, stride: int) -> GatedBottleneck:
        filters = (first, inner, out_channels)
        strides = (stride, 1) if design.stride_first else (1, stride)
        downsample = None
        if in_channels != out_channels or stride > 1:
            downsample = projection(in_channels, out_channels, stride, kernel)
        return GatedBottleneck(in_channels, filters, units, strides, design.groups, downsample)

    return make


class SENet(Trunk):
    """The net of a design.    x (N, in_channels, H, W) -> logits (N, num_classes)

    dropout: the fraction of units dropped before the classifier; width: a factor for all numbers of
    filters. The gates keep their units: with one or two a gate could be dead from the start.

    Raises: ValueError for images of another shape, or too small.
    """

    def __init__(
        self,
        design: Design,
        num_classes: int = 1000,
        in_channels: int = 3,
        dropout: float = 0.0,
        width: float = 1.0,
    ):
        filters = tuple(scaled(n, width) for n in design.stem)
        layers: dict[str, nn.Module] = {"layer0": stem(in_channels, filters)}
        channels = filters[-1]
        for number, (blocks, outputs) in enumerate(zip(design.blocks, OUTPUTS, strict=True)):
            inputs, channels = channels, scaled(outputs, width)
            make, stride = gated(design, number, width), 1 if number == 0 else 2
            layers[f"layer{number + 1}"] = stage(make, inputs, channels, blocks, stride)
        layers |= classifier(channels, num_classes, dropout, "last_linear")
        super().__init__(layers, in_channels, smallest_image(layers["layer0"]))
        draw_weights(self, nn.init.kaiming_normal_)


@register(params=28_088_024, macs=3_860_488_192, preprocessing=IMAGENET)
def se_resnet50(**settings: Any) -> SENet:
    """SE-ResNet-50. Settings: see `SENet`."""
    return SENet(TABLE["resnet50"], **settings)


@register(params=49_326_872, macs=7_574_937_600, preprocessing=IMAGENET)
def se_resnet101(**settings: Any) -> SENet:
    """SE-ResNet-101. Settings: see `SENet`."""
    return SENet(TABLE["resnet101"], **settings)


@register(params=66_821_848, macs=11_288_993_792, preprocessing=IMAGENET)
def se_resnet152(**settings: Any) -> SENet:
    """SE-ResNet-152. Settings: see `SENet`."""
    return SENet(TABLE["resnet152"], **settings)


@register(params=27_559_896, macs=4_232_994_816, preprocessing=IMAGENET)
def se_resnext50_32x4d(**settings: Any) -> SENet:
    """SE-ResNeXt-50 of 32 groups of 4 filters. Settings: see `SENet`."""
    return SENet(TABLE["resnext50"], **settings)


@register(params=48_955_416, macs=7_974_739_968, preprocessing=IMAGENET)
def se_resnext101_32x4d(**settings: Any) -> SENet:
    """SE-ResNeXt-101 of 32 groups of 4 filters. Settings: see `SENet`."""
    return SENet(TABLE["resnext101"], **settings)


@register(params=115_088_984, macs=20_688_363_520, preprocessing=IMAGENET)
def senet154(dropout: float = 0.2, **settings: Any) -> SENet:
    """SENet-154. Settings: see `SENet`."""
    return SENet(TABLE["senet154"], dropout=dropout, **settings)
