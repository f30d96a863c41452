"""Dual path networks: blocks that add to some channels and append others.

Y. Chen, J. Li, H. Xiao, X. Jin, S. Yan, J. Feng (2017), "Dual path networks", NeurIPS 2017, arXiv
1707.01629. A block's output is split: its first channels are added, as in a ResNet, which reuses
features, and the others are concatenated, as in a DenseNet, which explores new ones. DPN-98 has
smaller errors than ResNeXt-101 64x4d with three quarters of its parameters.

Deviations from the paper
- The numbers are those of the authors' published nets.
- DPN-68, which is not in the paper, is theirs too: a quarter of the residual channels after a
  3 x 3 convolution of 10 filters.

Between blocks the channels are: the residual ones, then the dense ones from the oldest to the
newest. A stage begins with a projection of its whole input. All batch norms have eps = 1e-3; the
classifier is a 1 x 1 convolution. The last activation is a ReLU like all others, the default of
the authors' symbols (github.com/cypw/DPNs), with which the published weights were trained; timm's
code has an ELU there. The module names are timm's, whose files load into the models.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import nn
from ..nn.fusion import relu_after
from ..tensor import Tensor, cat
from .blocks import ConvBNReLU, check_images, draw_weights, scaled
from .preprocessing import DPN_PIXELS
from .registry import register

EPS = 1e-3


class Design(NamedTuple):
    """A net: its first convolution, and its blocks.

    start, kernel: filters and size of the first convolution; residual: channels that are added, and
    inner: filters of the first two convolutions of a block, in stage conv2; both double in each
    later stage; increments: per stage, the channels that a block concatenates.
    """

    start: int
    kernel: int
    residual: int
    inner: int
    groups: int
    blocks: tuple[int, int, int, int]
    increments: tuple[int, int, int, int]


#            start, kernel, residual, inner, groups  blocks       increments             Table 1
TABLE = {
    68: Design(10, 3, 64, 128, 32, (3, 4, 12, 3), (16, 32, 32, 64)),
    92: Design(64, 7, 256, 96, 32, (3, 4, 20, 3), (16, 32, 24, 128)),
    98: Design(96, 7, 256, 160, 40, (3, 6, 20, 3), (16, 32, 32, 128)),
    131: Design(128, 7, 256, 160, 40, (4, 8, 28, 3), (16, 32, 32, 128)),
}


class BNReLUConv(nn.Module):
    """conv(max(bn(x), 0)), without a bias.

    x (N, in_channels, H, W) -> y (N, channels, OH, OW)
    """

    def __init__(
        self, in_channels: int, channels: int, kernel: int, stride: int = 1, groups: int = 1
    ):
        super().__init__()
        self.bn = nn.BatchNorm2d(in_channels, EPS)
        self.conv = nn.Conv2d(
            in_channels, channels, kernel, stride, kernel // 2, groups=groups, bias=False
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(relu_after(self.bn, x))


class BNReLU(nn.Module):
    """max(bn(x), 0)    x, y (N, channels, H, W)"""

    def __init__(self, channels: int):
        super().__init__()
        self.bn = nn.BatchNorm2d(channels, EPS)

    def forward(self, x: Tensor) -> Tensor:
        return relu_after(self.bn, x)


class DualPathBlock(nn.Module):
    """Add to the first `residual` channels of x, and concatenate `increment` more.

    x (N, in_channels, H, W) -> y (N, out_channels, ceil(H / stride), ceil(W / stride))

    stride: None for a block inside a stage; the first of a stage takes 1 or 2, and projects x to
    `residual` and two times `increment` channels first.
    """

    def __init__(
        self,
        in_channels: int,
        inner: int,
        residual: int,
        increment: int,
        groups: int,
        stride: int | None = None,
    ):
        super().__init__()
        self.residual, self.projection = residual, None
        kept = in_channels
        if stride:
            kept = residual + 2 * increment
            self.projection = f"c1x1_w_s{stride}"
            self.register_module(self.projection, BNReLUConv(in_channels, kept, 1, stride))
        self.c1x1_a = BNReLUConv(in_channels, inner, 1)
        self.c3x3_b = BNReLUConv(inner, inner, 3, stride or 1, groups)
        self.c1x1_c = BNReLUConv(inner, residual + increment, 1)
        self.out_channels = kept + increment

    def forward(self, x: Tensor) -> Tensor:
        y = self.c1x1_c(self.c3x3_b(self.c1x1_a(x)))
        if self.projection:
            x = getattr(self, self.projection)(x)
        r = self.residual
        return cat([x[:, :r] + y[:, :r], x[:, r:], y[:, r:]], dim=1)


class DPN(nn.Module):
    """The net of a design.    x (N, in_channels, H, W) -> logits (N, num_classes)

    width: a factor for all numbers of filters.

    Raises: ValueError for images of another shape.
    """

    def __init__(
        self, design: Design, num_classes: int = 1000, in_channels: int = 3, width: float = 1.0
    ):
        super().__init__()
        self.in_channels, groups = in_channels, design.groups
        channels, kernel = scaled(design.start, width), design.kernel
        features: dict[str, nn.Module] = {
            "conv1_1": ConvBNReLU(in_channels, channels, kernel, 2, kernel // 2, eps=EPS),
            "conv1_pool": nn.MaxPool2d(3, 2, 1),
        }
        for stage, (blocks, wanted) in enumerate(
            zip(design.blocks, design.increments, strict=True)
        ):
            inner = scaled(design.inner << stage, width, groups)
            residual = scaled(design.residual << stage, width)
            increment = scaled(wanted, width)
            for number in range(1, blocks + 1):
                stride = (2 if stage else 1) if number == 1 else None
                block = DualPathBlock(channels, inner, residual, increment, groups, stride)
                features[f"conv{stage + 2}_{number}"] = block
                channels = block.out_channels
        features["conv5_bn_ac"] = BNReLU(channels)
        self.features = nn.Sequential(features)
        self.global_pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Conv2d(channels, num_classes, 1)
        draw_weights(self, nn.init.kaiming_normal_)

    def forward(self, x: Tensor) -> Tensor:
        check_images("DPN", x, self.in_channels, 1)
        return self.classifier(self.global_pool(self.features(x))).flatten(1)


@register(params=12_611_602, macs=2_326_163_456, preprocessing=DPN_PIXELS)
def dpn68(**settings: Any) -> DPN:
    """DPN-68. Settings: see `DPN`."""
    return DPN(TABLE[68], **settings)


@register(params=37_668_392, macs=6_501_684_224, preprocessing=DPN_PIXELS)
def dpn92(**settings: Any) -> DPN:
    """DPN-92. Settings: see `DPN`."""
    return DPN(TABLE[92], **settings)


@register(params=61_570_728, macs=11_671_217_152, preprocessing=DPN_PIXELS)
def dpn98(**settings: Any) -> DPN:
    """DPN-98. Settings: see `DPN`."""
    return DPN(TABLE[98], **settings)


@register(params=79_254_504, macs=16_013_648_896, preprocessing=DPN_PIXELS)
def dpn131(**settings: Any) -> DPN:
    """DPN-131. Settings: see `DPN`."""
    return DPN(TABLE[131], **settings)
