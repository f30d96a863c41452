"""Blocks that families share, and a notation for the tables of branching networks.

A table is made of steps. A step is
- a `Conv`: a convolution with what the family lets follow it; or another `Row`;
- a function of no arguments that makes a layer which keeps the number of channels, such as
  `partial(MaxPool2d, 3, 2)`;
- a tuple of steps, one after another: a `Sequential`;
- a list of paths, side by side: `Branches`.
`build` makes the layers of a step. All numbers of filters are in the table and nowhere else, so
that one factor makes a network narrow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

import numpy as np

from .. import functional as F
from ..backend import get_default_dtype
from ..nn import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    Module,
    Sequential,
    init,
)
from ..tensor import Tensor, cat

Size = int | tuple[int, int]

# Of the red, green and blue of ImageNet's images, in [0, 1].
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ConvReLU(Module):
    """max(conv(x) + b, 0).    x (N, in_channels, H, W) -> y (N, out_channels, OH, OW)"""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
    ):
        super().__init__()
        self.out_channels = out_channels
        self.conv = Conv2d(in_channels, out_channels, kernel_size, stride, padding)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv(x))


class ConvBNReLU(Module):
    """max(bn(conv(x)), 0), the convolution without a bias, which batch norm would take away.

    x (N, in_channels, H, W) -> y (N, out_channels, OH, OW)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        groups: int = 1,
        eps: float = 1e-5,
    ):
        super().__init__()
        self.out_channels = out_channels
        self.conv = Conv2d(
            in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias=False
        )
        self.bn = BatchNorm2d(out_channels, eps)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class ImageNetToHalf(Module):
    """Images normalised by ImageNet's mean and deviation, to mean 0.5 and deviation 0.5 instead.

    x, y (N, 3, H, W). Networks whose weights come from TensorFlow were trained on pixels in
    [-1, 1]; with this in front of them they take the images that all other networks take.

    Raises: ValueError for another number of channels than 3.
    """

    def __init__(self, in_channels: int):
        super().__init__()
        if in_channels != 3:
            raise ValueError(f"transform_input: in_channels={in_channels} must be 3 (RGB)")
        mean, std = (np.reshape(v, (1, 3, 1, 1)) for v in (IMAGENET_MEAN, IMAGENET_STD))
        for name, array in (("scale", std / 0.5), ("shift", (mean - 0.5) / 0.5)):
            array = array.astype(get_default_dtype())
            self.register_buffer(name, Tensor(array), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.shift


# ------------------------------------------------------------------------------------------- tables


class Conv(NamedTuple):
    """A `Row`: a convolution of so many filters of such a size.

    padding: (K - 1) / 2 on every side unless told, which keeps the size at stride 1.
    """

    filters: int
    kernel: Size
    stride: int = 1
    padding: Size | None = None

    def build(
        self, in_channels: int, conv: Callable[..., Module], width: float
    ) -> tuple[Module, int]:
        """The layer and the number of its channels; see the function `build`."""
        kernel = self.kernel if isinstance(self.kernel, tuple) else (self.kernel, self.kernel)
        padding = tuple(k // 2 for k in kernel) if self.padding is None else self.padding
        filters = scaled(self.filters, width)
        return conv(in_channels, filters, kernel, self.stride, padding), filters


class Row(Protocol):
    """What makes a layer once it knows its input: a `Conv`, or a family's own kind of block."""

    def build(
        self, in_channels: int, conv: Callable[..., Module], width: float
    ) -> tuple[Module, int]:
        """The layer and the number of its channels; see the function `build`."""


Step = Row | Callable[[], Module] | tuple["Step", ...] | list["Path"]
Path = dict[str, Step]


def build(
    step: Step, in_channels: int, conv: Callable[..., Module], width: float = 1.0
) -> tuple[Module, int]:
    """The layers of a step and the number of channels that they give.

    conv: makes what a `Conv` stands for, called as ConvReLU; width: a factor for all filters.
    """
    if hasattr(step, "build"):
        return step.build(in_channels, conv, width)
    if isinstance(step, list):
        branches = Branches(in_channels, step, conv, width)
        return branches, branches.out_channels
    if isinstance(step, tuple):
        layers = []
        for part in step:
            layer, in_channels = build(part, in_channels, conv, width)
            layers.append(layer)
        return Sequential(*layers), in_channels
    return step(), in_channels


def build_all(
    table: Mapping[str, Step], in_channels: int, conv: Callable[..., Module], width: float
) -> tuple[dict[str, Module], int]:
    """The layers of a table whose rows follow each other, and the channels of the last."""
    layers = {}
    for name, step in table.items():
        layers[name], in_channels = build(step, in_channels, conv, width)
    return layers, in_channels


def classifier(
    in_channels: int, num_classes: int, dropout: float, name: str = "fc"
) -> dict[str, Module]:
    """Global average pooling, dropout and a linear layer of that name, for the end of a net."""
    return {
        "avgpool": AdaptiveAvgPool2d(1),
        "flatten": Flatten(),
        "dropout": Dropout(dropout),
        name: Linear(in_channels, num_classes),
    }


def scaled(channels: int, width: float, multiple: int = 1) -> int:
    """`channels` times `width`, rounded to a multiple of `multiple`, at least one."""
    return multiple * max(1, round(channels * width / multiple))


def numbered(name: str, *steps: Step, start: int = 1) -> Path:
    """A path whose layers are named name_1, name_2, ..."""
    return {f"{name}_{i}": step for i, step in enumerate(steps, start)}


def beside(*branches: Step, start: int = 0) -> list[Path]:
    """Paths of one step each, named branch0, branch1, ..."""
    return [{f"branch{i}": step} for i, step in enumerate(branches, start)]


# ----------------------------------------------------------------------------------------- branches


def side_by_side(module: Module, paths: Iterable[Iterable[str]], x: Tensor) -> Tensor:
    """What some paths through the children of `module` make of x, joined along the channels.

    x (N, C, H, W) -> y (N, sum of the paths' channels, OH, OW). A path is the names of the layers
    that x passes one after another. A layer that several paths begin with runs once.
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


class Branches(Module):
    """Several paths for one input, their outputs joined along the channels in the paths' order.

    x (N, in_channels, H, W) -> y (N, out_channels, OH, OW)

    paths: each names its steps in order; paths that fork begin with the same names.
    """

    def __init__(
        self,
        in_channels: int,
        paths: Iterable[Path],
        conv: Callable[..., Module],
        width: float = 1.0,
    ):
        super().__init__()
        self.paths = tuple(tuple(path) for path in paths)
        self.out_channels = 0
        made: dict[str, tuple[Module, int]] = {}
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


# ----------------------------------------------------------------------------------------- networks


class Trunk(Module):
    """Named layers one after another, with auxiliary classifiers along the way while training.

    x (N, in_channels, H, W) -> logits (N, num_classes); with heads, in training, the tuple
    (logits, logits of the first head, ...). In evaluation the heads do not run.

    layers: the first called first; heads: a layer's name -> the name and module of the classifier
    that sees what that layer gives; smallest: the least H and W, in training with heads
    smallest_with_heads.

    Raises: ValueError for images of another shape, or too small.
    """

    def __init__(
        self,
        layers: Mapping[str, Module],
        in_channels: int,
        smallest: int,
        heads: Mapping[str, tuple[str, Module]] | None = None,
        smallest_with_heads: int = 1,
    ):
        super().__init__()
        self.in_channels, self.smallest = in_channels, smallest
        self.smallest_with_heads = max(smallest, smallest_with_heads)
        for name, layer in layers.items():
            self.register_module(name, layer)
        self.order = tuple(layers)
        self.heads = {after: name for after, (name, _) in (heads or {}).items()}
        for name, head in (heads or {}).values():
            self.register_module(name, head)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        heads = self.heads if self.training else {}
        least = self.smallest_with_heads if heads else self.smallest
        check_images(type(self).__name__, x, self.in_channels, least)
        aside = []
        for name in self.order:
            x = getattr(self, name)(x)
            if name in heads:
                aside.append(getattr(self, heads[name])(x))
        return (x, *aside) if aside else x


def check_images(model: str, x: Tensor, in_channels: int, smallest: int) -> None:
    """ValueError unless x is (N, in_channels, H, W) with H and W at least `smallest`."""
    if x.ndim != 4 or x.shape[1] != in_channels or min(x.shape[2:]) < smallest:
        raise ValueError(
            f"{model}: x of shape {x.shape} must be (N, {in_channels}, H, W) with H and W at least "
            f"{smallest}"
        )


def smallest_image(chain: Module) -> int:
    """The least height and width at which every layer of a chain of square windows has an output.

    From the last layer back: n outputs take (n - 1) * stride + kernel - 2 * padding inputs, or, of
    a pooling that rounds up, stride - 1 fewer.
    """
    size = 1
    for layer in reversed(list(chain.modules())):
        if isinstance(layer, Conv2d | MaxPool2d | AvgPool2d):
            kernel, stride, padding = (
                value[0] if isinstance(value, tuple) else value
                for value in (layer.kernel_size, layer.stride, layer.padding)
            )
            spared = stride - 1 if getattr(layer, "ceil_mode", False) else 0
            size = max((size - 1) * stride + kernel - 2 * padding - spared, 1)
    return size


def draw_normal(model: Module, std: float, width: float = 1.0) -> None:
    """Draw the weights of all convolutions and linear layers from N(0, std^2), biases 0.

    width: that of the network. A narrow one adds up fewer inputs: its weights are larger by
    1/sqrt(width), so that signals stay as large as in the net for which std was chosen.
    """
    draw_weights(model, lambda weight: init.normal_(weight, 0, std / math.sqrt(width)))


def draw_weights(model: Module, draw: Callable[[Tensor], Tensor], bias: float = 0.0) -> None:
    """Initialise all convolutions and linear layers: weights by `draw`, biases with a number."""
    for module in model.modules():
        if isinstance(module, Conv2d | Linear):
            draw(module.weight)
            if module.bias is not None:
                init.constant_(module.bias, bias)
