"""AlexNet: the network that won ImageNet 2012, with one tower and with the original two.

A. Krizhevsky, I. Sutskever, G. Hinton (2012), "ImageNet classification with deep convolutional
neural networks", NIPS 25: two towers on two GPUs, connected only at the third convolution.
A. Krizhevsky (2014), "One weird trick for parallelizing convolutional neural networks", arXiv
1404.5997: one tower, narrower, without the normalisation. 61 million parameters, of which 59 are in
the linear layers; 0.7 G multiply-adds, of which 0.66 are in the convolutions.

Deviations from the papers
- `alexnet` has the layer names and the dropout positions (before fc6 and fc7) of torchvision, whose
  weights load into it. Its weights are initialised as in the paper of 2012.
- Images are 227 (2012) or 224 with two more rows of zeros (2014) wide; the 224 of the first paper's
  figure 2 does not lead to 55 columns. Other sizes are averaged to 6 x 6 before fc6.

The initialisation fits the papers' images: pixels from 0 to 255, minus their mean. On images of
unit variance the loss stays constant for a long time before training progresses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import nn
from ..tensor import Tensor
from .alexnet_devices import TwoDeviceAlexNet
from .blocks import check_images, draw_normal, scaled, smallest_image
from .preprocessing import IMAGENET
from .registry import register

if TYPE_CHECKING:
    from ..tensor.types import DeviceLike


class Row(NamedTuple):
    """A convolution with its ReLU, then optional normalisation and 3/2 pooling."""

    channels: int
    kernel: int
    stride: int
    padding: int
    groups: int
    bias: float  # initial value of the biases
    norm: bool
    pool: bool


#       channels kernel stride padding groups bias  norm   pool
ONE_TOWER = (
    Row(   64,    11,     4,     2,     1,     0, False, True),
    Row(  192,     5,     1,     2,     1,     1, False, True),
    Row(  384,     3,     1,     1,     1,     0, False, False),
    Row(  256,     3,     1,     1,     1,     1, False, False),
    Row(  256,     3,     1,     1,     1,     1, False, True),
)  # fmt: skip
TWO_TOWERS = (
    Row(   96,    11,     4,     0,     1,     0, True,  True),
    Row(  256,     5,     1,     2,     2,     1, True,  True),
    Row(  384,     3,     1,     1,     1,     0, False, False),
    Row(  384,     3,     1,     1,     2,     1, False, False),
    Row(  256,     3,     1,     1,     2,     1, False, True),
)  # fmt: skip


def response_norm() -> nn.LocalResponseNorm:
    """The normalisation of section 3.3: k = 2, n = 5, beta = 0.75, alpha = 1e-4 undivided."""
    return nn.LocalResponseNorm(5, alpha=5 * 1e-4, beta=0.75, k=2.0)


def linear_layers(inputs: int, units: int, num_classes: int, dropout: float) -> nn.Sequential:
    """fc6, fc7 and fc8, the first two with ReLU and preceded by dropout."""
    return nn.Sequential(
        nn.Dropout(dropout),
        nn.Linear(inputs, units),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(units, units),
        nn.ReLU(),
        nn.Linear(units, num_classes),
    )


class AlexNet(nn.Module):
    """Five convolutions and three linear layers.    x (N, in_channels, H, W) -> (N, num_classes)

    table: the convolutions, `ONE_TOWER` or `TWO_TOWERS`; dropout: the fraction of units dropped
    before fc6 and fc7 in training; width: a factor for the channels and units of all layers.

    Raises: ValueError for images that are too small (below 63 pixels, 67 with two towers).
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
        towers = max(row.groups for row in table)
        channels, units, layers = in_channels, scaled(4096, width), []
        for row in table:
            inputs, channels = channels, scaled(row.channels, width, multiple=towers)
            conv = nn.Conv2d(
                inputs, channels, row.kernel, row.stride, row.padding, groups=row.groups
            )
            layers += [conv, nn.ReLU()]
            if row.norm:
                layers.append(response_norm())
            if row.pool:
                layers.append(nn.MaxPool2d(3, 2))
        self.features = nn.Sequential(*layers)  # (N, 256, 6, 6)
        self.smallest = smallest_image(self.features)
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = linear_layers(channels * 6 * 6, units, num_classes, dropout)
        draw_normal(self, 0.01, width)
        convs = (layer for layer in self.features if isinstance(layer, nn.Conv2d))
        for conv, row in zip(convs, table, strict=True):
            if conv.bias is not None:
                nn.init.constant_(conv.bias, row.bias)
        for place in (1, 4):  # fc6 and fc7: with a bias of 1 their ReLUs are active from the start
            nn.init.ones_(self.classifier[place].bias)

    def forward(self, x: Tensor) -> Tensor:
        check_images("AlexNet", x, self.in_channels, self.smallest)
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


@register(params=61_100_840, macs=714_188_480, preprocessing=IMAGENET)
def alexnet(**settings: Any) -> AlexNet:
    """AlexNet in one tower (2014): 64, 192, 384, 256, 256 channels. Settings: see `AlexNet`."""
    return AlexNet(ONE_TOWER, **settings)


@register(params=60_965_224, macs=724_406_816, input_shape=(3, 227, 227))
def alexnet_two_tower(
    devices: Sequence[DeviceLike] | None = None, **settings: Any
) -> AlexNet | TwoDeviceAlexNet:
    """AlexNet of 2012: two groups and response normalisation. Settings: see `AlexNet`.

    devices: two devices, such as ("cuda:0", "cuda:1"), to put one tower on each; see
    `TwoDeviceAlexNet`, which counts what crosses.
    """
    net = AlexNet(TWO_TOWERS, **settings)
    return net if devices is None else TwoDeviceAlexNet(net, devices)
