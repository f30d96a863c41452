"""Inception-v3: large windows factorised into small and asymmetric ones.

C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna (2016), "Rethinking the Inception
architecture for computer vision", CVPR 2016, arXiv 1512.00567. A 7 x 7 convolution becomes 1 x 7
and 7 x 1 (figure 6), a 3 x 3 on the coarsest grid 1 x 3 beside 3 x 1 (figure 7); grids are halved
by a strided convolution and a pooling in parallel (figure 10), which avoids both a bottleneck
before the pooling and its cost after it. An auxiliary classifier with batch norm regularises;
training is by RMSProp with labels smoothed by 0.1. 22 % top-1 error with 5.7 G multiply-adds.

Deviations from the paper
- The numbers of filters, which it does not print, and the stem are those of the published network
  in torchvision's form, whose weights load into the model; as there, the first module keeps a 5 x 5
  window, average pooling counts the padding, dropout is 0.5 and weights are initialised from
  N(0, 0.1^2).
"""

from __future__ import annotations

from functools import partial

from .. import nn
from .blocks import ConvBNReLU, ImageNetToHalf, Trunk, classifier, draw_weights, scaled
from .preprocessing import INCEPTION_V3
from .registry import register
from .tables import Conv, Path, build_all, numbered

conv_bn_relu = partial(ConvBNReLU, eps=1e-3)
HALVE = partial(nn.MaxPool2d, 3, 2)
AVERAGE = partial(nn.AvgPool2d, 3, 1, 1)


def figure5(pool_proj: int, window: int = 5) -> list[Path]:
    """A module for the 35 x 35 grid: two 3 x 3 in place of a 5 x 5. The paper's window is 3."""
    return [
        {"branch1x1": Conv(64, 1)},
        numbered("branch5x5", Conv(48, 1), Conv(64, window)),
        numbered("branch3x3dbl", Conv(64, 1), Conv(96, 3), Conv(96, 3)),
        {"pool": AVERAGE, "branch_pool": Conv(pool_proj, 1)},
    ]


def figure6(n: int) -> list[Path]:
    """A module for the 17 x 17 grid: 1 x 7 and 7 x 1 in place of 7 x 7, `n` filters inside."""
    return [
        {"branch1x1": Conv(192, 1)},
        numbered("branch7x7", Conv(n, 1), Conv(n, (1, 7)), Conv(192, (7, 1))),
        numbered(
            "branch7x7dbl",
            Conv(n, 1),
            Conv(n, (7, 1)),
            Conv(n, (1, 7)),
            Conv(n, (7, 1)),
            Conv(192, (1, 7)),
        ),
        {"pool": AVERAGE, "branch_pool": Conv(192, 1)},
    ]


def figure7() -> list[Path]:
    """A module for the 8 x 8 grid: wide, with 1 x 3 beside 3 x 1 in place of 3 x 3."""
    single = numbered("branch3x3", Conv(384, 1))
    double = numbered("branch3x3dbl", Conv(448, 1), Conv(384, 3))
    return [
        {"branch1x1": Conv(320, 1)},
        single | {"branch3x3_2a": Conv(384, (1, 3))},
        single | {"branch3x3_2b": Conv(384, (3, 1))},
        double | {"branch3x3dbl_3a": Conv(384, (1, 3))},
        double | {"branch3x3dbl_3b": Conv(384, (3, 1))},
        {"pool": AVERAGE, "branch_pool": Conv(192, 1)},
    ]


def figure10() -> list[Path]:
    """From the 35 x 35 grid to the 17 x 17 one."""
    return [
        {"branch3x3": Conv(384, 3, 2, 0)},
        numbered("branch3x3dbl", Conv(64, 1), Conv(96, 3), Conv(96, 3, 2, 0)),
        {"pool": HALVE},
    ]


def figure10_with_sevens() -> list[Path]:
    """From the 17 x 17 grid to the 8 x 8 one, with factorised 7 x 7 windows in a branch."""
    sevens = Conv(192, 1), Conv(192, (1, 7)), Conv(192, (7, 1)), Conv(192, 3, 2, 0)
    return [
        numbered("branch3x3", Conv(192, 1), Conv(320, 3, 2, 0)),
        numbered("branch7x7x3", *sevens),
        {"pool": HALVE},
    ]


# Sizes are those of an image of 299 x 299.                                                  Table 1
TABLE = {
    "Conv2d_1a_3x3": Conv(32, 3, 2, 0),  # 149 x 149
    "Conv2d_2a_3x3": Conv(32, 3, 1, 0),  # 147 x 147
    "Conv2d_2b_3x3": Conv(64, 3),
    "maxpool1": HALVE,  # 73 x 73
    "Conv2d_3b_1x1": Conv(80, 1),
    "Conv2d_4a_3x3": Conv(192, 3, 1, 0),  # 71 x 71
    "maxpool2": HALVE,  # 35 x 35
    "Mixed_5b": figure5(pool_proj=32),
    "Mixed_5c": figure5(pool_proj=64),
    "Mixed_5d": figure5(pool_proj=64),
    "Mixed_6a": figure10(),  # 17 x 17
    "Mixed_6b": figure6(128),
    "Mixed_6c": figure6(160),
    "Mixed_6d": figure6(160),
    "Mixed_6e": figure6(192),
    "Mixed_7a": figure10_with_sevens(),  # 8 x 8
    "Mixed_7b": figure7(),
    "Mixed_7c": figure7(),
}


def auxiliary_head(
    in_channels: int, num_classes: int, width: float = 1.0, kernel_size: int = 5
) -> nn.Sequential:
    """The classifier on the 17 x 17 grid (figure 8).    x (N, in_channels, 17, 17) -> logits

    kernel_size: of the second convolution, whose input is 5 x 5 averages, 3 pixels apart.
    """
    filters, features = scaled(128, width), scaled(768, width)
    return nn.Sequential(
        {
            "pool": nn.AvgPool2d(5, 3),  # 5 x 5
            "conv0": conv_bn_relu(in_channels, filters, 1),
            "conv1": conv_bn_relu(filters, features, kernel_size),  # 1 x 1
            "avgpool": nn.AdaptiveAvgPool2d(1),
            "flatten": nn.Flatten(),
            "fc": nn.Linear(features, num_classes),
        }
    )


class InceptionV3(Trunk):
    """The network of table 1.    x (N, in_channels, H, W) -> logits (N, num_classes)

    With aux, in training, (logits, logits of the auxiliary classifier).

    width: a factor for all numbers of filters; transform_input: whether images with the usual
    normalisation are renormalised (see ImageNetToHalf).
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        dropout: float,
        aux: bool,
        width: float,
        transform_input: bool,
    ):
        layers, channels = build_all(TABLE, in_channels, conv_bn_relu, width)
        heads = {}
        if aux:
            inputs = layers["Mixed_6e"].out_channels
            heads["Mixed_6e"] = "AuxLogits", auxiliary_head(inputs, num_classes, width)
        if transform_input:
            layers = {"rescale": ImageNetToHalf(in_channels), **layers}
        layers |= classifier(channels, num_classes, dropout)
        super().__init__(layers, in_channels, 75, heads, 299)
        draw_weights(self, partial(nn.init.trunc_normal_, std=0.1))
        if aux:
            nn.init.trunc_normal_(self.AuxLogits.conv1.conv.weight, std=0.01)
            nn.init.trunc_normal_(self.AuxLogits.fc.weight, std=0.001)


@register(
    params=23_834_568, macs=5_713_216_096, input_shape=(3, 299, 299), preprocessing=INCEPTION_V3
)
def inception_v3(
    num_classes: int = 1000,
    in_channels: int = 3,
    dropout: float = 0.5,
    aux: bool = False,
    width: float = 1.0,
    transform_input: bool = False,
) -> InceptionV3:
    """Inception-v3; 27,161,264 parameters with the auxiliary head.

    torchvision's trained weights require transform_input=True (see ImageNetToHalf).
    """
    return InceptionV3(num_classes, in_channels, dropout, aux, width, transform_input)
