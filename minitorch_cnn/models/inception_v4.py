"""Inception-v4: uniform Inception modules, and a stem with branches.

C. Szegedy, S. Ioffe, V. Vanhoucke, A. Alemi (2017), "Inception-v4, Inception-ResNet and the impact
of residual connections on learning", AAAI 2017, arXiv 1602.07261, figures 3 to 9. Without the need
to split one model over machines, all modules of a grid size are equal: four A at 35 x 35, seven B
at 17 x 17, three C at 8 x 8, with reductions between. 20.0 % top-1 and 5.0 % top-5 error with
12.3 G multiply-adds.

Deviations from the paper
- None in the layers; averages exclude the padding, as in the published network. Batch norms have
  that network's eps = 1e-3. The module names are those of timm, whose weights load into the model.
"""

from __future__ import annotations

from functools import partial

from .. import nn
from .blocks import ConvBNReLU, Trunk, classifier, draw_weights
from .preprocessing import INCEPTION_V4
from .registry import register
from .tables import Conv, beside, build

conv_bn_relu = partial(ConvBNReLU, eps=1e-3)
HALVE = partial(nn.MaxPool2d, 3, 2)
AVERAGE = partial(nn.AvgPool2d, 3, 1, 1, count_include_pad=False)

INCEPTION_A = beside(  # figure 4: 384 channels
    Conv(96, 1),
    (Conv(64, 1), Conv(96, 3)),
    (Conv(64, 1), Conv(96, 3), Conv(96, 3)),
    (AVERAGE, Conv(96, 1)),
)
REDUCTION_A = beside(  # figure 7 with k, l, m, n = 192, 224, 256, 384: 1024 channels
    Conv(384, 3, 2, 0),
    (Conv(192, 1), Conv(224, 3), Conv(256, 3, 2, 0)),
    HALVE,
)
INCEPTION_B = beside(  # figure 5: 1024 channels
    Conv(384, 1),
    (Conv(192, 1), Conv(224, (1, 7)), Conv(256, (7, 1))),
    (Conv(192, 1), Conv(192, (7, 1)), Conv(224, (1, 7)), Conv(224, (7, 1)), Conv(256, (1, 7))),
    (AVERAGE, Conv(128, 1)),
)
REDUCTION_B = beside(  # figure 8: 1536 channels
    (Conv(192, 1), Conv(192, 3, 2, 0)),
    (Conv(256, 1), Conv(256, (1, 7)), Conv(320, (7, 1)), Conv(320, 3, 2, 0)),
    HALVE,
)

single = {"branch1_0": Conv(384, 1)}
double = {"branch2_0": Conv(384, 1), "branch2_1": Conv(448, (3, 1)), "branch2_2": Conv(512, (1, 3))}
INCEPTION_C = [  # figure 6: 1536 channels
    {"branch0": Conv(256, 1)},
    single | {"branch1_1a": Conv(256, (1, 3))},
    single | {"branch1_1b": Conv(256, (3, 1))},
    double | {"branch2_3a": Conv(256, (1, 3))},
    double | {"branch2_3b": Conv(256, (3, 1))},
    {"branch3": (AVERAGE, Conv(256, 1))},
]

# Sizes are those of an image of 299 x 299.                                          Figures 9 and 3
FEATURES = (
    Conv(32, 3, 2, 0),  # 149 x 149
    Conv(32, 3, 1, 0),  # 147 x 147
    Conv(64, 3),
    [{"maxpool": HALVE}, {"conv": Conv(96, 3, 2, 0)}],  # 73 x 73
    beside(
        (Conv(64, 1), Conv(96, 3, 1, 0)),
        (Conv(64, 1), Conv(64, (1, 7)), Conv(64, (7, 1)), Conv(96, 3, 1, 0)),
    ),  # 71 x 71
    [{"conv": Conv(192, 3, 2, 0)}, {"maxpool": HALVE}],  # 35 x 35
    *[INCEPTION_A] * 4,
    REDUCTION_A,  # 17 x 17
    *[INCEPTION_B] * 7,
    REDUCTION_B,  # 8 x 8
    *[INCEPTION_C] * 3,
)


class InceptionV4(Trunk):
    """The network of figure 9.    x (N, in_channels, H, W) -> logits (N, num_classes)

    width: a factor for all numbers of filters.
    """

    def __init__(self, num_classes: int, in_channels: int, dropout: float, width: float):
        features, channels = build(FEATURES, in_channels, conv_bn_relu, width)
        layers = {"features": features}
        layers |= classifier(channels, num_classes, dropout, "last_linear")
        super().__init__(layers, in_channels, 75)
        draw_weights(self, nn.init.kaiming_normal_)


@register(
    params=42_679_816, macs=12_253_974_624, input_shape=(3, 299, 299), preprocessing=INCEPTION_V4
)
def inception_v4(
    num_classes: int = 1000, in_channels: int = 3, dropout: float = 0.2, width: float = 1.0
) -> InceptionV4:
    """Inception-v4."""
    return InceptionV4(num_classes, in_channels, dropout, width)
