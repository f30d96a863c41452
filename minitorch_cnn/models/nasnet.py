"""NASNet: networks of cells found by a search, or of any other cells.

B. Zoph, V. Vasudevan, J. Shlens, Q. V. Le (2018), "Learning transferable architectures for scalable
image recognition", CVPR 2018, arXiv 1707.07012. A search on small images finds only two cells, one
that keeps the size of images and one that halves it; large networks for photographs repeat them.
NASNet-A's cells, found by 500 GPUs in four days, have smaller errors on ImageNet than the best
nets designed by hand until then, with fewer multiply-adds. `nasnet` builds a net of any cells.

Deviations from the paper
- None from the authors' code, which specifies details that the paper omits. A cell's inputs are
  first projected to its number of filters; the previous input, if it has another size, by two 1 x 1
  convolutions, of every second pixel and of the pixels between. Paddings are TensorFlow's (see
  `same`) and are excluded from averages; batch norm adds 1e-3. The probability of dropping a path
  grows with the position of its cell and with the progress of training.
- The auxiliary head is Inception-v3's, with a window that exactly fits images of the published
  size.

The module names are those in the files of trained weights, which number the cells of the stages
from 0, 6 and 12: pretrainedmodels' nasnetamobile and nasnetalarge, timm's nasnetalarge (whose
averages count the padding where the image halves, so that its logits differ by 0.2 %).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .. import functional as F
from .. import nn
from ..tensor import Tensor, cat
from .blocks import check_images, scaled
from .genotype import CellGenotype, Genotype
from .inception_v3 import auxiliary_head
from .operations import OPERATIONS, batch_norm, identity, relu_conv_bn
from .preprocessing import NASNET_LARGE, NASNET_MOBILE
from .registry import register
from .residual import draw_he_weights
from .tables import side_by_side

# For every node the two states and the operations applied before the sum.                 Figure 4
NASNET_A = Genotype(
    normal=CellGenotype(
        [
            (0, "separable_5x5", 1, "separable_3x3"),
            (1, "separable_5x5", 1, "separable_3x3"),
            (0, "avg_pool_3x3", 1, "identity"),
            (1, "avg_pool_3x3", 1, "avg_pool_3x3"),
            (0, "separable_3x3", 0, "identity"),
        ],
        concat=[1, 2, 3, 4, 5, 6],  # all states that no node uses, and state 1
    ),
    reduction=CellGenotype(
        [
            (0, "separable_5x5", 1, "separable_7x7"),
            (0, "max_pool_3x3", 1, "separable_7x7"),
            (0, "avg_pool_3x3", 1, "separable_5x5"),
            (3, "identity", 2, "avg_pool_3x3"),
            (2, "separable_3x3", 0, "max_pool_3x3"),
        ],
        concat=[3, 4, 5, 6],  # all states that no node uses, and state 3
    ),
)
STAGES = 3  # of normal cells, separated by reduction cells


class Maps(NamedTuple):
    """The shape of an input of a cell: its channels, and how often the image was halved."""

    channels: int
    halvings: int


class Cell(nn.Module):
    """A cell of a genotype.

    x (N, x_maps.channels, H, W), previous (N, previous_maps.channels, H or 2 H, W or 2 W)
    -> y (N, maps.channels, ceil(H / stride), ceil(W / stride))

    filters: of every operation; x_maps, previous_maps: of the outputs of the previous cell and of
    the one before. The first cell has no previous input (previous_maps=None) and uses x unchanged
    instead. The outputs of operations other than identities pass through `drop_path`.
    """

    def __init__(
        self,
        genotype: CellGenotype,
        filters: int,
        x_maps: Maps,
        previous_maps: Maps | None,
        stride: int,
    ):
        super().__init__()
        self.genotype, self.drop_path = genotype, nn.DropPath(0.0)
        self.halves = self.projects = False
        channels = [filters, x_maps.channels if previous_maps is None else filters]
        if genotype.uses(0):
            self.conv_1x1 = relu_conv_bn(x_maps.channels, filters)
        if genotype.uses(1) and previous_maps is not None:
            self.halves = previous_maps.halvings < x_maps.halvings
            self.projects = not self.halves and previous_maps.channels != filters
            self._add_previous(previous_maps.channels, filters)
        for i, node in enumerate(genotype.nodes):
            for side, state, name in node.sides:
                inputs, step = (channels[state], stride) if state < 2 else (filters, 1)
                operation = OPERATIONS[name](inputs, filters, step)
                self.register_module(f"comb_iter_{i}_{side}", operation)
        for state in genotype.concat:
            if state < 2:  # an input has to be brought to the shape of the nodes
                self.register_module(f"concat_{state}", identity(channels[state], filters, stride))
        self.maps = Maps(len(genotype.concat) * filters, x_maps.halvings + stride - 1)

    def _add_previous(self, channels: int, filters: int) -> None:
        """Add the layers, named as in the weights files, for a previous input of another shape."""
        if self.halves:
            half = filters // 2
            self.path_1 = nn.Sequential({"conv": nn.Conv2d(channels, half, 1, 2, bias=False)})
            self.path_2 = nn.Sequential(
                {
                    "shift": nn.ZeroPad2d((-1, 1, -1, 1)),
                    "conv": nn.Conv2d(channels, filters - half, 1, 2, bias=False),
                }
            )
            self.final_path_bn = batch_norm(filters)
        elif self.projects:
            self.conv_prev_1x1 = relu_conv_bn(channels, filters)

    def _previous(self, previous: Tensor) -> Tensor:
        """The previous input, adapted to the cell's size and number of filters."""
        if self.halves:
            paths = side_by_side(self, (["path_1"], ["path_2"]), F.relu(previous))
            return self.final_path_bn(paths)
        return self.conv_prev_1x1(previous) if self.projects else previous

    def forward(self, x: Tensor, previous: Tensor | None) -> Tensor:
        states = [self.conv_1x1(x) if self.genotype.uses(0) else x]
        states.append(x if previous is None else self._previous(previous))
        for i, node in enumerate(self.genotype.nodes):
            parts = []
            for side, state, name in node.sides:
                y = getattr(self, f"comb_iter_{i}_{side}")(states[state])
                parts.append(y if name == "identity" else self.drop_path(y))
            states.append(parts[0] + parts[1])
        for state in self.genotype.concat:
            if state < 2:
                states[state] = getattr(self, f"concat_{state}")(states[state])
        return cat([states[state] for state in self.genotype.concat], dim=1)


class Place(NamedTuple):
    """The position of a cell in a network.

    name: of the module; reduces: whether it is a reduction cell; factor: its filters as a multiple
    of those in the first stage; skipped: whether the next cell's previous input is this cell's
    previous input instead of its input.
    """

    name: str
    reduces: bool
    factor: float
    skipped: bool = False


def places(cells: int, photographs: bool, skip: bool) -> list[Place]:
    """The cells of a network with `cells` normal cells in each stage, in order; see `NASNet`."""
    found = []
    if photographs:
        found += [Place("cell_stem_0", True, 1 / 4), Place("cell_stem_1", True, 1 / 2)]
    for stage in range(STAGES):
        if stage > 0:
            found.append(Place(f"reduction_cell_{stage - 1}", True, 2**stage, skip))
        first = stage * max(cells, 6)
        found += [Place(f"cell_{first + i}", False, 2**stage) for i in range(cells)]
    return found


class NASNet(nn.Module):
    """Three stages of normal cells, separated by reduction cells.

    x (N, in_channels, H, W) -> logits (N, num_classes); with aux, in training, (logits, those of
    the head on the last cell of the second stage)

    genotype: the cells, also as a dictionary (see `Genotype.from_dict`); cells: the number in each
    stage; filters: of an operation in the first stage, doubled in each later one.
    stem_filters: of the first convolution, by default three times `filters`.
    photographs: whether that has a stride and two more reduction cells follow it.
    skip: whether reduction cells between stages are `skipped` (see `Place`).
    dropout: the fraction of units dropped before the classifier.
    drop_path: the rate in the last cell, at the end of the training.
    aux_kernel: of the auxiliary head. width: a factor for all numbers of filters.

    Raises: ValueError for settings that do not fit, or images of another shape, or too small.
    """

    def __init__(
        self,
        genotype: Genotype | Mapping,
        cells: int,
        filters: int,
        num_classes: int = 1000,
        in_channels: int = 3,
        stem_filters: int | None = None,
        photographs: bool = False,
        skip: bool = False,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        aux: bool = False,
        aux_kernel: int = 4,
        width: float = 1.0,
    ):
        super().__init__()
        for name, value in (("cells", cells), ("filters", filters)):
            if value < 1:
                raise ValueError(f"NASNet: {name}={value} must be at least 1")
        if not 0 <= drop_path <= 1:
            raise ValueError(f"NASNet: drop_path={drop_path} must be from 0 to 1")
        if not isinstance(genotype, Genotype):
            genotype = Genotype.from_dict(genotype)
        self.in_channels, self.drop_path = in_channels, drop_path
        self.smallest = 3 if photographs else 1
        stem = scaled(3 * filters if stem_filters is None else stem_filters, width)
        stride, padding = (2, 0) if photographs else (1, 1)
        conv = nn.Conv2d(in_channels, stem, 3, stride, padding, bias=False)
        self.conv0 = nn.Sequential({"conv": conv, "bn": batch_norm(stem)})

        self.places, maps, previous = places(cells, photographs, skip), Maps(stem, 0), None
        self.aux, self.smallest_with_head = None, self.smallest
        for place in self.places:
            if aux and place.name == f"reduction_cell_{STAGES - 2}":
                head = auxiliary_head(maps.channels, num_classes, width, aux_kernel)
                self.aux = nn.Sequential({"relu": nn.ReLU(), "head": head})
                side = (3 * aux_kernel + 1 << maps.halvings) + 1  # the size for 3 aux_kernel + 2
                self.smallest_with_head = 2 * side + 1 if photographs else side
            cell = Cell(
                genotype.reduction if place.reduces else genotype.normal,
                max(2, scaled(filters, place.factor * width)),  # at least one in each of two paths
                maps,
                previous,
                2 if place.reduces else 1,
            )
            self.register_module(place.name, cell)
            maps, previous = cell.maps, previous if place.skipped else maps
        self.relu, self.avgpool, self.flatten = nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        self.dropout, self.last_linear = nn.Dropout(dropout), nn.Linear(maps.channels, num_classes)
        draw_he_weights(self)

    def set_progress(self, share: float) -> None:
        """Set the rate of dropped paths for a completed fraction of the training, from 0 to 1.

        The rates rise linearly from 0, that of a new net (the paper's scheduled drop path). `fit`
        calls this before each step.
        """
        for number, place in enumerate(self.places, 1):
            cell = getattr(self, place.name)
            cell.drop_path.p = self.drop_path * share * number / len(self.places)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        head = self.training and self.aux is not None
        smallest = self.smallest_with_head if head else self.smallest
        check_images(type(self).__name__, x, self.in_channels, smallest)
        aux: Any = self.aux
        aside: Any = None
        previous: Tensor | None = None
        x = self.conv0(x)
        for place in self.places:
            if head and place.name == f"reduction_cell_{STAGES - 2}":
                aside = aux(x)
            y = getattr(self, place.name)(x, previous)
            x, previous = y, previous if place.skipped else x
        logits = self.last_linear(self.dropout(self.flatten(self.avgpool(self.relu(x)))))
        return (logits, aside) if head else logits


@register(params=3_346_538, macs=544_333_312, input_shape=(3, 32, 32))
def nasnet(
    genotype: Genotype | Mapping = NASNET_A,
    cells: int = 6,
    filters: int = 32,
    num_classes: int = 10,
    drop_path: float = 0.4,
    **settings: Any,
) -> NASNet:
    """The network of any cells for small images; by default NASNet-A (6 @ 768) for CIFAR.

    Settings: see `NASNet`. The counts are our own; the paper has 3.3 million parameters.
    """
    return NASNet(genotype, cells, filters, num_classes, drop_path=drop_path, **settings)


@register(params=5_289_978, macs=563_638_816, preprocessing=NASNET_MOBILE)
def nasnet_a_mobile(dropout: float = 0.5, **settings: Any) -> NASNet:
    """NASNet-A (4 @ 1056) for photographs. Settings: see `NASNet`."""
    form = {"stem_filters": 32, "photographs": True}
    return NASNet(NASNET_A, 4, 44, dropout=dropout, **form, **settings)


@register(
    params=88_753_150, macs=23_783_414_658, input_shape=(3, 331, 331), preprocessing=NASNET_LARGE
)
def nasnet_a_large(dropout: float = 0.5, drop_path: float = 0.3, **settings: Any) -> NASNet:
    """NASNet-A (6 @ 4032) for photographs of 331 pixels. Settings: see `NASNet`."""
    form = {"stem_filters": 96, "photographs": True, "skip": True, "aux_kernel": 6}
    rates = {"dropout": dropout, "drop_path": drop_path}
    return NASNet(NASNET_A, 6, 168, **form, **rates, **settings)
