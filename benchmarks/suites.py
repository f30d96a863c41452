"""The convolutions to time: those of well-known networks, and shapes that none of them has.

A network's suite has each distinct shape once, in the network's order. What is tuned to networks
shows on the others: the suite "other".
"""

from __future__ import annotations

import math
from typing import NamedTuple

from minitorch_cnn.kernels.window import Window


class Layer(NamedTuple):
    """One convolution: C input channels of H x H, O output channels; kernel, padding: of both axes,
    or a pair."""

    name: str
    C: int
    H: int
    O: int
    kernel: int | tuple[int, int]
    stride: int = 1
    padding: int | tuple[int, int] = 0
    groups: int = 1

    @property
    def window(self) -> Window:
        return Window(self.kernel, self.stride, self.padding)

    @property
    def weight(self) -> tuple[int, int, int, int]:
        """The shape of the weights: O, C / groups, KH, KW."""
        return self.O, self.C // self.groups, *self.window.kernel

    @property
    def output(self) -> tuple[int, int]:
        """Rows and columns of the output."""
        return self.window.output_size(self.H, self.H)

    def macs(self, batch: int) -> int:
        """Multiply-adds of one pass over a batch; the same for all three directions."""
        return batch * math.prod(self.output) * math.prod(self.weight)


LENET5 = [  # LeCun et al. 1998; C3 without its connection table
    #     name  C   H    O  K
    Layer("C1", 1, 32, 6, 5),
    Layer("C3", 6, 14, 16, 5),
    Layer("C5", 16, 5, 120, 5),
]

ALEXNET = [  # the one-tower form
    #     name      C    H    O   K  s  p
    Layer("conv1", 3, 224, 64, 11, 4, 2),
    Layer("conv2", 64, 27, 192, 5, 1, 2),
    Layer("conv3", 192, 13, 384, 3, 1, 1),
    Layer("conv4", 384, 13, 256, 3, 1, 1),
    Layer("conv5", 256, 13, 256, 3, 1, 1),
]

VGG16 = [  # Simonyan, Zisserman 2014, Table 1, column D
    #     name        C    H    O   K  s  p
    Layer("conv1_1", 3, 224, 64, 3, 1, 1),
    Layer("conv1_2", 64, 224, 64, 3, 1, 1),
    Layer("conv2_1", 64, 112, 128, 3, 1, 1),
    Layer("conv2_2", 128, 112, 128, 3, 1, 1),
    Layer("conv3_1", 128, 56, 256, 3, 1, 1),
    Layer("conv3_2", 256, 56, 256, 3, 1, 1),
    Layer("conv4_1", 256, 28, 512, 3, 1, 1),
    Layer("conv4_2", 512, 28, 512, 3, 1, 1),
    Layer("conv5_1", 512, 14, 512, 3, 1, 1),
]

GOOGLENET = [  # Szegedy et al. 2014, Table 1: the stem, and modules 3a, 4a and 5b branch by branch
    #     name              C    H    O   K  s  p
    Layer("conv1", 3, 224, 64, 7, 2, 3),
    Layer("conv2 reduce", 64, 56, 64, 1),
    Layer("conv2", 64, 56, 192, 3, 1, 1),
    Layer("3a 1x1", 192, 28, 64, 1),
    Layer("3a 3x3 reduce", 192, 28, 96, 1),
    Layer("3a 3x3", 96, 28, 128, 3, 1, 1),
    Layer("3a 5x5 reduce", 192, 28, 16, 1),
    Layer("3a 5x5", 16, 28, 32, 5, 1, 2),
    Layer("4a 1x1", 480, 14, 192, 1),
    Layer("4a 3x3", 96, 14, 208, 3, 1, 1),
    Layer("4a 5x5", 16, 14, 48, 5, 1, 2),
    Layer("5b 1x1", 832, 7, 384, 1),
    Layer("5b 3x3", 192, 7, 384, 3, 1, 1),
    Layer("5b 5x5", 48, 7, 128, 5, 1, 2),
]


def _bottlenecks(groups: int, widths) -> list[Layer]:
    """The distinct convolutions of a bottleneck ResNet with its stride in the 3x3 (He et al. 2015,
    Table 1; Xie et al. 2016, Table 1): per stage the first block's, then what later blocks add."""
    layers = [Layer("conv1", 3, 224, 64, 7, 2, 3)]
    C, H = 64, 56
    for stage, width in enumerate(widths, start=2):
        out, stride = 256 * 2 ** (stage - 2), 1 if stage == 2 else 2
        after = H // stride
        layers += [
            Layer(f"conv{stage}_1 1x1a", C, H, width, 1),
            Layer(f"conv{stage}_1 3x3", width, H, width, 3, stride, 1, groups),
            Layer(f"conv{stage}_1 1x1b", width, after, out, 1),
            Layer(f"conv{stage}_1 shortcut", C, H, out, 1, stride),
            Layer(f"conv{stage}_2 1x1a", out, after, width, 1),
        ]
        if stride > 1:
            layers.append(Layer(f"conv{stage}_2 3x3", width, after, width, 3, 1, 1, groups))
        C, H = out, after
    return layers


RESNET50 = _bottlenecks(groups=1, widths=(64, 128, 256, 512))
RESNEXT50 = _bottlenecks(groups=32, widths=(128, 256, 512, 1024))

MOBILENET = [Layer("conv1", 3, 224, 32, 3, 2, 1)]  # Howard et al. 2017, Table 1
for _C, _H, _O, _stride in (
    (32, 112, 64, 1),
    (64, 112, 128, 2),
    (128, 56, 128, 1),
    (128, 56, 256, 2),
    (256, 28, 256, 1),
    (256, 28, 512, 2),
    (512, 14, 512, 1),
    (512, 14, 1024, 2),
    (1024, 7, 1024, 1),
):
    MOBILENET += [
        Layer(f"dw {_C}@{_H}/{_stride}", _C, _H, _C, 3, _stride, 1, _C),
        Layer(f"pw {_C}-{_O}@{_H // _stride}", _C, _H // _stride, _O, 1),
    ]

OTHER = [
    #     name              C    H    O   K  s  p  groups
    Layer("3x3@9", 160, 9, 192, 3, 1, 1),
    Layer("3x3@18", 80, 18, 112, 3, 1, 1),
    Layer("3x3@40", 40, 40, 72, 3, 1, 1),
    Layer("1x1@9", 320, 9, 176, 1),
    Layer("1x1@15", 144, 15, 272, 1),
    Layer("1x1@30", 88, 30, 176, 1),
    Layer("1x1@60", 72, 60, 48, 1),
    Layer("5x5@15", 72, 15, 104, 5, 1, 2),
    Layer("5x5@34", 40, 34, 56, 5, 1, 2),
    Layer("1x7@17", 136, 17, 152, (1, 7), 1, (0, 3)),
    Layer("7x1@17", 152, 17, 136, (7, 1), 1, (3, 0)),
    Layer("1x7@35", 48, 35, 56, (1, 7), 1, (0, 3)),
    Layer("7x1@35", 56, 35, 48, (7, 1), 1, (3, 0)),
    Layer("3x3/2@18", 112, 18, 160, 3, 2, 1),
    Layer("3x3/2@45", 48, 45, 88, 3, 2, 1),
    Layer("1x1/2@18", 176, 18, 320, 1, 2),
    Layer("1x1/2@45", 80, 45, 144, 1, 2),
    Layer("3x3/2@18 6 groups", 144, 18, 192, 3, 2, 1, 6),
    Layer("3x3/2@45 24 groups", 96, 45, 96, 3, 2, 1, 24),
    Layer("dw 3x3/2@18", 336, 18, 336, 3, 2, 1, 336),
    Layer("dw 3x3/2@60", 72, 60, 72, 3, 2, 1, 72),
    Layer("dw 5x5/2@34", 120, 34, 120, 5, 2, 2, 120),
    Layer("dw 5x5@17", 240, 17, 240, 5, 1, 2, 240),
    Layer("odd 3x3@23", 37, 23, 53, 3, 1, 1),
    Layer("odd 1x1@23", 61, 23, 83, 1),
    Layer("odd 5x5/2@29", 19, 29, 31, 5, 2, 2),
]

SUITES = {
    "lenet5": LENET5,
    "alexnet": ALEXNET,
    "vgg16": VGG16,
    "googlenet": GOOGLENET,
    "resnet50": RESNET50,
    "resnext50": RESNEXT50,
    "mobilenet": MOBILENET,
    "other": OTHER,
}
