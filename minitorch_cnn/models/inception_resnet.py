"""Inception-ResNet: Inception modules as the residual branches of a ResNet.

C. Szegedy, S. Ioffe, V. Vanhoucke, A. Alemi (2017), "Inception-v4, Inception-ResNet and the impact
of residual connections on learning", AAAI 2017, arXiv 1602.07261. Cheap Inception branches are
concatenated, projected to the channels of the input by a 1 x 1 convolution without activation,
scaled and added. v1 costs as much as Inception-v3, v2 as much as Inception-v4; both train faster.
Above a thousand filters such nets died early in training, whatever the learning rate: scaling the
branches by 0.1 to 0.3 before the addition (figure 20) prevents this.

Deviations from the paper
- `inception_resnet_v2` is the network the authors published: 10, 20 and 10 blocks of 320, 1088 and
  2080 channels after the stem of Inception-v3 and one more module. The paper draws 5, 10 and 5
  blocks after the stem of Inception-v4: 32.4 million parameters instead of 55.8.
- `inception_resnet_v1` scales its branches as that network does: the paper gives a range.
- The last block of each net is added unscaled and without ReLU, as there; in v1 it is in addition
  to the paper's 5, 10 and 5. Averages exclude the padding; the 1 x 1 convolutions before additions
  have a bias and no batch norm.
- `se_inception_resnet_v2` is more recent: it gates the channels of the residual branches (J. Hu et
  al. (2018), "Squeeze-and-excitation networks", CVPR 2018), who do not say in which modules.
- The module names of v2 are those of timm, whose weights load into the model; v1 follows them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from .. import functional as F
from .. import nn
from ..tensor import Tensor
from .blocks import ConvBNReLU, SqueezeExcitation, Trunk, classifier, draw_weights, scaled
from .preprocessing import INCEPTION_RESNET_V2
from .registry import register
from .tables import Branches, Conv, Path, Step, beside, build_all

conv_bn_relu = partial(ConvBNReLU, eps=1e-3)
HALVE = partial(nn.MaxPool2d, 3, 2)
AVERAGE = partial(nn.AvgPool2d, 3, 1, 1, count_include_pad=False)


class ResidualBranches(Branches):
    """y = relu(x + scale * (W branches(x) + b)), W a 1 x 1 convolution; or without the relu.

    x, y (N, in_channels, H, W). An optional gate scales the channels of W branches(x) + b.
    """

    def __init__(
        self,
        in_channels: int,
        paths: list[Path],
        conv: Callable[..., nn.Module],
        width: float,
        scale: float,
        relu: bool,
        units: int = 0,
    ):
        super().__init__(in_channels, paths, conv, width)
        self.conv2d = nn.Conv2d(self.out_channels, in_channels, 1)
        self.gate = SqueezeExcitation(in_channels, units) if units else None
        self.scale, self.relu, self.out_channels = scale, relu, in_channels

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2d(super().forward(x))
        y = x + self.scale * (self.gate(y) if self.gate else y)
        return F.relu(y) if self.relu else y


class Residual(NamedTuple):
    """A row of a table: a block with these branches.

    gated: whether it has a gate, with one unit per 16 channels of the full net.
    """

    paths: list[Path]
    scale: float
    relu: bool = True
    gated: bool = False

    def build(
        self, in_channels: int, conv: Callable[..., nn.Module], width: float
    ) -> tuple[nn.Module, int]:
        """The block and its unchanged number of channels; see `tables.build`."""
        units = scaled(in_channels, 1 / width) // 16 if self.gated else 0
        block = ResidualBranches(in_channels, self.paths, conv, width, self.scale, self.relu, units)
        return block, in_channels


STEM = {  # sizes are those of an image of 299 x 299
    "conv2d_1a": Conv(32, 3, 2, 0),  # 149 x 149
    "conv2d_2a": Conv(32, 3, 1, 0),  # 147 x 147
    "conv2d_2b": Conv(64, 3),
    "maxpool_3a": HALVE,  # 73 x 73
    "conv2d_3b": Conv(80, 1),
    "conv2d_4a": Conv(192, 3, 1, 0),  # 71 x 71
}

# ---------------------------------------------------------------------------------------- version 1

A1 = beside(Conv(32, 1), (Conv(32, 1), Conv(32, 3)), (Conv(32, 1), Conv(32, 3), Conv(32, 3)))
B1 = beside(Conv(128, 1), (Conv(128, 1), Conv(128, (1, 7)), Conv(128, (7, 1))))
C1 = beside(Conv(192, 1), (Conv(192, 1), Conv(192, (1, 3)), Conv(192, (3, 1))))

TABLE_V1 = STEM | {  # figures 14 and 15
    "conv2d_4b": Conv(256, 3, 2, 0),  # 35 x 35
    "repeat": (Residual(A1, 0.17),) * 5,  # figure 10
    "mixed_6a": beside(  # figure 7 with k, l, m, n = 192, 192, 256, 384: 17 x 17
        Conv(384, 3, 2, 0),
        (Conv(192, 1), Conv(192, 3), Conv(256, 3, 2, 0)),
        HALVE,
    ),
    "repeat_1": (Residual(B1, 0.10),) * 10,  # figure 11
    "mixed_7a": beside(  # figure 12: 8 x 8
        (Conv(256, 1), Conv(384, 3, 2, 0)),
        (Conv(256, 1), Conv(256, 3, 2, 0)),
        (Conv(256, 1), Conv(256, 3), Conv(256, 3, 2, 0)),
        HALVE,
    ),
    "repeat_2": (Residual(C1, 0.20),) * 5,  # figure 13
    "block8": Residual(C1, 1.0, relu=False),
}

# ---------------------------------------------------------------------------------------- version 2

A2 = beside(Conv(32, 1), (Conv(32, 1), Conv(32, 3)), (Conv(32, 1), Conv(48, 3), Conv(64, 3)))
B2 = beside(Conv(192, 1), (Conv(128, 1), Conv(160, (1, 7)), Conv(192, (7, 1))))
C2 = beside(Conv(192, 1), (Conv(192, 1), Conv(224, (1, 3)), Conv(256, (3, 1))))

TABLE_V2 = STEM | {  # figure 15
    "maxpool_5a": HALVE,  # 35 x 35
    "mixed_5b": beside(
        Conv(96, 1),
        (Conv(48, 1), Conv(64, 5)),
        (Conv(64, 1), Conv(96, 3), Conv(96, 3)),
        (AVERAGE, Conv(64, 1)),
    ),
    "repeat": (Residual(A2, 0.17),) * 10,  # figure 16
    "mixed_6a": beside(  # figure 7 with k, l, m, n = 256, 256, 384, 384: 17 x 17
        Conv(384, 3, 2, 0),
        (Conv(256, 1), Conv(256, 3), Conv(384, 3, 2, 0)),
        HALVE,
    ),
    "repeat_1": (Residual(B2, 0.10),) * 20,  # figure 17
    "mixed_7a": beside(  # figure 18: 8 x 8
        (Conv(256, 1), Conv(384, 3, 2, 0)),
        (Conv(256, 1), Conv(288, 3, 2, 0)),
        (Conv(256, 1), Conv(288, 3), Conv(320, 3, 2, 0)),
        HALVE,
    ),
    "repeat_2": (Residual(C2, 0.20),) * 9,  # figure 19
    "block8": Residual(C2, 1.0, relu=False),
    "conv2d_7b": Conv(1536, 1),
}


def with_gates(table: dict[str, Step]) -> dict[str, Step]:
    """The table with a gate in each of its residual blocks."""

    def gate(step: Any) -> Any:
        if isinstance(step, Residual):
            return step._replace(gated=True)
        many = isinstance(step, tuple) and not hasattr(step, "build")
        return tuple(gate(part) for part in step) if many else step

    return {name: gate(step) for name, step in table.items()}


class InceptionResNet(Trunk):
    """The network of figure 15.    x (N, in_channels, H, W) -> logits (N, num_classes)

    table: TABLE_V1 or TABLE_V2; width: a factor for all numbers of filters.
    """

    def __init__(
        self,
        table: dict[str, Step],
        num_classes: int,
        in_channels: int,
        dropout: float,
        width: float,
    ):
        layers, channels = build_all(table, in_channels, conv_bn_relu, width)
        layers |= classifier(channels, num_classes, dropout, "classif")
        super().__init__(layers, in_channels, 75)
        draw_weights(self, nn.init.kaiming_normal_)


@register(params=24_357_096, macs=6_308_597_856, input_shape=(3, 299, 299))
def inception_resnet_v1(
    num_classes: int = 1000, in_channels: int = 3, dropout: float = 0.2, width: float = 1.0
) -> InceptionResNet:
    """Inception-ResNet-v1: about as costly as Inception-v3."""
    return InceptionResNet(TABLE_V1, num_classes, in_channels, dropout, width)


@register(
    params=55_843_464,
    macs=13_155_794_016,
    input_shape=(3, 299, 299),
    preprocessing=INCEPTION_RESNET_V2,
)
def inception_resnet_v2(
    num_classes: int = 1000, in_channels: int = 3, dropout: float = 0.2, width: float = 1.0
) -> InceptionResNet:
    """Inception-ResNet-v2: about as costly as Inception-v4."""
    return InceptionResNet(TABLE_V2, num_classes, in_channels, dropout, width)


@register(params=64_387_444, macs=13_164_289_376, input_shape=(3, 299, 299))
def se_inception_resnet_v2(
    num_classes: int = 1000, in_channels: int = 3, dropout: float = 0.2, width: float = 1.0
) -> InceptionResNet:
    """Inception-ResNet-v2 with squeeze-and-excitation gates on its 40 residual branches."""
    return InceptionResNet(with_gates(TABLE_V2), num_classes, in_channels, dropout, width)
