"""Highway network: layers that learn how much of their input to carry through unchanged.

R. Srivastava, K. Greff, J. Schmidhuber (2015), "Training very deep networks", NIPS 2015, arXiv
1507.06228. As in an LSTM, a gate decides between the transform H of a layer and its input,

    y = T(x) * H(x) + (1 - T(x)) * x        T = sigmoid(W_T x + b_T)    (equation 3)

With b_T below 0 a new net carries almost all of its input, whatever its depth, and gradients reach
the first layer: nets of a hundred layers train where plain ones do not. On CIFAR-10 a highway
network of 19 layers has 7.5 % error without the two-stage training that FitNets of that depth need.

Deviations from the paper
- The MNIST nets (section 3.3) are 3 x 3 convolutions: a plain one, then three, three and two
  highway layers with 2 x 2 max pooling after each run, then the classifier: ten layers, with
  exactly the 39 and 151 thousand parameters of table 1. The authors' example for Caffe has a first
  convolution of 5 x 5 instead, and 152 thousand.
- For the CIFAR nets table 2 gives only layers and parameters: A and B resemble FitNets 1 and 4.
  The authors' example for Caffe is a B: plain layers where the channels change, highways
  elsewhere, so that all layers of a run have the same filters, then a 1 x 1 convolution to 100
  channels, global average pooling and the classifier. For ten classes that is 2.26 million
  parameters (table 2: 2.3).
- A is built likewise, with FitNet 1's largest number of filters in each run: 225 thousand
  parameters (table 2: 236). For C the paper says that 3 x 3 and 1 x 1 convolutions alternate in 32
  layers; runs of ten with 32, 64 and 96 filters are a guess and give 1.26 million (table 2: 1.25).

Weights are uniform with variance 1 / inputs, and biases 0, as in the authors' examples. These drop
a fifth of the image, of the pooled values and of the classifier's inputs (on MNIST increasingly,
up to a half).
"""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .. import nn
from ..tensor import Tensor
from .blocks import ConvReLU, Trunk, draw_weights, scaled, smallest_image
from .registry import register

# Runs of layers with 2 x 2 max pooling between them: filters, and number of layers.
A = ((16, 3), (32, 3), (64, 3))
B = ((32, 5), (80, 6), (128, 6))
C = ((32, 10), (64, 10), (96, 10))
LAST = 100  # channels of the 1 x 1 convolution before the global average


class Highway(nn.Module):
    """y = T(x) * H(x) + (1 - T(x)) * x    with H = max(W_H x + b_H, 0), T = sigmoid(W_T x + b_T)

    x, y (N, channels, H, W); W_H and W_T are convolutions, and b_T begins as gate_bias.
    """

    def __init__(self, channels: int, kernel_size: int, gate_bias: float):
        super().__init__()
        self.transform = nn.Conv2d(channels, channels, kernel_size, padding=kernel_size // 2)
        self.gate = nn.Conv2d(channels, channels, kernel_size, padding=kernel_size // 2)
        draw_weights(self, nn.init.lecun_uniform_)
        if self.gate.bias is not None:
            nn.init.constant_(self.gate.bias, gate_bias)

    def forward(self, x: Tensor) -> Tensor:
        t = F.sigmoid(self.gate(x))
        return x + t * (F.relu(self.transform(x)) - x)


class HighwayNet(Trunk):
    """Runs of convolutions with max pooling between them.

    x (N, in_channels, H, W) -> logits (N, num_classes)

    runs: filters and number of layers of each; kernels: the sizes of the convolutions in turn;
    averaged: whether the classifier receives averages of LAST maps instead of maps of 3 x 3;
    gate_bias: the initial bias of gates, the more negative the deeper the net (the paper searches
    from -1 to -10); dropout: the fraction of values dropped; width: a factor for all channels.

    Raises: ValueError for images of another shape, or too small.
    """

    def __init__(
        self,
        runs: tuple[tuple[int, int], ...],
        kernels: tuple[int, ...] = (3,),
        averaged: bool = True,
        num_classes: int = 10,
        in_channels: int = 3,
        gate_bias: float = -2.0,
        dropout: float = 0.2,
        width: float = 1.0,
    ):
        layers: dict[str, nn.Module] = {"drop0": nn.Dropout(dropout)}
        channels, count, before = in_channels, 0, None
        for run, (filters, number) in enumerate(runs):
            if run:
                layers |= {f"pool{run}": nn.MaxPool2d(2), f"drop{run}": nn.Dropout(dropout)}
            for _ in range(number):
                kernel, count = kernels[count % len(kernels)], count + 1
                if filters == before:
                    made = Highway(channels, kernel, gate_bias)
                else:
                    inputs, channels, before = channels, scaled(filters, width), filters
                    made = plain(inputs, channels, kernel)
                layers[f"conv{count}"] = made
        if averaged:
            inputs, channels = channels, scaled(LAST, width)
            layers |= {"last": plain(inputs, channels, 1), "avgpool": nn.AdaptiveAvgPool2d(1)}
        else:  # images of 28 x 28 have maps of 3 x 3 without averaging
            layers |= {"pool": nn.MaxPool2d(2), "avgpool": nn.AdaptiveAvgPool2d(3)}
            channels *= 9
        fc = nn.Linear(channels, num_classes)
        draw_weights(fc, nn.init.lecun_uniform_)
        layers |= {"flatten": nn.Flatten(), "dropout": nn.Dropout(dropout), "fc": fc}
        super().__init__(layers, in_channels, smallest_image(nn.Sequential(layers)))


def plain(in_channels: int, out_channels: int, kernel_size: int) -> ConvReLU:
    """A layer that changes the number of channels."""
    made = ConvReLU(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
    draw_weights(made, nn.init.lecun_uniform_)
    return made


def mnist(filters: int, settings: dict) -> HighwayNet:
    """The net of ten layers with `filters` filters in each."""
    runs = tuple((filters, number) for number in (4, 3, 2))
    return HighwayNet(runs, averaged=False, **{"in_channels": 1, "gate_bias": -1.0, **settings})


@register(params=38_730, macs=14_113_440, input_shape=(1, 28, 28))
def highway_mnist_16(**settings: Any) -> HighwayNet:
    """Ten layers of 16 filters for 28 x 28. Settings: see `HighwayNet`."""
    return mnist(16, settings)


@register(params=151_178, macs=56_225_088, input_shape=(1, 28, 28))
def highway_mnist_32(**settings: Any) -> HighwayNet:
    """Ten layers of 32 filters for 28 x 28. Settings: see `HighwayNet`."""
    return mnist(32, settings)


@register(params=225_078, macs=31_523_816, input_shape=(3, 32, 32))
def highway_a_cifar(**settings: Any) -> HighwayNet:
    """Highway A, of 11 layers, for 32 x 32. Settings: see `HighwayNet`."""
    return HighwayNet(A, **settings)


@register(params=2_256_838, macs=330_826_728, input_shape=(3, 32, 32))
def highway_b_cifar(**settings: Any) -> HighwayNet:
    """Highway B, of 19 layers, for 32 x 32. Settings: see `HighwayNet`."""
    return HighwayNet(B, **settings)


@register(params=1_264_502, macs=230_089_704, input_shape=(3, 32, 32))
def highway_c_cifar(**settings: Any) -> HighwayNet:
    """Highway C, of 32 layers, for 32 x 32. Settings: see `HighwayNet`."""
    return HighwayNet(C, (3, 1), **settings)
