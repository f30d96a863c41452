"""A notation that expresses the tables of branching networks as data.

A table consists of steps. A step is
- a `Conv`: a convolution with the family's normalisation and activation; or another `Row`;
- a function without arguments that makes a layer which keeps the number of channels, such as
  `partial(MaxPool2d, 3, 2)`;
- a tuple of steps, in sequence: a `Sequential`;
- a list of paths, in parallel: `Branches`.
`build` makes the layers of a step. All numbers of filters are in the table and nowhere else, so
that one factor changes the width of a network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from .. import nn
from ..tensor import Tensor, cat
from .blocks import Size, scaled


class Row(Protocol):
    """A factory of a layer for a given input: a `Conv`, or a family's own kind of block."""

    def build(
        self, in_channels: int, conv: Callable[..., nn.Module], width: float
    ) -> tuple[nn.Module, int]:
        """The layer and the number of its channels; see the function `build`."""
        ...


class Conv(NamedTuple):
    """A `Row`: a convolution with a number of filters and a kernel size.

    padding: by default (K - 1) / 2 on every side, which keeps the size at stride 1.
    """

    filters: int
    kernel: Size
    stride: int = 1
    padding: Size | None = None

    def build(
        self, in_channels: int, conv: Callable[..., nn.Module], width: float
    ) -> tuple[nn.Module, int]:
        """The layer and the number of its channels; see the function `build`."""
        kernel = self.kernel if isinstance(self.kernel, tuple) else (self.kernel, self.kernel)
        padding = tuple(k // 2 for k in kernel) if self.padding is None else self.padding
        filters = scaled(self.filters, width)
        return conv(in_channels, filters, kernel, self.stride, padding), filters


Step = Row | Callable[[], nn.Module] | tuple["Step", ...] | list["Path"]
Path = dict[str, Step]


def build(
    step: Step, in_channels: int, conv: Callable[..., nn.Module], width: float = 1.0
) -> tuple[nn.Module, int]:
    """Make the layers of a step; returns them and their number of output channels.

    conv: makes the layer of a `Conv`, called as ConvReLU; width: a factor for all filters.
    """
    if hasattr(step, "build"):
        row: Any = step
        return row.build(in_channels, conv, width)
    if isinstance(step, list):
        branches = Branches(in_channels, step, conv, width)
        return branches, branches.out_channels
    if isinstance(step, tuple):
        layers: list[nn.Module] = []
        for part in step:
            layer, in_channels = build(part, in_channels, conv, width)
            layers.append(layer)
        return nn.Sequential(*layers), in_channels
    make: Any = step
    return make(), in_channels


def build_all(
    table: Mapping[str, Step], in_channels: int, conv: Callable[..., nn.Module], width: float
) -> tuple[dict[str, nn.Module], int]:
    """Make the layers of a table, in sequence; returns them and the channels of the last."""
    layers: dict[str, nn.Module] = {}
    for name, step in table.items():
        layers[name], in_channels = build(step, in_channels, conv, width)
    return layers, in_channels


def numbered(name: str, *steps: Step, start: int = 1) -> Path:
    """A path whose layers are named name_1, name_2, ..."""
    return {f"{name}_{i}": step for i, step in enumerate(steps, start)}


def beside(*branches: Step, start: int = 0) -> list[Path]:
    """Paths of one step each, named branch0, branch1, ..."""
    return [{f"branch{i}": step} for i, step in enumerate(branches, start)]


def side_by_side(module: nn.Module, paths: Iterable[Iterable[str]], x: Tensor) -> Tensor:
    """Apply paths through the children of `module` to x and concatenate along the channels.

    x (N, C, H, W) -> y (N, sum of the paths' channels, OH, OW). A path is the names of its layers
    in order. A layer that several paths begin with runs once.
    """
    outputs: dict[str, Tensor] = {}
    ends = []
    for path in paths:
        y = x
        for name in path:
            if name not in outputs:
                outputs[name] = getattr(module, name)(y)
            y = outputs[name]
        ends.append(y)
    return cat(ends, dim=1) if len(ends) > 1 else ends[0]


class Branches(nn.Module):
    """Parallel paths for one input, with outputs concatenated along the channels in order.

    x (N, in_channels, H, W) -> y (N, out_channels, OH, OW)

    paths: each names its steps in order; paths that fork begin with the same names.
    """

    def __init__(
        self,
        in_channels: int,
        paths: Iterable[Path],
        conv: Callable[..., nn.Module],
        width: float = 1.0,
    ):
        super().__init__()
        self.paths = tuple(tuple(path) for path in paths)
        self.out_channels = 0
        made: dict[str, tuple[nn.Module, int]] = {}
        for path in paths:
            channels = in_channels
            for name, step in path.items():
                if name not in made:
                    made[name] = build(step, channels, conv, width)
                    self.register_module(name, made[name][0])
                channels = made[name][1]
            self.out_channels += channels

    def forward(self, x: Tensor) -> Tensor:
        return side_by_side(self, self.paths, x)
