"""Genetic CNN: networks whose connections are encoded as bit strings for a genetic algorithm.

L. Xie, A. Yuille (2017), "Genetic CNN", ICCV 2017, arXiv 1703.01513. In a stage of K numbered nodes
a bit for each pair says whether the earlier node feeds the later one. A genetic algorithm crosses
and mutates such strings of small networks for CIFAR; the result transfers to ImageNet as the last
three stages of a VGG-16.

Deviations from the paper
- Convolutions have biases and no batch norm, unless `norm="batch"` replaces the biases by it. There
  are 156 million parameters, the paper's number, either way.
- The strings that the paper's algorithm found are not included: `CHAIN`, where each node feeds the
  next, is the default. It has as many parameters, because it has as many nodes.

A code is written as in the paper: "1-00-111" says that in a stage of 4 nodes node 1 feeds node 2
(1), none feeds node 3 (00), and all three feed node 4 (111). Codes of stages are separated by
spaces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .. import nn
from ..tensor import Tensor
from .blocks import ConvBNReLU, ConvReLU, Trunk, draw_weights, scaled, smallest_image
from .registry import register

# Stages of 3, 4 and 5 nodes, each of which feeds the next.
CHAIN = "1-01 1-01-001 1-01-001-0001"


class Stage(NamedTuple):
    """The connections of a stage.

    inputs: for each node in use the nodes that feed it, none if the stage's input does; outputs:
    the nodes that feed no other and form the stage's output. A node without connections is not in
    use. A stage without connections consists of its input only.
    """

    inputs: dict[int, tuple[int, ...]]
    outputs: tuple[int, ...]


def read_code(code: str) -> list[Stage]:
    """Parse a code into its stages.

        >>> read_code("1-00-111")
        [Stage(inputs={1: (), 2: (1,), 3: (), 4: (1, 2, 3)}, outputs=(4,))]

    Raises: ValueError for a code without stages, or a group with other characters or a wrong
    length: group i of a stage has i bits, from node 1, 2, ..., i to node i + 1.
    """
    if not code.split():
        raise ValueError(f"read_code: code={code!r} has no stage")
    return [_read_stage(text) for text in code.split()]


def _read_stage(text: str) -> Stage:
    groups = text.split("-")
    for length, bits in enumerate(groups, 1):
        if len(bits) != length or not set(bits) <= {"0", "1"}:
            raise ValueError(
                f"read_code: group {length} of stage {text!r} is {bits!r}, "
                f"it must be {length} of the digits 0 and 1"
            )
    fed_by = {
        node: tuple(i for i, bit in enumerate(bits, 1) if bit == "1")
        for node, bits in enumerate(groups, 2)
    }
    feeding = {i for nodes in fed_by.values() for i in nodes}
    used = {node: fed_by.get(node, ()) for node in range(1, len(groups) + 2)}
    used = {node: nodes for node, nodes in used.items() if nodes or node in feeding}
    return Stage(used, tuple(node for node in used if node not in feeding))


def code_of(bits: Sequence[int], nodes: Sequence[int]) -> str:
    """Write bits as a code, for stages of the given numbers of nodes: K have K (K - 1) / 2 bits.

        >>> code_of([1, 0, 1, 1, 0, 0, 1, 1, 1], [3, 4])
        '1-01 1-00-111'

    Raises: ValueError for a wrong number of bits, other values, or a stage of fewer than 2 nodes.
    """
    needed = sum(k * (k - 1) // 2 for k in nodes)
    if len(nodes) == 0 or min(nodes) < 2:
        raise ValueError(f"code_of: nodes={list(nodes)} must be numbers from 2")
    if len(bits) != needed or not set(bits) <= {0, 1}:
        raise ValueError(
            f"code_of: bits={list(bits)} must be {needed} of the numbers 0 and 1 for stages of "
            f"{list(nodes)} nodes"
        )
    rest = iter(bits)
    return " ".join(
        "-".join("".join(str(int(next(rest))) for _ in range(i)) for i in range(1, k))
        for k in nodes
    )


class GeneticStage(nn.Module):
    """The nodes of a stage, each a convolution of the sum of the nodes that feed it.

    x (N, in_channels, H, W) -> y (N, channels, H, W)

    The stage's input is a convolution of x, and its output a convolution of the sum of the nodes
    that feed no other. conv: makes a convolution, called as ConvReLU.
    """

    def __init__(
        self,
        stage: Stage,
        in_channels: int,
        channels: int,
        kernel: int,
        conv: Callable[..., nn.Module],
    ):
        super().__init__()
        self.stage, padding = stage, kernel // 2
        self.input = conv(in_channels, channels, kernel, padding=padding)
        for node in stage.inputs:
            self.register_module(f"node{node}", conv(channels, channels, kernel, padding=padding))
        self.output = conv(channels, channels, kernel, padding=padding) if stage.inputs else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.input(x)
        maps: dict[int, Tensor] = {}
        for node, feeding in self.stage.inputs.items():
            fed = total([maps[i] for i in feeding]) if feeding else x
            maps[node] = getattr(self, f"node{node}")(fed)
        if self.output is None:
            return x
        return self.output(total([maps[node] for node in self.stage.outputs]))


def total(maps: list[Tensor]) -> Tensor:
    """The sum of one or more maps."""
    first, *others = maps
    return sum(others, first)


class GeneticCNN(Trunk):
    """Plain stages, stages of nodes, and linear layers; 2 x 2 pooling ends each stage.

    x (N, in_channels, H, W) -> logits (N, num_classes)

    code: of the stages of nodes, see `read_code`; stem: the filters of the convolutions of each
    plain stage before them; filters: of the stages of nodes; kernel: of their convolutions, odd;
    norm: None, or "batch" after every convolution; pooled: the side to which maps are averaged
    before linear layers of `units` units; dropout: the fraction of these dropped in training;
    width: a factor for all filters and units.

    Raises: ValueError for settings that do not fit, or images of another shape, or too small.

        genetic_cnn(code="1-01 0-10-000", stem=(), filters=(16, 32), pooled=2, units=(64,))
    """

    def __init__(
        self,
        code: str,
        num_classes: int = 1000,
        in_channels: int = 3,
        stem: Sequence[Sequence[int]] = ((64, 64), (128, 128)),
        filters: Sequence[int] = (256, 512, 512),
        kernel: int = 3,
        norm: str | None = None,
        pooled: int = 7,
        units: Sequence[int] = (4096, 4096),
        dropout: float = 0.5,
        width: float = 1.0,
    ):
        stages = read_code(code)
        if len(stages) != len(filters):
            raise ValueError(
                f"GeneticCNN: filters={tuple(filters)} must be {len(stages)} numbers, one for each "
                f"stage of code={code!r}"
            )
        if kernel % 2 == 0:
            raise ValueError(f"GeneticCNN: kernel={kernel} must be odd")
        if norm not in (None, "batch"):
            raise ValueError(f"GeneticCNN: norm={norm!r} must be None or 'batch'")
        conv = ConvBNReLU if norm else ConvReLU
        features: dict[str, nn.Module] = {}
        channels = in_channels
        for stage, row in enumerate(stem, 1):
            for number, wanted in enumerate(row, 1):
                inputs, channels = channels, scaled(wanted, width)
                features[f"conv{stage}_{number}"] = conv(inputs, channels, 3, padding=1)
            features[f"pool{stage}"] = nn.MaxPool2d(2)
        for stage, (nodes, wanted) in enumerate(zip(stages, filters, strict=True), len(stem) + 1):
            inputs, channels = channels, scaled(wanted, width)
            features[f"stage{stage}"] = GeneticStage(nodes, inputs, channels, kernel, conv)
            features[f"pool{stage}"] = nn.MaxPool2d(2)
        linear: list[nn.Module] = []
        channels *= pooled**2
        for wanted in units:
            inputs, channels = channels, scaled(wanted, width)
            linear += [nn.Linear(inputs, channels), nn.ReLU(), nn.Dropout(dropout)]
        layers = {
            "features": nn.Sequential(features),
            "avgpool": nn.AdaptiveAvgPool2d(pooled),
            "flatten": nn.Flatten(),
            "classifier": nn.Sequential(*linear, nn.Linear(channels, num_classes)),
        }
        super().__init__(layers, in_channels, smallest_image(layers["features"]))
        draw_weights(self, nn.init.kaiming_normal_)


@register(params=156_056_360, macs=26_568_392_704)
def genetic_cnn(code: str = CHAIN, **settings: Any) -> GeneticCNN:
    """Genetic CNN for ImageNet, with stages of 3, 4 and 5 nodes. Settings: see `GeneticCNN`."""
    return GeneticCNN(code, **settings)
