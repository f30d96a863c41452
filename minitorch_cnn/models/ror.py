"""Residual networks of residual networks: shortcuts around stages, and around all of them.

K. Zhang, M. Sun, T. Han, X. Yuan, L. Guo, T. Liu (2017), "Residual networks of residual networks:
multilevel residual networks", IEEE TCSVT, arXiv 1608.02908. If a residual is easier to learn for a
block, the same holds for a stage and for the whole net. RoR-3 has three levels of shortcuts: one
around all stages (root), one around each (middle), one around each block (final). With stochastic
depth RoR-3-WRN58-4 has 3.77 % error on CIFAR-10.

Deviations from the paper
- Its RoR-3-WRN58-4 is said to have 13.3 million parameters; WRN-58-4 alone has 13.6 million.

Root and middle shortcuts are 1 x 1 convolutions, or the identity if the shape stays. Nets with a
ReLU after the addition have it after each; pre-activation and wide nets have none between blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import functional as F
from .. import nn
from ..tensor import Tensor
from .blocks import Trunk, classifier, scaled
from .preact_resnet import PreActBasicBlock, project
from .registry import register
from .residual import MakeBlock, draw_he_weights, make_shortcut, projection, stage
from .resnet_cifar import FILTERS
from .stochastic_depth import MayDrop, StochasticBlock, let_survive
from .wide_resnet import WideBlock


class Level(nn.Module):
    """y = body(x) + shortcut(x), with relu max(y, 0).

    x (N, C, H, W) -> y of the body's shape; shortcut: None stands for x itself.
    """

    def __init__(self, body: nn.Module, shortcut: nn.Module | None, relu: bool):
        super().__init__()
        self.body, self.shortcut, self.relu = body, shortcut, relu

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x) + (x if self.shortcut is None else self.shortcut(x))
        return F.relu(y) if self.relu else y


class PreActStochasticBlock(MayDrop, PreActBasicBlock):
    """y = branch(a) + shortcut(x, a), or the shortcut alone where the branch is left out."""


class WideStochasticBlock(MayDrop, WideBlock):
    """A wide block whose branch may be left out."""


def made_of(block: Callable[..., nn.Module], option: str, project: MakeBlock) -> MakeBlock:
    """Makes such blocks with shortcuts of that option of `make_shortcut`."""

    def make(in_channels: int, out_channels: int, stride: int) -> nn.Module:
        shortcut = make_shortcut(option, in_channels, out_channels, stride, project)
        return block(in_channels, out_channels, stride, shortcut)

    return make


class RoR(Trunk):
    """Three stages of blocks within three levels of shortcuts, and a classifier.

    x (N, in_channels, H, W) -> logits (N, num_classes)

    blocks: in each stage; make: makes them; filters: the channels of each stage's output;
    preactivated: whether blocks begin with batch norm and ReLU; last_survival: of the last block
    with stochastic depth, 1 for none; width: a factor for all channels.

    Raises: ValueError for last_survival outside of [0, 1], or images of another shape.
    """

    def __init__(
        self,
        blocks: int,
        make: MakeBlock,
        filters: tuple[int, ...] = FILTERS,
        preactivated: bool = False,
        num_classes: int = 10,
        in_channels: int = 3,
        last_survival: float = 0.5,
        width: float = 1.0,
    ):
        first = scaled(FILTERS[0], width)
        layers: dict[str, nn.Module] = {
            "conv1": nn.Conv2d(in_channels, first, 3, padding=1, bias=False)
        }
        around = project if preactivated else projection
        relu, channels, stages = not preactivated, first, []
        if relu:
            layers |= {"bn1": nn.BatchNorm2d(first), "relu": nn.ReLU()}
        for number, outputs in enumerate(filters):
            inputs, channels, stride = channels, scaled(outputs, width), 2 if number else 1
            body = stage(make, inputs, channels, blocks, stride)
            middle = make_shortcut("B", inputs, channels, stride, around)
            stages.append(Level(body, middle, relu))
        root = make_shortcut("B", first, channels, 4, around)
        layers["levels"] = Level(nn.Sequential(*stages), root, relu)
        if preactivated:
            layers |= {"norm": nn.BatchNorm2d(channels), "relu": nn.ReLU()}
        layers |= classifier(channels, num_classes)
        super().__init__(layers, in_channels, smallest=1)
        draw_he_weights(self)
        let_survive(self, last_survival)


def wide_ror(blocks: int, settings: dict) -> RoR:
    """RoR-3 of wide blocks with 64, 128 and 256 filters."""
    make = made_of(WideStochasticBlock, "B", project)
    return RoR(blocks, make, tuple(4 * n for n in FILTERS), preactivated=True, **settings)


@register(params=1_731_866, macs=253_215_360, input_shape=(3, 32, 32))
def ror3_110_cifar(**settings: Any) -> RoR:
    """RoR-3-110 for 32 x 32. Settings: see `RoR`."""
    return RoR(18, made_of(StochasticBlock, "A", projection), **settings)


@register(params=2_606_810, macs=380_617_344, input_shape=(3, 32, 32))
def ror3_164_cifar(**settings: Any) -> RoR:
    """RoR-3-164, of basic blocks, for 32 x 32. Settings: see `RoR`."""
    return RoR(27, made_of(StochasticBlock, "A", projection), **settings)


@register(params=2_609_050, macs=380_879_488, input_shape=(3, 32, 32))
def pre_ror3_164_cifar(**settings: Any) -> RoR:
    """Pre-RoR-3-164, of basic pre-activation blocks, for 32 x 32. Settings: see `RoR`."""
    make = made_of(PreActStochasticBlock, "B", project)
    return RoR(27, make, preactivated=True, **settings)


@register(params=8_995_290, macs=1_304_087_040, input_shape=(3, 32, 32))
def ror3_wrn40_4_cifar(**settings: Any) -> RoR:
    """RoR-3-WRN40-4 for 32 x 32. Settings: see `RoR`."""
    return wide_ror(6, settings)


@register(params=13_645_530, macs=1_983_564_288, input_shape=(3, 32, 32))
def ror3_wrn58_4_cifar(**settings: Any) -> RoR:
    """RoR-3-WRN58-4 for 32 x 32. Settings: see `RoR`."""
    return wide_ror(9, settings)
