"""Blocks and conventions that families of models share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

import numpy as np

from .. import functional as F
from .. import nn
from ..dtypes import get_default_dtype
from ..nn.fusion import in_order, relu_after
from ..tensor import Tensor
from .same import SameConv2d

Size = int | tuple[int, int]

# Of the red, green and blue of ImageNet's images, in [0, 1].
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ConvReLU(nn.Module):
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
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding)

    def forward(self, x: Tensor) -> Tensor:
        return relu_after(self.conv, x)


class ConvBNReLU(nn.Module):
    """max(bn(conv(x)), 0); the convolution has no bias, which batch norm would cancel.

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
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias=False
        )
        self.bn = nn.BatchNorm2d(out_channels, eps)

    def forward(self, x: Tensor) -> Tensor:
        return relu_after(self.bn, x, self.conv)


def conv_bn(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    stride: int = 1,
    groups: int = 1,
    activation: Callable[[], nn.Module] | None = None,
) -> list[nn.Module]:
    """Layers for a `Sequential`: convolution, batch norm and an optional activation.

    x (N, in_channels, H, W) -> y (N, out_channels, ceil(H / stride), ceil(W / stride))

    kernel_size: odd; the convolution is padded by half of it and has no bias.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            kernel_size // 2,
            groups=groups,
            bias=False,
        ),
        nn.BatchNorm2d(out_channels),
    ]
    return [*layers, activation()] if activation else layers


class SeparableConv(nn.Module):
    """A depthwise convolution, then a 1 x 1 convolution; no activation between, no biases.

    x (N, in_channels, H, W) -> y (N, out_channels, OH, OW)

    padding: of the first, a number or "same" (see `SameConv2d`); names: of the two children.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int | Literal["same"] = 0,
        names: tuple[str, str] = ("conv1", "pointwise"),
    ):
        super().__init__()
        self.names = names
        conv = SameConv2d if padding == "same" else partial(nn.Conv2d, padding=padding, bias=False)
        depthwise = conv(in_channels, in_channels, kernel_size, stride, groups=in_channels)
        self.register_module(names[0], depthwise)
        self.register_module(names[1], nn.Conv2d(in_channels, out_channels, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        for name in self.names:
            x = getattr(self, name)(x)
        return x


class SqueezeExcitation(nn.Module):
    """Scale every channel by a gate between 0 and 1 computed from the means of all channels.

    y = x * gate(W2 max(W1 mean(x) + b1, 0) + b2)    x, y (N, channels, H, W)

    W1 and W2 are 1 x 1 convolutions, with `units` channels in between, and the children `names`.
    J. Hu, L. Shen, G. Sun (2018), "Squeeze-and-excitation networks", CVPR 2018, arXiv 1709.01507,
    equations 2 to 4, where the gate is the logistic function.
    """

    def __init__(
        self,
        channels: int,
        units: int,
        gate: Callable[[Tensor], Tensor] = F.sigmoid,
        names: tuple[str, str] = ("fc1", "fc2"),
    ):
        super().__init__()
        self.gate, self.names = gate, names
        self.register_module(names[0], nn.Conv2d(channels, units, 1))
        self.register_module(names[1], nn.Conv2d(units, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        squeeze, excite = (getattr(self, name) for name in self.names)
        return x * self.gate(excite(F.relu(squeeze(F.adaptive_avg_pool2d(x, 1)))))


class ImageNetToHalf(nn.Module):
    """Renormalise images from ImageNet's mean and deviation to mean 0.5 and deviation 0.5.

    x, y (N, 3, H, W). Networks whose weights come from TensorFlow were trained on pixels in
    [-1, 1]; with this as first layer they take the same images as all other networks.

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


def classifier(
    in_channels: int, num_classes: int, dropout: float | None = None, name: str = "fc"
) -> dict[str, nn.Module]:
    """Global average pooling and a linear layer of the given name, the end of a net.

    dropout: the fraction of units dropped between them; None: there is no such layer.
    """
    layers: dict[str, nn.Module] = {"avgpool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten()}
    if dropout is not None:
        layers["dropout"] = nn.Dropout(dropout)
    return {**layers, name: nn.Linear(in_channels, num_classes)}


class Trunk(nn.Module):
    """A sequence of named layers, with auxiliary classifiers in training.

    x (N, in_channels, H, W) -> logits (N, num_classes); with heads, in training, the tuple
    (logits, logits of the first head, ...). In evaluation the heads do not run.

    layers: in order of execution; heads: a layer's name -> the name and module of the classifier
    of that layer's output; smallest: the minimum H and W; smallest_with_heads: that in training
    with heads.

    Raises: ValueError for images of another shape, or too small.
    """

    def __init__(
        self,
        layers: Mapping[str, nn.Module],
        in_channels: int,
        smallest: int,
        heads: Mapping[str, tuple[str, nn.Module]] | None = None,
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
        aside, layers = [], []
        for name in self.order:
            layers.append(getattr(self, name))
            if name in heads:
                x, layers = in_order(layers, x), []
                aside.append(getattr(self, heads[name])(x))
        x = in_order(layers, x)
        return (x, *aside) if aside else x


def scaled(channels: int, width: float, multiple: int = 1) -> int:
    """`channels` times `width`, rounded to a multiple of `multiple`, at least one.

    Raises: as `checked_width`.
    """
    return multiple * max(1, round(channels * checked_width(width) / multiple))


def checked_width(width: float) -> float:
    """`width`, a factor for the channels of a network; ValueError unless it is above 0."""
    if not isinstance(width, int | float) or not 0 < width < math.inf:  # also true for NaN
        raise ValueError(f"create_model: width={width!r} must be a number above 0")
    return width


def divisible(channels: float, multiple: int) -> int:
    """The multiple of `multiple` nearest to `channels`, halves up, but not below 90 % of it.

    At least `multiple`. Nets for phones since M. Sandler et al. (2018), "MobileNetV2", round their
    reduced channels this way.
    """
    nearest = multiple * max(1, int(channels + multiple / 2) // multiple)
    return nearest + multiple if nearest < 0.9 * channels else nearest


def check_images(model: str, x: Tensor, in_channels: int, smallest: int) -> None:
    """ValueError unless x is (N, in_channels, H, W) with H and W at least `smallest`."""
    if x.ndim != 4 or x.shape[1] != in_channels or min(x.shape[2:]) < smallest:
        raise ValueError(
            f"{model}: x of shape {x.shape} must be (N, {in_channels}, H, W) with H and W at least "
            f"{smallest}"
        )


def smallest_image(chain: nn.Module) -> int:
    """The minimum height and width for which every layer of a chain has an output.

    The windows are square. From the last layer back, n outputs take (n - 1) * stride + kernel -
    2 * padding inputs, or stride - 1 fewer for a pooling that rounds up.
    """
    size = 1
    for layer in reversed(list(chain.modules())):
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            settings: Any = layer.kernel_size, layer.stride, layer.padding
            kernel, stride, padding = (
                value[0] if isinstance(value, tuple) else value for value in settings
            )
            spared = stride - 1 if getattr(layer, "ceil_mode", False) else 0
            size = max((size - 1) * stride + kernel - 2 * padding - spared, 1)
    return size


def draw_normal(model: nn.Module, std: float, width: float = 1.0) -> None:
    """Initialise all convolutions and linear layers with weights from N(0, std^2) and biases 0.

    width: that of the network. A narrow one sums fewer inputs: its weights are larger by
    1/sqrt(width), so that signals keep the size for which std was chosen.
    """
    draw_weights(model, lambda weight: nn.init.normal_(weight, 0, std / math.sqrt(width)))


def draw_weights(model: nn.Module, draw: Callable[[Tensor], Tensor], bias: float = 0.0) -> None:
    """Initialise all convolutions and linear layers: weights by `draw`, biases with a number."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            draw(module.weight)
            if module.bias is not None:
                nn.init.constant_(module.bias, bias)
