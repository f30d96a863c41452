"""BN-Inception: the network for which batch normalisation was invented.

S. Ioffe, C. Szegedy (2015), "Batch normalization: accelerating deep network training by reducing
internal covariate shift", ICML 2015, arXiv 1502.03167, section 4.2 and figure 5. GoogLeNet with two
3 x 3 convolutions in place of each 5 x 5, one more module at 28 x 28, average and maximum pooling
in the modules, and two modules (3c, 4e) that halve the image by strided convolutions beside a
maximum pooling that keeps the channels. Batch norm after every convolution replaces dropout and
response normalisation: GoogLeNet's accuracy after 14 times fewer steps.

Deviations from the paper
- The numbers of filters are those of the network published for Caffe, whose weights load into the
  model: 4c and 4d project their pooling to 128 channels, where the paper's table has 96.
- As there, convolutions keep a bias although batch norm cancels it, and the batch norms have
  eps = 1e-5.
- The first convolution is a full one; the paper's is separable, as in `inception_v2_slim`.
- `se_bn_inception` is more recent: it gates the channels of every module (J. Hu et al. (2018),
  "Squeeze-and-excitation networks", CVPR 2018); its convolutions have no bias.

The module names are Cadene's, one flat list: a convolution `inception_3a_1x1` has its batch norm in
`inception_3a_1x1_bn`. Those weights expect BGR images in 0..255 minus (104, 117, 128).
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from .. import nn
from ..tensor import Tensor
from .blocks import SqueezeExcitation, check_images, draw_weights, scaled
from .preprocessing import BN_INCEPTION
from .registry import register
from .tables import Conv, Path, build, side_by_side

HALVE = partial(nn.MaxPool2d, 3, 2, ceil_mode=True)
AVERAGE = partial(nn.AvgPool2d, 3, 1, 1)
MAXIMUM = partial(nn.MaxPool2d, 3, 1, 1)


class Inception(NamedTuple):
    """A row of the table: the numbers of filters of a module, and its pooling.

    Without 1 x 1 filters the module halves the image, and keeps the channels of the maxima.
    """

    n1x1: int
    n3x3_reduce: int
    n3x3: int
    double_reduce: int
    double: int
    pool: partial | None
    pool_proj: int

    def paths(self, halve: partial) -> list[Path]:
        """The branches, with layers named as in Caffe; `halve` makes the strided pooling."""
        stride = 1 if self.n1x1 else 2
        paths = [
            {"1x1": Conv(self.n1x1, 1)},
            {"3x3_reduce": Conv(self.n3x3_reduce, 1), "3x3": Conv(self.n3x3, 3, stride)},
            {
                "double_3x3_reduce": Conv(self.double_reduce, 1),
                "double_3x3_1": Conv(self.double, 3),
                "double_3x3_2": Conv(self.double, 3, stride),
            },
            {"pool": self.pool, "pool_proj": Conv(self.pool_proj, 1)},
        ]
        return paths if self.n1x1 else [*paths[1:3], {"pool": halve}]


# Sizes are those of an image of 224 x 224.                                                 Figure 5
STEM = {
    "conv1_7x7_s2": Conv(64, 7, 2),  # 112 x 112
    "pool1_3x3_s2": HALVE,  # 56 x 56
    "conv2_3x3_reduce": Conv(64, 1),
    "conv2_3x3": Conv(192, 3),
    "pool2_3x3_s2": HALVE,  # 28 x 28
}
#          filters: 1x1, 3x3 reduce, 3x3, double 3x3 reduce, double 3x3, pooling, its projection
TABLE = {
    "3a": Inception(64, 64, 64, 64, 96, AVERAGE, 32),
    "3b": Inception(64, 64, 96, 64, 96, AVERAGE, 64),
    "3c": Inception(0, 128, 160, 64, 96, None, 0),  # 14 x 14
    "4a": Inception(224, 64, 96, 96, 128, AVERAGE, 128),
    "4b": Inception(192, 96, 128, 96, 128, AVERAGE, 128),
    "4c": Inception(160, 128, 160, 128, 160, AVERAGE, 128),
    "4d": Inception(96, 128, 192, 160, 192, AVERAGE, 128),
    "4e": Inception(0, 128, 192, 192, 256, None, 0),  # 7 x 7
    "5a": Inception(352, 192, 320, 160, 224, AVERAGE, 128),
    "5b": Inception(352, 192, 320, 192, 224, MAXIMUM, 128),
}


class BNInception(nn.Module):
    """The network of figure 5.    x (N, in_channels, H, W) -> logits (N, num_classes)

    Its strided convolutions round sizes up and the poolings beside them round down: both agree if
    the image is even before 3c and 4e, as for multiples of 32.

    gated: whether a gate, with one unit per 16 channels of the full net, follows each module; the
    convolutions then have no bias.

    Raises: ValueError for images of another shape, or of a size that does not halve evenly.
    """

    def __init__(self, num_classes: int, in_channels: int, width: float, gated: bool = False):
        super().__init__()
        self.conv = partial(nn.Conv2d, bias=not gated)
        self.in_channels, self.smallest = in_channels, 31
        self.blocks: list[list[list[str]]] = []  # per block its paths, each a list of layer names
        channels = self._add([STEM], in_channels, width)
        for module, row in TABLE.items():
            paths = [
                {f"inception_{module}_{name}": step for name, step in path.items()}
                for path in row.paths(HALVE)
            ]
            channels = self._add(paths, channels, width)
            if gated:
                gate = SqueezeExcitation(channels, scaled(channels, 1 / width) // 16)
                self.register_module(f"inception_{module}_se", gate)
                self.blocks.append([[f"inception_{module}_se"]])
        self.global_pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.last_linear = nn.Linear(channels, num_classes)
        self.blocks.append([["global_pool", "flatten", "last_linear"]])
        draw_weights(self, nn.init.kaiming_normal_)

    def _add(self, paths: list[Path], in_channels: int, width: float) -> int:
        """Register the layers of a block, all on one level; returns its number of channels."""
        block, out_channels = [], 0
        for path in paths:
            names, channels = [], in_channels
            for name, step in path.items():
                layer, channels = build(step, channels, self.conv, width)
                layers = {name: layer}
                if isinstance(step, Conv):
                    layers |= {f"{name}_bn": nn.BatchNorm2d(channels), f"{name}_relu": nn.ReLU()}
                for full_name, part in layers.items():
                    self.register_module(full_name, part)
                names += layers
            block.append(names)
            out_channels += channels
        self.blocks.append(block)
        return out_channels

    def forward(self, x: Tensor) -> Tensor:
        check_images("BNInception", x, self.in_channels, self.smallest)
        if any(-(-size // 2) // 4 % 4 for size in x.shape[2:]):
            raise ValueError(
                f"BNInception: x of shape {x.shape} must have H and W that halve evenly in 3c and "
                "4e, such as multiples of 32"
            )
        for block in self.blocks:
            x = side_by_side(self, block, x)
        return x


@register(params=11_295_240, macs=2_032_600_064, preprocessing=BN_INCEPTION)
def bn_inception(num_classes: int = 1000, in_channels: int = 3, width: float = 1.0) -> BNInception:
    """BN-Inception with the filters of the network published for Caffe."""
    return BNInception(num_classes, in_channels, width)


@register(params=11_931_622, macs=2_033_239_424)
def se_bn_inception(
    num_classes: int = 1000, in_channels: int = 3, width: float = 1.0
) -> BNInception:
    """BN-Inception with squeeze-and-excitation gates after its modules."""
    return BNInception(num_classes, in_channels, width, gated=True)
