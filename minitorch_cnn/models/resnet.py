"""ResNet: blocks that learn a residual to add to their input, so that depth does not harm.

K. He, X. Zhang, S. Ren, J. Sun (2016), "Deep residual learning for image recognition", CVPR 2016,
arXiv 1512.03385, winners of ILSVRC 2015. Of two plain nets the deeper one has the higher TRAINING
error, although it could copy the other and pass on its output: the layers fail to learn the
identity. With a shortcut around every block, a block with zero weights is the identity.

Deviations from the paper
- resnet50 to resnet200 stride in the 3 x 3 convolution of a block, like torchvision's nets, whose
  names the modules have and whose weights they load; the names in _v1 stride in the first 1 x 1,
  as in the paper. Both have the same parameters; the first uses its whole input and costs
  231 million multiply-adds more.
- resnet200 is from the paper on pre-activation (arXiv 1603.05027), in this paper's form.

The shortcut is a setting, by default "B" of the paper's three. Wide nets (S. Zagoruyko,
N. Komodakis (2016), "Wide residual networks", arXiv 1605.07146, table 8) have twice the filters in
the 3 x 3 convolutions. Plain nets have the layers of a ResNet without shortcuts.
"""

from __future__ import annotations

from typing import Any

from .blocks import Trunk, classifier, scaled
from .preprocessing import IMAGENET
from .registry import register
from .residual import basic, bottleneck, draw_he_weights, imagenet_stem, stage

FILTERS = (64, 128, 256, 512)  # of the 3 x 3 convolutions of each stage
EXPANSION = 4  # output channels of a bottleneck for each of them

#     conv2_x  conv3_x  conv4_x  conv5_x        Table 1, and arXiv 1603.05027, section 5 (200)
TABLE = {
    18:  (2,       2,       2,       2),
    34:  (3,       4,       6,       3),
    50:  (3,       4,       6,       3),
    101: (3,       4,      23,       3),
    152: (3,       8,      36,       3),
    200: (3,      24,      36,       3),
}  # fmt: skip
BASIC = (18, 34)  # the others have bottlenecks


class ResNet(Trunk):
    """The net of a depth in TABLE.    x (N, in_channels, H, W) -> logits (N, num_classes)

    shortcut: "A", "B" or "C", see `make_shortcut`; None, for basic blocks, makes a plain net;
    groups, width_per_group: of the 3 x 3 convolutions in a bottleneck, as in ResNeXt: the published
    64 filters become groups * width_per_group, and so on; stride_first: whether bottlenecks stride
    in their first convolution; width: a factor for all channels.

    Raises: ValueError for an unknown shortcut, or images of another shape.
    """

    def __init__(
        self,
        depth: int,
        num_classes: int = 1000,
        in_channels: int = 3,
        shortcut: str | None = "B",
        groups: int = 1,
        width_per_group: int = 64,
        stride_first: bool = False,
        width: float = 1.0,
    ):
        channels = scaled(FILTERS[0], width)
        layers = imagenet_stem(in_channels, channels)
        for number, (blocks, filters) in enumerate(zip(TABLE[depth], FILTERS, strict=True), 1):
            if depth in BASIC:
                make, out_channels = basic(shortcut), scaled(filters, width)
            else:
                inner = scaled(filters * width_per_group // 64 * groups, width, groups)
                make = bottleneck(shortcut, inner, groups, stride_first)
                out_channels = scaled(EXPANSION * filters, width)
            stride = 1 if number == 1 else 2
            layers[f"layer{number}"] = stage(make, channels, out_channels, blocks, stride)
            channels = out_channels
        layers |= classifier(channels, num_classes)
        super().__init__(layers, in_channels, smallest=1)
        draw_he_weights(self)


@register(params=11_515_688, macs=1_794_805_760)
def plain18(**settings: Any) -> ResNet:
    """ResNet-18 without shortcuts. Settings: see `ResNet`."""
    return ResNet(18, shortcut=None, **settings)


@register(params=21_623_848, macs=3_644_493_824)
def plain34(**settings: Any) -> ResNet:
    """ResNet-34 without shortcuts. Settings: see `ResNet`."""
    return ResNet(34, shortcut=None, **settings)


@register(params=11_689_512, macs=1_814_073_344, preprocessing=IMAGENET)
def resnet18(**settings: Any) -> ResNet:
    """ResNet-18. Settings: see `ResNet`."""
    return ResNet(18, **settings)


@register(params=21_797_672, macs=3_663_761_408, preprocessing=IMAGENET)
def resnet34(**settings: Any) -> ResNet:
    """ResNet-34. Settings: see `ResNet`."""
    return ResNet(34, **settings)


@register(params=25_557_032, macs=4_089_184_256, preprocessing=IMAGENET)
def resnet50(**settings: Any) -> ResNet:
    """ResNet-50, with strides in the 3 x 3 convolutions. Settings: see `ResNet`."""
    return ResNet(50, **settings)


@register(params=44_549_160, macs=7_801_405_440, preprocessing=IMAGENET)
def resnet101(**settings: Any) -> ResNet:
    """ResNet-101, with strides in the 3 x 3 convolutions. Settings: see `ResNet`."""
    return ResNet(101, **settings)


@register(params=60_192_808, macs=11_513_626_624, preprocessing=IMAGENET)
def resnet152(**settings: Any) -> ResNet:
    """ResNet-152, with strides in the 3 x 3 convolutions. Settings: see `ResNet`."""
    return ResNet(152, **settings)


@register(params=64_673_832, macs=15_007_481_856)
def resnet200(**settings: Any) -> ResNet:
    """ResNet-200, with strides in the 3 x 3 convolutions. Settings: see `ResNet`."""
    return ResNet(200, **settings)


@register(params=25_557_032, macs=3_857_973_248)
def resnet50_v1(**settings: Any) -> ResNet:
    """ResNet-50, with strides in the first 1 x 1 convolutions. Settings: see `ResNet`."""
    return ResNet(50, stride_first=True, **settings)


@register(params=44_549_160, macs=7_570_194_432)
def resnet101_v1(**settings: Any) -> ResNet:
    """ResNet-101, with strides in the first 1 x 1 convolutions. Settings: see `ResNet`."""
    return ResNet(101, stride_first=True, **settings)


@register(params=60_192_808, macs=11_282_415_616)
def resnet152_v1(**settings: Any) -> ResNet:
    """ResNet-152, with strides in the first 1 x 1 convolutions. Settings: see `ResNet`."""
    return ResNet(152, stride_first=True, **settings)


@register(params=64_673_832, macs=14_776_270_848)
def resnet200_v1(**settings: Any) -> ResNet:
    """ResNet-200, with strides in the first 1 x 1 convolutions. Settings: see `ResNet`."""
    return ResNet(200, stride_first=True, **settings)


@register(params=68_883_240, macs=11_398_021_120, preprocessing=IMAGENET)
def wide_resnet50_2(**settings: Any) -> ResNet:
    """ResNet-50 with twice the filters in the 3 x 3 convolutions. Settings: see `ResNet`."""
    return ResNet(50, width_per_group=128, **settings)


@register(params=126_886_696, macs=22_753_050_624, preprocessing=IMAGENET)
def wide_resnet101_2(**settings: Any) -> ResNet:
    """ResNet-101 with twice the filters in the 3 x 3 convolutions. Settings: see `ResNet`."""
    return ResNet(101, width_per_group=128, **settings)
