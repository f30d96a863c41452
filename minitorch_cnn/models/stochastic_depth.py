"""Stochastic depth: a ResNet that is shallow during training and deep in evaluation.

G. Huang, Y. Sun, Z. Liu, D. Sedra, K. Weinberger (2016), "Deep networks with stochastic depth",
ECCV 2016, arXiv 1603.09382. In each training step some blocks are reduced to their shortcut. Block
l of L survives with probability

    p_l = 1 - l / L (1 - p_L)        (equation 4)

so that of 54 blocks about 40 compute; in evaluation every branch is scaled by p_l (equation 5).
Without it the net of 1202 layers has a larger error than that of 110, with it a smaller one: 4.91 %
on CIFAR-10.

Deviations from the paper
- A dropped branch has no gradients in that step, and the optimizer leaves its weights unchanged; in
  the authors' code weight decay and momentum still apply.

As in the authors' code the shortcut to a smaller map averages 2 x 2 pixels, where ResNet takes
every second one; their convolutions have biases, which batch norm cancels and which are omitted
here.
"""

from __future__ import annotations

from typing import Any

from .. import nn
from ..random import default_generator
from ..tensor import Tensor
from .registry import register
from .residual import BasicBlock, MakeBlock, PadChannels
from .resnet_cifar import CifarResNet


class MayDrop(nn.Module):
    """A mixin for blocks: a training step drops their branch with probability 1 - survival.

    One draw per step applies to the whole batch, and a dropped branch costs nothing; with
    `nn.DropPath`, which draws for each image, all branches run. In evaluation the branch is
    multiplied by its survival.
    """

    survival = 1.0

    def branch(self, x: Tensor) -> Tensor | float:
        """The branch of the block that this is mixed into, or 0."""
        block: Any = super()
        if self.training:
            left_out = default_generator().random() >= self.survival
            return 0.0 if left_out else block.branch(x)
        return self.survival * block.branch(x)

    def extra_repr(self) -> str:
        return f"survival={self.survival:.3g}"


def let_survive(model: nn.Module, last: float) -> None:
    """Set the survival of a model's blocks, decreasing linearly from nearly 1 to `last`.

    Raises: ValueError unless last is in [0, 1].
    """
    if not 0 <= last <= 1:
        raise ValueError(f"let_survive: last={last} must be in [0, 1]")
    blocks = [module for module in model.modules() if isinstance(module, MayDrop)]
    for number, block in enumerate(blocks, 1):
        block.survival = 1 - number / len(blocks) * (1 - last)


class StochasticBlock(MayDrop, BasicBlock):
    """y = max(branch(x) + shortcut(x), 0), or max(shortcut(x), 0) if the branch is dropped."""


def averaging(block: type[BasicBlock]) -> MakeBlock:
    """Makes such blocks, with averages and zeros as shortcut where the shape changes."""

    def make(in_channels: int, out_channels: int, stride: int) -> BasicBlock:
        shortcut = None
        if stride != 1 or in_channels != out_channels:
            shortcut = nn.Sequential(
                nn.AvgPool2d(stride, ceil_mode=True), PadChannels(out_channels)
            )
        return block(in_channels, out_channels, stride, shortcut)

    return make


def stochastic(depth: int, last_survival: float, settings: dict) -> CifarResNet:
    """The net of 6n + 2 layers."""
    model = CifarResNet((depth - 2) // 6, averaging(StochasticBlock), **settings)
    let_survive(model, last_survival)
    return model


@register(params=1_727_962, macs=252_887_680, input_shape=(3, 32, 32))
def stochastic_depth_resnet110_cifar(last_survival: float = 0.5, **settings: Any) -> CifarResNet:
    """ResNet-110 whose last block survives with that probability. Settings: see `CifarResNet`."""
    return stochastic(110, last_survival, settings)


@register(params=19_421_274, macs=2_829_238_912, input_shape=(3, 32, 32))
def stochastic_depth_resnet1202_cifar(last_survival: float = 0.5, **settings: Any) -> CifarResNet:
    """ResNet-1202 whose last block survives with that probability. Settings: see `CifarResNet`."""
    return stochastic(1202, last_survival, settings)
