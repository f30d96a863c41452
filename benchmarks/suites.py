"""The convolutions of well-known networks: each distinct shape once, in the network's order."""

from __future__ import annotations

from typing import NamedTuple

from minitorch_cnn.kernels.window import Window


class Layer(NamedTuple):
    """One convolution: C input channels of H x H, O output channels, a square kernel."""

    name: str
    C: int
    H: int
    O: int
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1

    @property
    def window(self) -> Window:
        return Window(self.kernel, self.stride, self.padding)

    @property
    def output(self) -> int:
        """Rows (and columns) of the output."""
        return self.window.output_size(self.H, self.H)[0]

    def macs(self, batch: int) -> int:
        """Multiply-adds of one pass over a batch; the same for all three directions."""
        return batch * self.O * self.output**2 * self.C // self.groups * self.kernel**2


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

SUITES = {
    "lenet5": LENET5,
    "alexnet": ALEXNET,
    "vgg16": VGG16,
    "googlenet": GOOGLENET,
    "resnet50": RESNET50,
    "resnext50": RESNEXT50,
    "mobilenet": MOBILENET,
}
