"""DiracNet for CIFAR, in both of its forms: with NCReLU (2017) and with ReLU (2018).

S. Zagoruyko, N. Komodakis (2017), "DiracNets: training very deep neural networks without skip
connections", arXiv 1706.00388; see diracnet.py. A convolution of 16 k filters, three groups of 2 n
layers of 16 k, 32 k and 64 k filters, 2 x 2 pooling between them, and a linear layer: a
DiracNet-(6 n + 4)-k has 6 n + 2 layers with weights; wide ResNets are named like that.
The first form doubles
the channels before each convolution by

    NCReLU(x) = [max(x, 0), min(x, 0)]

which loses nothing: a layer whose alpha is 1 and whose beta is 0 passes its input on.
DiracNet-28-5 has the paper's 9.1 million parameters, DiracNet-28-10 its 36.5.

Deviations from the paper
- alpha and beta are initially 1 and 0.1 in both forms; the first, with one alpha and one beta for a
  layer, does not say, and its code begins with 5 and 0.001.
"""

from __future__ import annotations

from typing import Any

from .. import nn
from ..tensor import Tensor, cat
from .blocks import Trunk, classifier, scaled
from .diracnet import DiracConv
from .registry import register

FILTERS = (16, 32, 64)  # times k


class NCReLU(nn.Module):
    """y = [max(x, 0), min(x, 0)]    x (N, C, H, W) -> y (N, 2 C, H, W)"""

    def forward(self, x: Tensor) -> Tensor:
        return cat([x.clamp(min=0), x.clamp(max=0)], 1)


class CifarDiracNet(Trunk):
    """DiracNet-(6 n + 4)-k for small images.    x (N, in_channels, H, W) -> logits (N, num_classes)

    depth: 6 n + 4; k: the factor of the paper's widths; ncrelu: whether the form is that of 2017;
    folded: whether layers are convolutions with biases (see `fold` in diracnet.py); width: a
    further factor for all channels.

    Raises: ValueError for another depth, and for images of another shape or below 4 pixels.
    """

    def __init__(
        self,
        depth: int,
        k: int,
        num_classes: int = 10,
        in_channels: int = 3,
        ncrelu: bool = False,
        folded: bool = False,
        width: float = 1.0,
    ):
        if depth < 10 or depth % 6 != 4:
            raise ValueError(f"CifarDiracNet: depth={depth} must be 6 n + 4, from 10 on")
        channels = scaled(FILTERS[0] * k, width)
        stem = nn.Conv2d(in_channels, channels, 3, padding=1, bias=folded)
        layers: dict[str, nn.Module] = {"conv1": _layer(stem, folded)}
        for number, filters in enumerate(FILTERS):
            group = []
            for _ in range((depth - 4) // 3):
                inputs, channels = channels * (1 + ncrelu), scaled(filters * k, width)
                plain = nn.Conv2d(inputs, channels, 3, padding=1) if folded else None
                conv = plain or DiracConv(inputs, channels, shared=ncrelu)
                group.append(_layer(conv, folded, ncrelu))
            layers[f"group{number}"] = nn.Sequential(*group)
            if number < 2:
                layers[f"pool{number}"] = nn.MaxPool2d(2)
        layers |= classifier(channels, num_classes)
        super().__init__(layers, in_channels, smallest=4)
        given = {"num_classes": num_classes, "in_channels": in_channels, "width": width}
        self.settings = {"depth": depth, "k": k, "ncrelu": ncrelu, **given}
        self.folded = folded
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")


def _layer(conv: nn.Conv2d, folded: bool, ncrelu: bool = False) -> nn.Sequential:
    """A convolution with the batch norm that folding absorbs, NCReLU before it or ReLU after it."""
    norm = {} if folded else {"bn": nn.BatchNorm2d(conv.out_channels)}
    layers: dict[str, nn.Module] = {"conv": conv, **norm}
    return nn.Sequential(
        {"ncrelu": NCReLU(), **layers} if ncrelu else {**layers, "relu": nn.ReLU()}
    )


@register(params=9_124_250, macs=1_358_810_240, input_shape=(3, 32, 32))
def diracnet28_5_cifar(**settings: Any) -> CifarDiracNet:
    """DiracNet-28-5, with ReLU; ncrelu: the form of 2017. Settings: see `CifarDiracNet`."""
    return CifarDiracNet(28, 5, **settings)


@register(params=36_450_090, macs=5_430_810_880, input_shape=(3, 32, 32))
def diracnet28_10_cifar(**settings: Any) -> CifarDiracNet:
    """DiracNet-28-10, with ReLU; ncrelu: the form of 2017. Settings: see `CifarDiracNet`."""
    return CifarDiracNet(28, 10, **settings)


@register(params=3_693_158, macs=548_242_688, input_shape=(3, 32, 32))
def diracnet34_2_cifar(ncrelu: bool = True, **settings: Any) -> CifarDiracNet:
    """DiracNet-34-2, with NCReLU. Settings: see `CifarDiracNet`."""
    return CifarDiracNet(34, 2, ncrelu=ncrelu, **settings)
