"""GhostNet: convolutions compute half of the maps, cheap operations derive the other half.

K. Han, Y. Wang, Q. Tian, J. Guo, C. Xu, C. Xu (2020), "GhostNet: more features from cheap
operations", CVPR 2020, arXiv 1911.11907. Many maps of a layer resemble others. A ghost module
computes only half of its maps from the whole input, and each of the other half from one of these by
a small convolution. GhostNet has MobileNet v3's blocks, built from ghost modules, and smaller
errors for as many multiply-adds.

Deviations from the paper
- None from the authors' code, which specifies details that the paper omits: the kernels of
  depthwise convolutions, a quarter of the channels in gates (which are hard sigmoids), rounded to
  multiples of 4 like all channels, and dropout of 0.2.
- Weights are drawn after He et al. (2015).

In the paper's notation s = 2 and d = 3: half of the maps are cheap, from 3 x 3 convolutions. The
module names are timm's, whose weights load into the models.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import functional as F
from .. import nn
from ..tensor import Tensor, cat
from .blocks import SqueezeExcitation, Trunk, checked_width, conv_bn, divisible, draw_weights
from .preprocessing import IMAGENET_BICUBIC
from .registry import register

START, LAST = 16, 1280  # channels of the first and of the last convolution
MULTIPLE = 4


class GhostModule(nn.Module):
    """Half of the output by a full convolution, half by depthwise 3 x 3 convolutions of the first.

    x (N, in_channels, H, W) -> y (N, out_channels, ceil(H / stride), ceil(W / stride))

    Batch norm follows both, and ReLU unless relu is False (section 3.1, figure 2b).

    Raises: ValueError for an odd number of output channels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 1,
        stride: int = 1,
        relu: bool = True,
    ):
        super().__init__()
        if out_channels % 2:
            raise ValueError(f"GhostModule: out_channels={out_channels} must be even")
        half, activation = out_channels // 2, nn.ReLU if relu else None
        primary = conv_bn(in_channels, half, kernel_size, stride, activation=activation)
        self.primary_conv = nn.Sequential(*primary)
        self.cheap_operation = nn.Sequential(*conv_bn(half, half, 3, 1, half, activation))

    def forward(self, x: Tensor) -> Tensor:
        y = self.primary_conv(x)
        return cat([y, self.cheap_operation(y)], dim=1)


class Row(NamedTuple):
    """A bottleneck: its depthwise kernel, inner and output channels, and its stride.

    gated: whether its inner channels have a gate.
    """

    kernel: int
    inner: int
    out_channels: int
    gated: bool
    stride: int = 1


# A tuple is a stage, whose blocks have images of one size.                             Table 1
TABLE = (
    (Row(3, 16, 16, False),),
    (Row(3, 48, 24, False, 2),),
    (Row(3, 72, 24, False),),
    (Row(5, 72, 40, True, 2),),
    (Row(5, 120, 40, True),),
    (Row(3, 240, 80, False, 2),),
    (
        Row(3, 200, 80, False),
        Row(3, 184, 80, False),
        Row(3, 184, 80, False),
        Row(3, 480, 112, True),
        Row(3, 672, 112, True),
    ),
    (Row(5, 672, 160, True, 2),),
    (
        Row(5, 960, 160, False),
        Row(5, 960, 160, True),
        Row(5, 960, 160, False),
        Row(5, 960, 160, True),
    ),
)


class GhostBottleneck(nn.Module):
    """Two ghost modules, the first of which expands, and a shortcut.

    x (N, in_channels, H, W) -> y (N, row.out_channels, ceil(H / stride), ceil(W / stride))

    Between them, depending on row, are a strided depthwise convolution and a gate. If the shape
    changes, a depthwise and a 1 x 1 convolution project x (figure 3).
    """

    def __init__(self, in_channels: int, row: Row):
        super().__init__()
        kernel, inner, out_channels, gated, stride = row
        self.ghost1 = GhostModule(in_channels, inner)
        self.conv_dw, self.se, self.shortcut = None, None, None
        if stride > 1:
            self.conv_dw, self.bn_dw = conv_bn(inner, inner, kernel, stride, inner)
        if gated:
            units = divisible(inner / 4, MULTIPLE)
            names = ("conv_reduce", "conv_expand")
            self.se = SqueezeExcitation(inner, units, F.hardsigmoid, names)
        self.ghost2 = GhostModule(inner, out_channels, relu=False)
        if stride > 1 or in_channels != out_channels:
            depthwise = conv_bn(in_channels, in_channels, kernel, stride, in_channels)
            self.shortcut = nn.Sequential(*depthwise, *conv_bn(in_channels, out_channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.ghost1(x)
        if self.conv_dw is not None:
            y = self.bn_dw(self.conv_dw(y))
        if self.se is not None:
            y = self.se(y)
        return self.ghost2(y) + (x if self.shortcut is None else self.shortcut(x))


class GhostNet(Trunk):
    """The net of a width.    x (N, in_channels, H, W) -> logits (N, num_classes)

    width: a factor for all numbers of channels except the last; dropout: the fraction of units
    dropped before the classifier.

    Raises: ValueError for images of another shape.
    """

    def __init__(
        self,
        width: float = 1.0,
        num_classes: int = 1000,
        in_channels: int = 3,
        dropout: float = 0.2,
    ):
        channels = divisible(START * checked_width(width), MULTIPLE)
        stem = conv_bn(in_channels, channels, 3, 2, activation=nn.ReLU)
        stages = nn.Sequential()
        for rows in TABLE:
            stage = nn.Sequential()
            for row in rows:
                inner, out_channels = (
                    divisible(n * width, MULTIPLE) for n in (row.inner, row.out_channels)
                )
                row = row._replace(inner=inner, out_channels=out_channels)
                stage.append(GhostBottleneck(channels, row))
                channels = out_channels
            stages.append(stage)
        widened = conv_bn(
            channels, inner, 1, activation=nn.ReLU
        )  # to the last block's inner channels
        names = ("conv", "bn1", "act")
        stages.append(nn.Sequential(nn.Sequential(dict(zip(names, widened, strict=True)))))
        layers = dict(zip(("conv_stem", "bn1", "act1"), stem, strict=True)) | {
            "blocks": stages,
            "global_pool": nn.AdaptiveAvgPool2d(1),
            "conv_head": nn.Conv2d(inner, LAST, 1),
            "act2": nn.ReLU(),
            "flatten": nn.Flatten(),
            "dropout": nn.Dropout(dropout),
            "classifier": nn.Linear(LAST, num_classes),
        }
        super().__init__(layers, in_channels, smallest=1)
        draw_weights(self, nn.init.kaiming_normal_)


@register(params=5_182_508, macs=141_150_512, preprocessing=IMAGENET_BICUBIC)
def ghostnet_100(width: float = 1.0, **settings: Any) -> GhostNet:
    """GhostNet of full width. Settings: see `GhostNet`."""
    return GhostNet(width, **settings)


@register(params=2_587_292, macs=42_328_152, preprocessing=IMAGENET_BICUBIC)
def ghostnet_050(width: float = 0.5, **settings: Any) -> GhostNet:
    """GhostNet of half the width. Settings: see `GhostNet`."""
    return GhostNet(width, **settings)


@register(params=7_358_820, macs=227_003_256, preprocessing=IMAGENET_BICUBIC)
def ghostnet_130(width: float = 1.3, **settings: Any) -> GhostNet:
    """GhostNet of width 1.3. Settings: see `GhostNet`."""
    return GhostNet(width, **settings)
