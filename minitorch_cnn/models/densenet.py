"""DenseNet: every layer of a block sees the outputs of all layers before it.

G. Huang, Z. Liu, L. van der Maaten, K. Weinberger (2017), "Densely connected convolutional
networks", CVPR 2017, arXiv 1608.06993. A layer adds only k channels, its growth rate, to the input
of all later layers of the block; between blocks, transitions halve the image. DenseNet-BC adds a
1 x 1 convolution to 4k channels (the bottleneck) to each layer and halves the channels in
transitions (the compression). DenseNet-201 matches ResNet-101's errors with less than half of its
parameters.

A layer's concatenated, normalised and rectified input grows with its position, so a block's memory
grows quadratically with its layers. `memory_efficient=True` recomputes these inputs in the backward
pass (G. Pleiss et al. (2017), "Memory-efficient implementation of DenseNets", arXiv 1707.06990).

Deviations from the paper
- The strided poolings and the first convolution are padded as in torchvision; the modules have its
  names and the ImageNet nets load its weights.
Dropout follows every convolution but the first, as in the paper, which uses a rate of 0.2 without
data augmentation and none otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .. import functional as F
from .. import nn
from ..autograd import checkpoint
from ..nn.fusion import relu_after
from ..tensor import Tensor, cat
from .blocks import check_images, draw_weights, scaled, smallest_image
from .preprocessing import IMAGENET
from .registry import register


class Design(NamedTuple):
    """A net: its growth rate k, the layers of each block, the channels of its first convolution.

    bottleneck: whether it is a BC net; cifar: whether it begins with a 3 x 3 convolution for small
    images instead of a 7 x 7 one and a pooling.
    """

    growth: int
    layers: tuple[int, ...]
    start: int
    bottleneck: bool = True
    cifar: bool = False


#                 k   layers per block  start     Table 1, and 264 and 161 of the authors' own
TABLE = {
    121: Design(32, (6, 12, 24, 16), 64),
    169: Design(32, (6, 12, 32, 32), 64),
    201: Design(32, (6, 12, 48, 32), 64),
    264: Design(32, (6, 12, 64, 48), 64),
    161: Design(48, (6, 12, 36, 24), 96),
}


def cifar(depth: int, growth: int, bottleneck: bool = False) -> Design:
    """Three equal blocks with `depth` convolutions and linear layers in all (section 4.2)."""
    layers = (depth - 4) // (6 if bottleneck else 3)
    start = 2 * growth if bottleneck else 16
    return Design(growth, (layers,) * 3, start, bottleneck, cifar=True)


class Layer(nn.Module):
    """BN, ReLU, 3 x 3 convolution to k channels; with a bottleneck, first BN, ReLU, 1 x 1 to 4k.

    several (N, C, H, W), joined along C to in_channels -> y (N, growth, H, W)
    """

    def __init__(
        self,
        in_channels: int,
        growth: int,
        bottleneck: bool,
        dropout: float,
        memory_efficient: bool,
    ):
        super().__init__()
        self.bottleneck, self.memory_efficient = bottleneck, memory_efficient
        self.norm1 = nn.BatchNorm2d(in_channels)
        if bottleneck:
            self.conv1 = nn.Conv2d(in_channels, 4 * growth, 1, bias=False)
            self.norm2 = nn.BatchNorm2d(4 * growth)
            self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)
        else:
            self.conv1 = nn.Conv2d(in_channels, growth, 3, padding=1, bias=False)
        self.dropout = nn.Dropout(dropout)

    def first(self, *features: Tensor) -> Tensor:
        """The layers up to the first convolution: wide, but cheap to recompute."""
        return self.conv1(relu_after(self.norm1, cat(features, dim=1)))

    def forward(self, *features: Tensor) -> Tensor:
        y = checkpoint(self.first, *features) if self.memory_efficient else self.first(*features)
        y = self.dropout(y)
        return self.dropout(self.conv2(relu_after(self.norm2, y))) if self.bottleneck else y


def everything(count: int) -> list[int]:
    """The indices of all `count` maps so far: the block's input and its layers' outputs."""
    return list(range(count))


class Block(nn.Module):
    """Layers that each receive the concatenated block input and outputs of earlier layers.

    x (N, in_channels, H, W) -> y (N, out_channels, H, W)

    make: makes a layer from the number of its input channels; sources: a number of maps, oldest
    first -> the indices of those that the next layer, or the block's output, includes.
    """

    def __init__(
        self,
        in_channels: int,
        growth: int,
        layers: int,
        make: Callable[[int], nn.Module],
        sources: Callable[[int], list[int]],
    ):
        super().__init__()
        self.sources = sources
        channels = [in_channels] + [growth] * layers
        sizes = [sum(channels[i] for i in sources(n)) for n in range(1, layers + 2)]
        for number, size in enumerate(sizes[:-1], 1):
            self.register_module(f"denselayer{number}", make(size))
        self.out_channels = sizes[-1]

    def forward(self, x: Tensor) -> Tensor:
        maps = [x]
        for layer in self.children():
            maps.append(layer(*(maps[i] for i in self.sources(len(maps)))))
        return cat([maps[i] for i in self.sources(len(maps))], dim=1)


def transition(in_channels: int, out_channels: int, dropout: float) -> nn.Sequential:
    """Between blocks: BN, ReLU, a 1 x 1 convolution, and average pooling that halves the image."""
    layers = {
        "norm": nn.BatchNorm2d(in_channels),
        "relu": nn.ReLU(),
        "conv": nn.Conv2d(in_channels, out_channels, 1, bias=False),
        "dropout": nn.Dropout(dropout),
        "pool": nn.AvgPool2d(2),
    }
    return nn.Sequential(layers)


def stem(in_channels: int, channels: int, small_images: bool) -> dict[str, nn.Module]:
    """The layers before the first block."""
    if small_images:
        return {"conv0": nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)}
    return {
        "conv0": nn.Conv2d(in_channels, channels, 7, 2, 3, bias=False),
        "norm0": nn.BatchNorm2d(channels),
        "relu0": nn.ReLU(),
        "pool0": nn.MaxPool2d(3, 2, 1),
    }


class DenseNet(nn.Module):
    """The net of a design.    x (N, in_channels, H, W) -> logits (N, num_classes)

    dropout: the fraction of units dropped after convolutions in training; memory_efficient:
    recompute the concatenated inputs of layers in the backward pass; width: a factor for k and the
    first channels; sources: the maps to concatenate, see `Block`.

    Raises: ValueError for images of another shape, or too small.
    """

    def __init__(
        self,
        design: Design,
        num_classes: int = 1000,
        in_channels: int = 3,
        dropout: float = 0.0,
        memory_efficient: bool = False,
        width: float = 1.0,
        sources: Callable[[int], list[int]] = everything,
    ):
        super().__init__()
        self.in_channels = in_channels
        growth, channels = scaled(design.growth, width), scaled(design.start, width)
        features = stem(in_channels, channels, design.cifar)

        def layer(channels: int) -> Layer:
            return Layer(channels, growth, design.bottleneck, dropout, memory_efficient)

        for number, layers in enumerate(design.layers, 1):
            block = Block(channels, growth, layers, layer, sources)
            features[f"denseblock{number}"] = block
            channels = block.out_channels
            if number < len(design.layers):
                inputs, channels = channels, channels // 2 if design.bottleneck else channels
                features[f"transition{number}"] = transition(inputs, channels, dropout)
        features[f"norm{len(design.layers) + 1}"] = nn.BatchNorm2d(channels)
        self.features = nn.Sequential(features)
        self.smallest = smallest_image(self.features)
        self.classifier = nn.Linear(channels, num_classes)
        draw_weights(self.features, nn.init.kaiming_normal_)
        if self.classifier.bias is not None:
            nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        check_images(type(self).__name__, x, self.in_channels, self.smallest)
        y = F.relu(self.features(x))
        return self.classifier(F.adaptive_avg_pool2d(y, 1).flatten(1))


@register(params=7_978_856, macs=2_834_161_664, preprocessing=IMAGENET)
def densenet121(**settings: Any) -> DenseNet:
    """DenseNet-121, k = 32. Settings: see `DenseNet`."""
    return DenseNet(TABLE[121], **settings)


@register(params=14_149_480, macs=3_359_843_328, preprocessing=IMAGENET)
def densenet169(**settings: Any) -> DenseNet:
    """DenseNet-169, k = 32. Settings: see `DenseNet`."""
    return DenseNet(TABLE[169], **settings)


@register(params=20_013_928, macs=4_291_365_888, preprocessing=IMAGENET)
def densenet201(**settings: Any) -> DenseNet:
    """DenseNet-201, k = 32. Settings: see `DenseNet`."""
    return DenseNet(TABLE[201], **settings)


@register(params=33_337_704, macs=5_751_653_376)
def densenet264(**settings: Any) -> DenseNet:
    """DenseNet-264, k = 32. Settings: see `DenseNet`."""
    return DenseNet(TABLE[264], **settings)


@register(params=28_681_000, macs=7_727_907_072, preprocessing=IMAGENET)
def densenet161(**settings: Any) -> DenseNet:
    """DenseNet-161, k = 48. Settings: see `DenseNet`."""
    return DenseNet(TABLE[161], **settings)


@register(params=1_019_722, macs=264_812_928, input_shape=(3, 32, 32))
def densenet40_k12_cifar(num_classes: int = 10, **settings: Any) -> DenseNet:
    """DenseNet, 40 layers, k = 12, for 32 x 32. Settings: see `DenseNet`."""
    return DenseNet(cifar(40, 12), num_classes, **settings)


@register(params=6_979_642, macs=1_769_516_448, input_shape=(3, 32, 32))
def densenet100_k12_cifar(num_classes: int = 10, **settings: Any) -> DenseNet:
    """DenseNet, 100 layers, k = 12, for 32 x 32. Settings: see `DenseNet`."""
    return DenseNet(cifar(100, 12), num_classes, **settings)


@register(params=27_249_082, macs=6_889_347_744, input_shape=(3, 32, 32))
def densenet100_k24_cifar(num_classes: int = 10, **settings: Any) -> DenseNet:
    """DenseNet, 100 layers, k = 24, for 32 x 32. Settings: see `DenseNet`."""
    return DenseNet(cifar(100, 24), num_classes, **settings)


@register(params=769_162, macs=287_929_692, input_shape=(3, 32, 32))
def densenet_bc100_k12_cifar(num_classes: int = 10, **settings: Any) -> DenseNet:
    """DenseNet-BC, 100 layers, k = 12, for 32 x 32. Settings: see `DenseNet`."""
    return DenseNet(cifar(100, 12, bottleneck=True), num_classes, **settings)


@register(params=15_324_406, macs=5_418_785_724, input_shape=(3, 32, 32))
def densenet_bc250_k24_cifar(num_classes: int = 10, **settings: Any) -> DenseNet:
    """DenseNet-BC, 250 layers, k = 24, for 32 x 32. Settings: see `DenseNet`."""
    return DenseNet(cifar(250, 24, bottleneck=True), num_classes, **settings)


@register(params=25_624_430, macs=9_301_945_740, input_shape=(3, 32, 32))
def densenet_bc190_k40_cifar(num_classes: int = 10, **settings: Any) -> DenseNet:
    """DenseNet-BC, 190 layers, k = 40, for 32 x 32. Settings: see `DenseNet`."""
    return DenseNet(cifar(190, 40, bottleneck=True), num_classes, **settings)
