"""DiracNet: no shortcuts; the identity is a part of each convolution's weight.

S. Zagoruyko, N. Komodakis (2017), "DiracNets: training very deep neural networks without skip
connections", arXiv 1706.00388. A filter learns its difference from passing its channel on,

    W_o = alpha_o delta_o + beta_o V_o / |V_o|

with delta the identity convolution and V the free weights, so that a plain net of 34 layers trains
as well as a ResNet. After training, a layer is one convolution with a bias.

Deviations from the paper
- The form is that of its second version (2018): ReLU instead of NCReLU, and alpha and beta for each
  filter, initially 1 and 0.1. diracnet_cifar.py has both forms.

If a layer has more filters than channels, delta repeats the channels from the first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import functional as F
from .. import nn
from ..autograd import no_grad
from ..nn.parameter import new_parameter
from ..tensor import Tensor
from .blocks import Trunk, classifier, scaled
from .registry import register

FILTERS = (64, 128, 256, 512)

#     group0  group1  group2  group3     units of two convolutions, Table 6
TABLE = {
    18: (2,      2,      2,      2),
    34: (3,      4,      6,      3),
}  # fmt: skip


class DiracConv(nn.Conv2d):
    """A 3 x 3 convolution by alpha delta + beta V / |V|.

    x (N, in_channels, H, W) -> y (N, out_channels, H, W)

    weight: V (out_channels, in_channels, 3, 3); alpha, beta (out_channels,), or (1,) if `shared`.
    With more channels than filters, delta adds up those that are the same modulo the filters:
    behind `NCReLU`, the positive and the negative part of a channel are its whole again.
    """

    def __init__(self, in_channels: int, out_channels: int, shared: bool = False):
        super().__init__(in_channels, out_channels, 3, padding=1, bias=False)
        count = 1 if shared else out_channels
        self.alpha, self.beta = new_parameter(count), new_parameter(count)
        nn.init.ones_(self.alpha)
        nn.init.constant_(self.beta, 0.1)

    def effective_weight(self) -> Tensor:
        """W (out_channels, in_channels, 3, 3)"""
        filters, channels = self.weight.shape[:2]
        delta = np.zeros(self.weight.shape, self.weight.dtype)
        n = min(filters, channels)
        delta[:, :, 1, 1] = np.arange(filters)[:, None] % n == np.arange(channels) % n
        norm = (self.weight * self.weight).sum((1, 2, 3), keepdim=True).sqrt()
        alpha, beta = (p.reshape(-1, 1, 1, 1) for p in (self.alpha, self.beta))
        delta = Tensor(np.asarray(delta, like=self.weight.array))
        return alpha * delta + beta * (self.weight / norm)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.effective_weight(), padding=1)


class DiracNet(Trunk):
    """The net of a depth in TABLE.    x (N, in_channels, H, W) -> logits (N, num_classes)

    folded: whether layers are convolutions with biases, as `fold` makes them from a trained net;
    width: a factor for all channels.

    Raises: ValueError for images of another shape, or too small.
    """

    def __init__(
        self,
        depth: int,
        num_classes: int = 1000,
        in_channels: int = 3,
        folded: bool = False,
        width: float = 1.0,
    ):
        channels = scaled(FILTERS[0], width)
        stem = nn.Conv2d(in_channels, channels, 7, 2, 3, bias=folded)
        layers: dict[str, nn.Module] = {
            "conv1": _layer(stem, folded),
            "maxpool": nn.MaxPool2d(3, 2, 1),
        }
        for number, (units, filters) in enumerate(zip(TABLE[depth], FILTERS, strict=True)):
            group = []
            for _ in range(2 * units):
                inputs, channels = channels, scaled(filters, width)
                plain = nn.Conv2d(inputs, channels, 3, padding=1) if folded else None
                group.append(_layer(plain or DiracConv(inputs, channels), folded))
            layers[f"group{number}"] = nn.Sequential(*group)
            if number < 3:
                layers[f"pool{number}"] = nn.MaxPool2d(2)
        layers |= classifier(channels, num_classes)
        super().__init__(layers, in_channels, smallest=29)
        given = {"num_classes": num_classes, "in_channels": in_channels, "width": width}
        self.settings, self.folded = {"depth": depth, **given}, folded
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")


def _layer(conv: nn.Conv2d, folded: bool) -> nn.Sequential:
    """A convolution with its ReLU, and the batch norm that folding absorbs into its bias."""
    norm = {} if folded else {"bn": nn.BatchNorm2d(conv.out_channels)}
    return nn.Sequential({"conv": conv, **norm, "relu": nn.ReLU()})


def fold(model: Any) -> Any:
    """Fold a trained net into plain convolutions that give the same outputs in evaluation.

    model: a `DiracNet` or a `CifarDiracNet`. Batch norm is y = g (W x - m) / s + b with its weight
    g and the deviation s: a convolution by g W / s, with the bias b - g m / s.

    Raises: ValueError for a net that is already folded.
    """
    if model.folded:
        raise ValueError("fold: the model is folded already")
    folded = type(model)(**model.settings, folded=True).to(dtype=model.fc.weight.dtype)
    state = folded.state_dict()
    with no_grad():
        for name, layer in model.named_modules():
            if not isinstance(getattr(layer, "conv", None), nn.Conv2d):
                continue
            conv, bn = layer.conv, layer.bn
            weight = conv.effective_weight() if isinstance(conv, DiracConv) else conv.weight
            scale = bn.weight / (bn.running_var + bn.eps).sqrt()
            state[f"{name}.conv.weight"] = weight * scale.reshape(-1, 1, 1, 1)
            state[f"{name}.conv.bias"] = bn.bias - bn.running_mean * scale
        state["fc.weight"], state["fc.bias"] = model.fc.weight, model.fc.bias
        folded.load_state_dict(state)
    return folded.train(model.training)


@register(params=11_523_368, macs=1_794_805_760)
def diracnet18(**settings: Any) -> DiracNet:
    """DiracNet-18. Settings: see `DiracNet`."""
    return DiracNet(18, **settings)


@register(params=21_638_952, macs=3_644_493_824)
def diracnet34(**settings: Any) -> DiracNet:
    """DiracNet-34. Settings: see `DiracNet`."""
    return DiracNet(34, **settings)
