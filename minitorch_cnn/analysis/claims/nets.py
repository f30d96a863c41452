"""The small nets and the data of the claims."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from ... import nn
from ...models.blocks import draw_weights
from ..small_training import Data


@cache
def digits(size: int = 8) -> Data:
    """The bundled digits, with mean 0 and deviation 1: 1,442 to train on, 355 to test with."""
    from ...data.datasets import Digits

    train, test = Digits(train=True, size=size), Digits(train=False, size=size)
    mean, std = train.images.mean(), train.images.std()
    x, test_x = ((d.images - mean) / std for d in (train, test))
    return Data(x, train.labels, test_x, test.labels)


@cache
def shapes(size: int = 16) -> Data:
    """Grey images of six geometric shapes, with mean 0 and deviation 1: 2,000, and 500 to test."""
    from ...data.datasets import Shapes

    found = Shapes(2500, size, channels=1, seed=0)
    x = found.images.astype(np.float32)
    x = (x - x[:2000].mean()) / x[:2000].std()
    return Data(x[:2000], found.labels[:2000], x[2000:], found.labels[2000:])


def layer(
    inputs: int,
    outputs: int,
    stride: int = 1,
    batch_norm: bool = False,
    activation: Callable[[], nn.Module] = nn.ReLU,
) -> list[nn.Module]:
    """A 3 x 3 convolution, batch norm if wanted, and the activation."""
    conv = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=not batch_norm)
    return [conv, *([nn.BatchNorm2d(outputs)] if batch_norm else []), activation()]


def plain(
    channels: Sequence[int],
    strides: Sequence[int] = (),
    batch_norm: bool = False,
    activation: Callable[[], nn.Module] = nn.ReLU,
    classes: int = 10,
) -> nn.Sequential:
    """Convolutions one after the other, global average pooling, a linear layer; He's weights.

    x (N, 1, H, W) -> logits (N, classes). channels: of each convolution's output; strides: of the
    first convolutions, 1 for the others.
    """
    layers: list[nn.Module] = []
    for k, (inputs, outputs) in enumerate(zip((1, *channels), channels, strict=False)):
        stride = strides[k] if k < len(strides) else 1
        layers += layer(inputs, outputs, stride, batch_norm, activation)
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels[-1], classes)]
    net = nn.Sequential(*layers, *head)
    draw_weights(net, nn.init.kaiming_normal_)
    return net
