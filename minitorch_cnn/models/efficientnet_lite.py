"""EfficientNet-Lite: EfficientNets for phones, of ReLU6 and without gates.

M. Tan, Q. V. Le (2019), "EfficientNet: rethinking model scaling for convolutional neural networks",
ICML 2019, arXiv 1905.11946, and R. Liu (2020), "Higher accuracy on vision models with
EfficientNet-Lite", TensorFlow's blog, 16 March 2020, with the authors' code. A search found the
blocks of EfficientNet-B0 (MBConv: MobileNet v2's); depth, width and image then grow together. The
Lite nets have ReLU6 for swish and no squeeze-and-excitation, which integer arithmetic dislikes, and
the first and last layers of all sizes are those of the smallest.

Deviations from the authors' code
- None in the nets. Weights are drawn after He et al. (2015), and no blocks are dropped in training.
- Images have the authors' sizes, 224 to 300, with which the multiply-adds were published; timm runs
  the two largest nets on 300 and 380 pixels.

Convolutions of stride 2 are padded as in TensorFlow, batch norms have its eps. The module names are
those of timm's tf_efficientnet_lite, whose weights load into the models.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

from .. import nn
from ..tensor import Tensor
from .blocks import Trunk, checked_width, divisible, draw_weights
from .preprocessing import EFFICIENTNET_LITE
from .registry import register
from .same import SameConv2d

START, LAST = 32, 1280  # channels of the first and of the last convolution, at every size
MULTIPLE = 8
BatchNorm = partial(nn.BatchNorm2d, eps=1e-3)


class Stage(NamedTuple):
    """Blocks of equal maps: expansion, output channels, number, stride of the first, kernel."""

    expansion: int
    channels: int
    blocks: int
    stride: int
    kernel: int


TABLE = (  # Table 1 of the paper, rows 2 to 8
    Stage(1, 16, 1, 1, 3),
    Stage(6, 24, 2, 2, 3),
    Stage(6, 40, 2, 2, 5),
    Stage(6, 80, 3, 2, 3),
    Stage(6, 112, 3, 1, 5),
    Stage(6, 192, 4, 2, 5),
    Stage(6, 320, 1, 1, 3),
)


def convolution(
    in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1
) -> nn.Conv2d:
    """A convolution without bias, padded as in TensorFlow.    -> ceil(H / stride) rows"""
    if stride > 1:
        return SameConv2d(in_channels, out_channels, kernel, stride, groups=groups)
    return nn.Conv2d(
        in_channels, out_channels, kernel, padding=kernel // 2, groups=groups, bias=False
    )


class MBConv(nn.Module):
    """1 x 1 to `expansion` times the channels, depthwise, 1 x 1 to the output.

    x (N, in_channels, H, W) -> y (N, out_channels, ceil(H / stride), ceil(W / stride))

    ReLU6 follows the first two, nothing the third. x is added if y has its shape; with an expansion
    of 1 there is no first convolution.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int, expansion: int
    ):
        super().__init__()
        self.adds = stride == 1 and in_channels == out_channels
        inner, norms = expansion * in_channels, 1
        if expansion != 1:
            self.conv_pw = convolution(in_channels, inner, 1)
            self.bn1, norms = BatchNorm(inner), 2
        self.conv_dw = convolution(inner, inner, kernel, stride, inner)
        self.register_module(f"bn{norms}", BatchNorm(inner))
        # timm calls the last one conv_pw where there is no first one.
        last = "conv_pw" if expansion == 1 else "conv_pwl"
        self.register_module(last, convolution(inner, out_channels, 1))
        self.register_module(f"bn{norms + 1}", BatchNorm(out_channels))
        self.act = nn.ReLU6()

    def forward(self, x: Tensor) -> Tensor:
        *inner, (last, norm) = self.steps()
        y = x
        for conv, bn in inner:
            y = self.act(bn(conv(y)))
        y = norm(last(y))
        return x + y if self.adds else y

    def steps(self) -> list[tuple[nn.Module, nn.Module]]:
        """The convolutions in their order, each with its batch norm."""
        layers = [layer for layer in self.children() if layer is not self.act]
        return list(zip(layers[::2], layers[1::2], strict=True))


class EfficientNetLite(Trunk):
    """The net of a width and depth.    x (N, in_channels, H, W) -> logits (N, num_classes)

    width: a factor for all numbers of channels except the first and the last; depth: one for the
    number of blocks of all stages except the first and the last, rounded up; dropout: the fraction
    of units dropped before the classifier.

    Raises: ValueError for images of another shape.
    """

    def __init__(
        self, width: float, depth: float, num_classes: int, in_channels: int, dropout: float
    ):
        checked_width(width)
        channels, stages = START, nn.Sequential()
        for stage in TABLE:
            fixed = stage in (TABLE[0], TABLE[-1])
            out_channels, blocks = divisible(stage.channels * width, MULTIPLE), nn.Sequential()
            for block in range(stage.blocks if fixed else math.ceil(stage.blocks * depth)):
                stride = stage.stride if block == 0 else 1
                blocks.append(
                    MBConv(channels, out_channels, stage.kernel, stride, stage.expansion)
                )
                channels = out_channels
            stages.append(blocks)
        layers = {
            "conv_stem": convolution(in_channels, START, 3, 2),
            "bn1": BatchNorm(START),
            "act1": nn.ReLU6(),
            "blocks": stages,
            "conv_head": convolution(channels, LAST, 1),
            "bn2": BatchNorm(LAST),
            "act2": nn.ReLU6(),
            "global_pool": nn.AdaptiveAvgPool2d(1),
            "flatten": nn.Flatten(),
            "dropout": nn.Dropout(dropout),
            "classifier": nn.Linear(LAST, num_classes),
        }
        super().__init__(layers, in_channels, smallest=1)
        draw_weights(self, nn.init.kaiming_normal_)


@register(params=4_652_008, macs=385_187_552, preprocessing=EFFICIENTNET_LITE[0])
def efficientnet_lite0(
    width: float = 1.0,
    depth: float = 1.0,
    num_classes: int = 1000,
    in_channels: int = 3,
    dropout: float = 0.2,
) -> EfficientNetLite:
    """EfficientNet-Lite0, for 224 x 224. Settings: see `EfficientNetLite`."""
    return EfficientNetLite(width, depth, num_classes, in_channels, dropout)


@register(
    params=5_416_680,
    macs=600_185_232,
    input_shape=(3, 240, 240),
    preprocessing=EFFICIENTNET_LITE[1],
)
def efficientnet_lite1(depth: float = 1.1, **settings: Any) -> EfficientNetLite:
    """EfficientNet-Lite1, for 240 x 240. Settings: see `efficientnet_lite0`."""
    return efficientnet_lite0(depth=depth, **settings)


@register(
    params=6_092_072,
    macs=859_736_272,
    input_shape=(3, 260, 260),
    preprocessing=EFFICIENTNET_LITE[2],
)
def efficientnet_lite2(
    width: float = 1.1, depth: float = 1.2, dropout: float = 0.3, **settings: Any
) -> EfficientNetLite:
    """EfficientNet-Lite2, for 260 x 260. Settings: see `efficientnet_lite0`."""
    return efficientnet_lite0(width, depth, dropout=dropout, **settings)


@register(
    params=8_197_096,
    macs=1_383_321_872,
    input_shape=(3, 280, 280),
    preprocessing=EFFICIENTNET_LITE[3],
)
def efficientnet_lite3(
    width: float = 1.2, depth: float = 1.4, dropout: float = 0.3, **settings: Any
) -> EfficientNetLite:
    """EfficientNet-Lite3, for 280 x 280. Settings: see `efficientnet_lite0`."""
    return efficientnet_lite0(width, depth, dropout=dropout, **settings)


@register(
    params=13_006_568,
    macs=2_553_034_336,
    input_shape=(3, 300, 300),
    preprocessing=EFFICIENTNET_LITE[4],
)
def efficientnet_lite4(
    width: float = 1.4, depth: float = 1.8, dropout: float = 0.3, **settings: Any
) -> EfficientNetLite:
    """EfficientNet-Lite4, for 300 x 300. Settings: see `efficientnet_lite0`."""
    return efficientnet_lite0(width, depth, dropout=dropout, **settings)
