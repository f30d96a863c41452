"""ResNeXt: a bottleneck of many narrow branches that are summed.

S. Xie, R. Girshick, P. Dollar, Z. Tu, K. He (2017), "Aggregated residual transformations for deep
neural networks", CVPR 2017, arXiv 1611.05431. Besides depth and width a net has a cardinality: the
number of branches in a block. At equal cost more branches are better than more depth or width:
ResNeXt-50 (32 x 4d) has 22.2 % error where ResNet-50 has 23.9 %.

Deviations from the paper
- None. The stride is in the 3 x 3 convolution, and module names and weights are torchvision's.

One block has three equivalent forms (figure 3): "aggregated" branches of 1 x 1, 3 x 3 and 1 x 1
convolutions that are summed; their 3 x 3 outputs "concatenated" before one 1 x 1; and one "grouped"
convolution. `carry_weights` transfers the weights between any two forms.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from .. import nn
from ..nn.fusion import relu_after
from ..spelling import one_of
from ..tensor import Tensor, cat
from .preprocessing import IMAGENET, IMAGENET_232
from .registry import register
from .residual import Bottleneck, ResidualBlock, draw_he_weights
from .resnet import ResNet

FORMS = ("grouped", "concatenated", "aggregated")


class Branch(nn.Module):
    """One branch of a block: 1 x 1 and 3 x 3 convolutions, and for summation a last 1 x 1.

    x (N, in_channels, H, W) -> y (N, filters or out_channels, ceil(H / stride), ceil(W / stride))
    """

    def __init__(
        self,
        in_channels: int,
        filters: int,
        out_channels: int | None,
        stride: int | tuple[int, int],
    ):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, filters, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        added = out_channels is not None
        self.conv3 = nn.Conv2d(filters, out_channels, 1, bias=False) if added else None

    def forward(self, x: Tensor) -> Tensor:
        y = relu_after(self.bn1, x, self.conv1)
        y = relu_after(self.bn2, y, self.conv2)
        return y if self.conv3 is None else self.conv3(y)


class BranchedBottleneck(ResidualBlock):
    """A bottleneck with separate branches instead of a grouped convolution.

    x (N, C, H, W) -> y (N, O, OH, OW), as of the grouped `Bottleneck` whose shapes it takes.

    form: "aggregated" or "concatenated".
    """

    def __init__(self, block: Bottleneck, form: str):
        super().__init__()
        inner, groups, out_channels = block.conv2, block.conv2.groups, block.conv3.out_channels
        added = out_channels if form == "aggregated" else None
        self.branches = nn.ModuleList(
            Branch(block.conv1.in_channels, inner.in_channels // groups, added, inner.stride)
            for _ in range(groups)
        )
        if form == "concatenated":
            self.conv3 = nn.Conv2d(inner.out_channels, out_channels, 1, bias=False)
        self.form = form
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample = block.downsample

    def branch(self, x: Tensor) -> Tensor:
        outputs = [branch(x) for branch in self.branches]
        if self.form == "concatenated":
            return self.bn3(self.conv3(cat(outputs, dim=1)))
        total = outputs[0]
        for y in outputs[1:]:
            total = total + y
        return self.bn3(total)


class ResNeXt(ResNet):
    """The ResNet of a depth with grouped blocks.

    x (N, in_channels, H, W) -> logits (N, num_classes)

    groups: the cardinality; width_per_group: filters of a branch in the first stage; form: one of
    FORMS; num_classes, in_channels, width: as of `ResNet`.

    Raises: ValueError for an unknown form, or images of another shape.
    """

    def __init__(
        self,
        depth: int,
        groups: int,
        width_per_group: int,
        form: str = "grouped",
        num_classes: int = 1000,
        in_channels: int = 3,
        width: float = 1.0,
    ):
        if form not in FORMS:
            raise ValueError(f"ResNeXt: form={form!r} {one_of(form, FORMS)}")
        super().__init__(
            depth,
            num_classes,
            in_channels,
            groups=groups,
            width_per_group=width_per_group,
            width=width,
        )
        if form != "grouped":
            for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
                for number, block in enumerate(stage):
                    stage[number] = BranchedBottleneck(block, form)
            draw_he_weights(self)


_BRANCH = re.compile(r"(?P<block>(.*\.)?)branches\.(?P<number>\d+)\.(?P<rest>.*)")


def _axis(key: str) -> int:
    """The axis along which the branches' arrays are concatenated in a grouped block's array."""
    return 1 if key.endswith("conv3.weight") else 0


def _whole_key(key: str) -> str:
    """The key in the grouped form of the array that contains this one, of any form."""
    found = _BRANCH.fullmatch(key)
    return found["block"] + found["rest"] if found else key


def carry_weights(source: nn.Module, target: nn.Module) -> None:
    """Copy the weights and statistics of `source` to `target`, the same net in another form.

    Raises: RuntimeError unless they are the same net.
    """
    parts: dict[str, list[np.ndarray]] = {}
    for key, value in source.state_dict().items():  # branches are in order
        parts.setdefault(_whole_key(key), []).append(value.array)
    wanted: dict[str, list[str]] = {}
    for key in target.state_dict():
        wanted.setdefault(_whole_key(key), []).append(key)
    state = {}
    for name, arrays in parts.items():
        keys = wanted.get(name, [name])
        if arrays[0].ndim == 0:  # the number of batches, equal for all branches
            pieces = [arrays[0]] * len(keys)
        else:
            whole = np.concatenate(arrays, _axis(name))
            pieces = np.array_split(whole, len(keys), _axis(name))
        state |= {key: Tensor(piece) for key, piece in zip(keys, pieces, strict=True)}
    target.load_state_dict(state)


@register(params=25_557_032, macs=4_089_184_256)
def resnext50_1x64d(**settings: Any) -> ResNeXt:
    """ResNeXt-50 of 1 branch of 64 filters. Settings: see `ResNeXt`."""
    return ResNeXt(50, 1, 64, **settings)


@register(params=25_425_000, macs=4_124_508_160)
def resnext50_2x40d(**settings: Any) -> ResNeXt:
    """ResNeXt-50 of 2 branches of 40 filters. Settings: see `ResNeXt`."""
    return ResNeXt(50, 2, 40, **settings)


@register(params=25_292_968, macs=4_159_832_064)
def resnext50_4x24d(**settings: Any) -> ResNeXt:
    """ResNeXt-50 of 4 branches of 24 filters. Settings: see `ResNeXt`."""
    return ResNeXt(50, 4, 24, **settings)


@register(params=25_603_016, macs=4_267_409_408)
def resnext50_8x14d(**settings: Any) -> ResNeXt:
    """ResNeXt-50 of 8 branches of 14 filters. Settings: see `ResNeXt`."""
    return ResNeXt(50, 8, 14, **settings)


@register(params=25_028_904, macs=4_230_479_872, preprocessing=IMAGENET)
def resnext50_32x4d(**settings: Any) -> ResNeXt:
    """ResNeXt-50 of 32 branches of 4 filters. Settings: see `ResNeXt`."""
    return ResNeXt(50, 32, 4, **settings)


@register(params=44_549_160, macs=7_801_405_440)
def resnext101_1x64d(**settings: Any) -> ResNeXt:
    """ResNeXt-101 of 1 branch of 64 filters. Settings: see `ResNeXt`."""
    return ResNeXt(101, 1, 64, **settings)


@register(params=44_456_296, macs=7_843_553_280)
def resnext101_2x40d(**settings: Any) -> ResNeXt:
    """ResNeXt-101 of 2 branches of 40 filters. Settings: see `ResNeXt`."""
    return ResNeXt(101, 2, 40, **settings)


@register(params=44_363_432, macs=7_885_701_120)
def resnext101_4x24d(**settings: Any) -> ResNeXt:
    """ResNeXt-101 of 4 branches of 24 filters. Settings: see `ResNeXt`."""
    return ResNeXt(101, 4, 24, **settings)


@register(params=45_104_328, macs=8_076_871_680)
def resnext101_8x14d(**settings: Any) -> ResNeXt:
    """ResNeXt-101 of 8 branches of 14 filters. Settings: see `ResNeXt`."""
    return ResNeXt(101, 8, 14, **settings)


@register(params=44_177_704, macs=7_969_996_800)
def resnext101_32x4d(**settings: Any) -> ResNeXt:
    """ResNeXt-101 of 32 branches of 4 filters. Settings: see `ResNeXt`."""
    return ResNeXt(101, 32, 4, **settings)


@register(params=83_455_272, macs=15_460_270_080, preprocessing=IMAGENET_232)
def resnext101_64x4d(**settings: Any) -> ResNeXt:
    """ResNeXt-101 of 64 branches of 4 filters. Settings: see `ResNeXt`."""
    return ResNeXt(101, 64, 4, **settings)
