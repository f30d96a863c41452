"""Network in Network: a small perceptron slides over the image instead of a linear filter.

M. Lin, Q. Chen, S. Yan (2014), "Network in network", ICLR 2014, arXiv 1312.4400. A convolution and
two 1 x 1 convolutions are an "mlpconv" layer; the last one has a map for each class, whose average
over all positions is the class's score: no linear layers, which in AlexNet hold 59 of 61 million
parameters. 1.0 million parameters on CIFAR, 7.6 million on ImageNet.

Deviations from the paper
- It gives neither widths nor kernels: these, the poolings, dropout and the initial weights are
  those of the networks that the first author published for Caffe.
- Any size of image is averaged at the end, instead of a last pooling of exactly 8 x 8 or 6 x 6.

The initialisation of `nin_imagenet` fits the authors' images: pixels from 0 to 255, minus their
mean. On images of unit variance the loss stays constant for a long time before training progresses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .. import nn
from ..tensor import Tensor
from .blocks import check_images, draw_normal, scaled, smallest_image
from .registry import register


class Row(NamedTuple):
    """An mlpconv layer and the 3/2 pooling after it.

    channels: of the convolution and the two 1 x 1 convolutions, None for the number of classes;
    std: of the weights of the three.
    """

    channels: tuple[int, int, int | None]
    kernel: int
    stride: int
    padding: int
    std: tuple[float, float, float]
    pool: Callable[..., nn.Module] | None
    dropout: bool


#        channels          kernel stride padding  standard deviations   pooling  dropout
CIFAR = (
    Row((192, 160, 96),      5,     1,     2,    (0.05, 0.05, 0.05),    nn.MaxPool2d, True),
    Row((192, 192, 192),     5,     1,     2,    (0.05, 0.05, 0.05),    nn.AvgPool2d, True),
    Row((192, 192, None),    3,     1,     1,    (0.05, 0.05, 0.05),    None,     False),
)  # fmt: skip
IMAGENET = (
    Row((96, 96, 96),       11,     4,     0,    (0.01, 0.05, 0.05),    nn.MaxPool2d, False),
    Row((256, 256, 256),     5,     1,     2,    (0.05, 0.05, 0.05),    nn.MaxPool2d, False),
    Row((384, 384, 384),     3,     1,     1,    (0.01, 0.05, 0.05),    nn.MaxPool2d, True),
    Row((1024, 1024, None),  3,     1,     1,    (0.05, 0.05, 0.01),    None,     False),
)  # fmt: skip


class MLPConv(nn.Sequential):
    """A convolution and two 1 x 1 convolutions, each with ReLU (section 3.1).

    x (N, in_channels, H, W) -> y (N, channels[-1], OH, OW); window: the first one's kernel, stride
    and padding.
    """

    def __init__(self, in_channels: int, channels: Sequence[int], *window: int):
        first, second, third = channels
        kernel, stride, padding = window
        super().__init__(
            nn.Conv2d(in_channels, first, kernel, stride, padding),
            nn.ReLU(),
            nn.Conv2d(first, second, 1),
            nn.ReLU(),
            nn.Conv2d(second, third, 1),
            nn.ReLU(),
        )


class NIN(nn.Module):
    """mlpconv layers and a global average.    x (N, in_channels, H, W) -> (N, num_classes)

    table: the layers, `CIFAR` or `IMAGENET`; dropout: the fraction of values dropped in training;
    width: a factor for the channels of all layers except the last.

    Raises: ValueError for images that are too small (below 4 pixels, 39 with `IMAGENET`).
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
        outputs = in_channels
        layers: list[nn.Module] = []
        for row in table:
            inputs = outputs
            channels = tuple(scaled(c, width) if c else num_classes for c in row.channels)
            block = MLPConv(inputs, channels, row.kernel, row.stride, row.padding)
            for conv, std in zip(list(block)[::2], row.std, strict=True):
                draw_normal(conv, std, width)
            layers.append(block)
            outputs = channels[-1]
            if row.pool:
                layers.append(row.pool(3, 2, ceil_mode=True))
            if row.dropout:
                layers.append(nn.Dropout(dropout))
        self.features = nn.Sequential(*layers)
        self.smallest = smallest_image(self.features)
        self.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, x: Tensor) -> Tensor:
        check_images("NIN", x, self.in_channels, self.smallest)
        return self.classifier(self.features(x))


@register(params=966_986, macs=222_486_528, input_shape=(3, 32, 32))
def nin_cifar(num_classes: int = 10, **settings: Any) -> NIN:
    """Network in Network for CIFAR-10: three mlpconv layers. Settings: see `NIN`."""
    return NIN(CIFAR, num_classes, **settings)


@register(params=7_595_176, macs=1_100_188_800)
def nin_imagenet(**settings: Any) -> NIN:
    """Network in Network for ImageNet: four mlpconv layers. Settings: see `NIN`."""
    return NIN(IMAGENET, **settings)
