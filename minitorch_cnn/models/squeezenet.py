"""SqueezeNet: AlexNet's accuracy with a fiftieth of its parameters.

F. Iandola, S. Han, M. Moskewicz, K. Ashraf, W. Dally, K. Keutzer (2016), "SqueezeNet: AlexNet-level
accuracy with 50x fewer parameters and <0.5MB model size", arXiv 1602.07360. Three rules: use 1 x 1
instead of 3 x 3 filters, give the 3 x 3 filters few input channels, and downsample late. A fire
module squeezes its input to few channels and expands these by filters of both sizes. There is no
linear layer: the last convolution computes a map for each class, and the maps are averaged.

Deviations from the paper
- None in version 1.0. Version 1.1 is a later design of the authors, with 2.3 times fewer
  multiply-adds: a smaller first convolution, and poolings closer to the input.
- Weights are initialised after He et al. (2015), which the paper leaves open, those of the last
  convolution from N(0, 0.01^2).

Only the 3 x 3 filters of fire modules are padded; poolings round up. The paper's table has the
sizes for images of 227 pixels. The module names are torchvision's, whose weights load into the
models.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from .. import nn
from ..nn.fusion import relu_after
from ..tensor import Tensor, cat
from .blocks import Trunk, draw_normal, draw_weights, scaled, smallest_image
from .preprocessing import IMAGENET
from .registry import register


class Fire(nn.Module):
    """A 1 x 1 convolution to few channels, then 1 x 1 and 3 x 3 filters side by side.

    x (N, in_channels, H, W) -> y (N, expand1x1 + expand3x3, H, W)

    squeeze, expand1x1, expand3x3: the filters of each (section 3.2).
    """

    def __init__(self, in_channels: int, squeeze: int, expand1x1: int, expand3x3: int):
        super().__init__()
        self.squeeze = nn.Conv2d(in_channels, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand1x1, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand3x3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = relu_after(self.squeeze, x)
        return cat([relu_after(self.expand1x1, x), relu_after(self.expand3x3, x)], dim=1)


class Start(NamedTuple):
    """The first convolution, of stride 2."""

    filters: int
    kernel: int


pool = partial(nn.MaxPool2d, 3, 2, ceil_mode=True)

#                      squeeze, expand1x1, expand3x3                                    Table 1
FIRE = {
    2: (16, 64, 64),
    3: (16, 64, 64),
    4: (32, 128, 128),
    5: (32, 128, 128),
    6: (48, 192, 192),
    7: (48, 192, 192),
    8: (64, 256, 256),
    9: (64, 256, 256),
}
# The layers before the classifier: a number is that of a fire module.
TABLE = {
    "1.0": (Start(96, 7), pool, 2, 3, 4, pool, 5, 6, 7, 8, pool, 9),
    "1.1": (Start(64, 3), pool, 2, 3, pool, 4, 5, pool, 6, 7, 8, 9),
}


class SqueezeNet(Trunk):
    """The net of a version.    x (N, in_channels, H, W) -> logits (N, num_classes)

    dropout: the fraction of values dropped before the last convolution; width: a factor for all
    numbers of filters.

    Raises: ValueError for images of another shape, or too small.
    """

    def __init__(
        self,
        version: str,
        num_classes: int = 1000,
        in_channels: int = 3,
        dropout: float = 0.5,
        width: float = 1.0,
    ):
        features, channels = nn.Sequential(), in_channels
        for row in TABLE[version]:
            if isinstance(row, Start):
                inputs, channels = channels, scaled(row.filters, width)
                features.extend([nn.Conv2d(inputs, channels, row.kernel, 2), nn.ReLU()])
            elif row is pool:
                features.append(pool())
            else:
                squeeze, expand1x1, expand3x3 = (scaled(n, width) for n in FIRE[row])
                features.append(Fire(channels, squeeze, expand1x1, expand3x3))
                channels = expand1x1 + expand3x3
        draw_weights(features, nn.init.kaiming_uniform_)
        last = nn.Sequential(nn.Dropout(dropout), nn.Conv2d(channels, num_classes, 1), nn.ReLU())
        draw_normal(last, 0.01, width)
        layers = {
            "features": features,
            "classifier": last,
            "avgpool": nn.AdaptiveAvgPool2d(1),
            "flatten": nn.Flatten(),
        }
        super().__init__(layers, in_channels, smallest_image(features))


@register(params=1_248_424, macs=818_924_576, preprocessing=IMAGENET)
def squeezenet1_0(**settings: Any) -> SqueezeNet:
    """SqueezeNet 1.0, the paper's. Settings: see `SqueezeNet`."""
    return SqueezeNet("1.0", **settings)


@register(params=1_235_496, macs=349_151_936, preprocessing=IMAGENET)
def squeezenet1_1(**settings: Any) -> SqueezeNet:
    """SqueezeNet 1.1. Settings: see `SqueezeNet`."""
    return SqueezeNet("1.1", **settings)
