"""GoogLeNet (Inception-v1): modules of parallel filters, 22 layers deep, 7 million parameters.

C. Szegedy, W. Liu, Y. Jia, P. Sermanet, S. Reed, D. Anguelov, D. Erhan, V. Vanhoucke, A. Rabinovich
(2015), "Going deeper with convolutions", CVPR 2015, arXiv 1409.4842. An Inception module applies
1 x 1, 3 x 3 and 5 x 5 convolutions and max pooling in parallel and concatenates the results; 1 x 1
convolutions first reduce the channels, so that the large windows stay cheap. Global average pooling
replaces AlexNet's large linear layers: 12 times fewer parameters, at 1.6 G multiply-adds. Two
auxiliary classifiers help gradients reach the lower half in training; their losses have weight 0.3.

Deviations from the paper
- Details that it omits follow the network published for Caffe: poolings round up, without padding;
  response normalisation has n = 5, alpha = 1e-4 / n, beta = 0.75, k = 1; the initial weights are
  from U[-sqrt(3/n), sqrt(3/n)] for n inputs, and biases 0.2.
- The last pooling averages the whole remaining map, which allows sizes other than 224.
- `googlenet_bn` has batch norm instead of biases and response normalisation.
- `googlenet_torchvision` fits torchvision's weights: it has 3 x 3 where the paper has 5 x 5.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from .. import nn
from .blocks import ConvBNReLU, ConvReLU, ImageNetToHalf, Trunk, classifier, draw_weights, scaled
from .preprocessing import GOOGLENET_TORCHVISION
from .registry import register
from .tables import Conv, Step, beside, build, build_all

HALVE = partial(nn.MaxPool2d, 3, 2, ceil_mode=True)
FIVE_BY_FIVE = partial(nn.AvgPool2d, 5, 3)  # 14 x 14 -> 4 x 4
RESPONSE_NORM = partial(nn.LocalResponseNorm, 5, alpha=1e-4, beta=0.75, k=1.0)


class Inception(NamedTuple):
    """A row of table 1: the numbers of filters of an Inception module (figure 2b).

    five: the size of the largest windows.
    """

    n1x1: int
    n3x3_reduce: int
    n3x3: int
    n5x5_reduce: int
    n5x5: int
    pool_proj: int
    five: int = 5

    def build(
        self, in_channels: int, conv: Callable[..., nn.Module], width: float
    ) -> tuple[nn.Module, int]:
        """The module and its number of output channels; see `tables.build`."""
        paths = beside(
            Conv(self.n1x1, 1),
            (Conv(self.n3x3_reduce, 1), Conv(self.n3x3, 3)),
            (Conv(self.n5x5_reduce, 1), Conv(self.n5x5, self.five)),
            (partial(nn.MaxPool2d, 3, 1, 1), Conv(self.pool_proj, 1)),
            start=1,
        )
        return build(paths, in_channels, conv, width)


# Sizes are those of an image of 224 x 224.                                                  Table 1
TABLE = {
    "conv1": Conv(64, 7, 2),  # 112 x 112
    "maxpool1": HALVE,  # 56 x 56
    "norm1": RESPONSE_NORM,
    "conv2": Conv(64, 1),
    "conv3": Conv(192, 3),
    "norm2": RESPONSE_NORM,
    "maxpool2": HALVE,  # 28 x 28
    #              filters: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool proj
    "inception3a": Inception(64, 96, 128, 16, 32, 32),
    "inception3b": Inception(128, 128, 192, 32, 96, 64),
    "maxpool3": HALVE,  # 14 x 14
    "inception4a": Inception(192, 96, 208, 16, 48, 64),
    "inception4b": Inception(160, 112, 224, 24, 64, 64),
    "inception4c": Inception(128, 128, 256, 24, 64, 64),
    "inception4d": Inception(112, 144, 288, 32, 64, 64),
    "inception4e": Inception(256, 160, 320, 32, 128, 128),
    "maxpool4": HALVE,  # 7 x 7
    "inception5a": Inception(256, 160, 320, 32, 128, 128),
    "inception5b": Inception(384, 192, 384, 48, 128, 128),
}
# The same without response normalisation, for batch norm.
TABLE_BN = {name: row for name, row in TABLE.items() if row is not RESPONSE_NORM}
# torchvision's version: 3 x 3 where the paper has 5 x 5, and a last pooling of 2 x 2.
TABLE_TORCHVISION: dict[str, Any] = {
    name: row._replace(five=3) if isinstance(row, Inception) else row
    for name, row in TABLE_BN.items()
} | {"maxpool4": partial(nn.MaxPool2d, 2, 2, ceil_mode=True)}
# The auxiliary heads: the module they follow, and their names.
HEADS = {"inception4a": "aux1", "inception4d": "aux2"}


def auxiliary_head(
    in_channels: int,
    num_classes: int,
    pool: nn.Module,
    conv: Callable[..., nn.Module],
    width: float,
) -> nn.Sequential:
    """A classifier for the middle of the net (section 5).    x (N, in_channels, H, W) -> logits

    pool: reduces x to 4 x 4.
    """
    filters, units = scaled(128, width), scaled(1024, width)
    return nn.Sequential(
        {
            "pool": pool,
            "conv": conv(in_channels, filters, 1),
            "flatten": nn.Flatten(),
            "fc1": nn.Linear(filters * 4 * 4, units),
            "relu": nn.ReLU(),
            "dropout": nn.Dropout(0.7),
            "fc2": nn.Linear(units, num_classes),
        }
    )


class GoogLeNet(Trunk):
    """The network of figure 3.    x (N, in_channels, H, W) -> logits (N, num_classes)

    With aux, in training, (logits, those of the head after 4a, those of the head after 4d).

    table: as TABLE; conv: makes the convolutions; width: a factor for all numbers of filters;
    aux_pool: makes the pooling of an auxiliary head; smallest and aux_smallest: the minimum size of
    an image, and that in training with such heads; rescale: whether images with the usual
    normalisation are renormalised (see ImageNetToHalf).
    """

    def __init__(
        self,
        table: dict[str, Step],
        conv: Callable[..., nn.Module],
        num_classes: int,
        in_channels: int,
        dropout: float,
        aux: bool,
        width: float,
        aux_pool: Callable[[], nn.Module] = FIVE_BY_FIVE,
        smallest: int = 31,
        aux_smallest: int = 223,
        rescale: bool = False,
    ):
        layers, channels = build_all(table, in_channels, conv, width)
        heads = {}
        for after, name in HEADS.items() if aux else ():
            inputs = layers[after].out_channels
            heads[after] = name, auxiliary_head(inputs, num_classes, aux_pool(), conv, width)
        if rescale:
            layers = {"rescale": ImageNetToHalf(in_channels), **layers}
        layers |= classifier(channels, num_classes, dropout)
        super().__init__(layers, in_channels, smallest, heads, aux_smallest)


@register(params=6_998_552, macs=1_582_671_872)
def googlenet(
    num_classes: int = 1000,
    in_channels: int = 3,
    dropout: float = 0.4,
    aux: bool = False,
    width: float = 1.0,
) -> GoogLeNet:
    """GoogLeNet as in the paper; 13,378,280 parameters with the auxiliary heads.

    With them, training images are 223 to 270 wide: their linear layers expect 4 x 4 averages.
    """
    net = GoogLeNet(TABLE, ConvReLU, num_classes, in_channels, dropout, aux, width)
    draw_weights(net, nn.init.lecun_uniform_, bias=0.2)
    for last in [net.fc, *([net.aux1.fc2, net.aux2.fc2] if aux else [])]:
        nn.init.zeros_(last.bias)
    return net


@register(params=7_005_832, macs=1_582_671_872)
def googlenet_bn(
    num_classes: int = 1000,
    in_channels: int = 3,
    dropout: float = 0.4,
    aux: bool = False,
    width: float = 1.0,
) -> GoogLeNet:
    """GoogLeNet with batch norm; 13,385,816 parameters with the auxiliary heads."""
    conv = partial(ConvBNReLU, eps=1e-3)
    net = GoogLeNet(TABLE_BN, conv, num_classes, in_channels, dropout, aux, width)
    draw_weights(net, nn.init.kaiming_normal_)
    return net


@register(params=6_624_904, macs=1_498_376_192, preprocessing=GOOGLENET_TORCHVISION)
def googlenet_torchvision(
    num_classes: int = 1000,
    in_channels: int = 3,
    dropout: float = 0.2,
    aux: bool = False,
    width: float = 1.0,
    transform_input: bool = False,
) -> GoogLeNet:
    """torchvision's GoogLeNet; 13,004,888 parameters with the auxiliary heads.

    Its trained weights require transform_input=True (see ImageNetToHalf).
    """
    net = GoogLeNet(
        TABLE_TORCHVISION,
        partial(ConvBNReLU, eps=1e-3),
        num_classes,
        in_channels,
        dropout,
        aux,
        width,
        aux_pool=partial(nn.AdaptiveAvgPool2d, 4),
        smallest=15,
        aux_smallest=15,
        rescale=transform_input,
    )
    draw_weights(net, partial(nn.init.trunc_normal_, std=0.01))
    return net
