"""Xception: residual blocks of depthwise separable convolutions.

F. Chollet (2017), "Xception: deep learning with depthwise separable convolutions", CVPR 2017, arXiv
1610.02357. An Inception module with as many branches as channels is a separable convolution: a
3 x 3 window over each channel, then a 1 x 1 convolution over all of them. A chain of such layers
with shortcuts has smaller errors than Inception-v3 for as many parameters.

Deviations from the paper
- Poolings are padded by a pixel on every side, where TensorFlow pads only one side if the size is
  even; batch norm adds 1e-5, not 1e-3. This follows timm, whose names the modules have and whose
  weights load into the model.
- Weights are drawn after He et al. (2015); the paper leaves it open.
"""

from __future__ import annotations

from typing import Any

from .. import nn
from ..tensor import Tensor
from .blocks import SeparableConv, Trunk, classifier, draw_weights, scaled
from .preprocessing import XCEPTION
from .registry import register

STEM = ((32, 2), (64, 1))  # filters and stride of the plain 3 x 3 convolutions
# Filters of the separable convolutions of each block, and its stride.                   Figure 5
TABLE = (
    ((128, 128), 2),  # the entry flow
    ((256, 256), 2),
    ((728, 728), 2),
    *8 * (((728, 728, 728), 1),),  # the middle flow
    ((728, 1024), 2),  # the exit flow
)
LAST = (1536, 2048)  # filters of the separable convolutions after the blocks
SMALLEST = 7  # the image size of which the plain convolutions leave one pixel


class Block(nn.Module):
    """Separable convolutions, each after a ReLU and before batch norm, and a shortcut.

    x (N, in_channels, H, W) -> y (N, filters[-1], ceil(H / stride), ceil(W / stride))

    With a stride of 2, max pooling halves the image after the convolutions, and x is projected by a
    1 x 1 convolution with stride and batch norm. relu_first: whether x passes a ReLU first, which
    is useless if x is already the output of one.
    """

    def __init__(
        self, in_channels: int, filters: tuple[int, ...], stride: int, relu_first: bool = True
    ):
        super().__init__()
        self.skip, layers, channels = None, [], in_channels
        for count in filters:
            layers += [
                nn.ReLU(),
                SeparableConv(channels, count, 3, padding=1),
                nn.BatchNorm2d(count),
            ]
            channels = count
        if stride > 1:
            layers.append(nn.MaxPool2d(3, stride, 1))
            self.skip = nn.Conv2d(in_channels, channels, 1, stride, bias=False)
            self.skipbn = nn.BatchNorm2d(channels)
        self.rep = nn.Sequential(*layers[0 if relu_first else 1 :])

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.skip is None else self.skipbn(self.skip(x))
        return self.rep(x) + shortcut


class Xception(Trunk):
    """The net of figure 5.    x (N, in_channels, H, W) -> logits (N, num_classes)

    dropout: the fraction of units dropped before the classifier (section 4.3); width: a factor for
    all numbers of filters.

    Raises: ValueError for images of another shape, or too small.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        dropout: float = 0.5,
        width: float = 1.0,
    ):
        layers: dict[str, nn.Module] = {}
        channels = in_channels
        for number, (wanted, stride) in enumerate(STEM, 1):
            inputs, channels = channels, scaled(wanted, width)
            layers[f"conv{number}"] = nn.Conv2d(inputs, channels, 3, stride, bias=False)
            layers |= {f"bn{number}": nn.BatchNorm2d(channels), f"relu{number}": nn.ReLU()}
        for number, (row, stride) in enumerate(TABLE, 1):
            filters = tuple(scaled(wanted, width) for wanted in row)
            layers[f"block{number}"] = Block(channels, filters, stride, relu_first=number > 1)
            channels = filters[-1]
        for number, wanted in enumerate(LAST, len(STEM) + 1):
            inputs, channels = channels, scaled(wanted, width)
            layers[f"conv{number}"] = SeparableConv(inputs, channels, 3, padding=1)
            layers |= {f"bn{number}": nn.BatchNorm2d(channels), f"relu{number}": nn.ReLU()}
        layers |= classifier(channels, num_classes, dropout)
        super().__init__(layers, in_channels, SMALLEST)
        draw_weights(self, nn.init.kaiming_normal_)


@register(params=22_855_952, macs=8_357_403_496, input_shape=(3, 299, 299), preprocessing=XCEPTION)
def xception(**settings: Any) -> Xception:
    """Xception. Settings: see `Xception`."""
    return Xception(**settings)
