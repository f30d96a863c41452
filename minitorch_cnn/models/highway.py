"""Highway network: layers that learn how much of their input to carry past themselves.

R. Srivastava, K. Greff, J. Schmidhuber (2015), "Training very deep networks", NIPS 2015, arXiv
1507.06228. As in an LSTM, a gate decides between the transform H of a layer and its input,

    y = T(x) * H(x) + (1 - T(x)) * x        T = sigmoid(W_T x + b_T)    (equation 3)

With b_T below 0 a new net carries almost all of its input, whatever its depth, and gradients reach
the first layer: nets of a hundred layers train where plain ones do not. On CIFAR-10 a highway
network of 19 layers errs 7.5 % without the two-stage training that FitNets of that depth need.

Deviations from the paper
- The MNIST nets (section 3.3) are 3 x 3 convolutions: a plain one, then three, three and two
  highway layers with 2 x 2 maxima behind each run, then the classifier: ten layers, with exactly
  the 39 and 151 thousand parameters of table 1.
- Of the CIFAR nets table 2 gives layers, parameters and the filters of the FitNets that A and B
  follow. Open are which layers are highways and what stands before the classifier. Here a layer
  that changes the number of channels is plain, all others are highways, and the means of the maps
  go through a highway layer of linear units. So B has 2.31 million parameters (table 2: 2.3) and A
  143 thousand (table 2: 236).
- Of C table 2 says 32 layers, 3 x 3 and 1 x 1 in turn, and 1.25 million parameters; three runs of
  ten layers with 32, 64 and 96 filters come to 1.27 million. Its filters are a guess.
"""

from __future__ import annotations

from collections.abc import Callable

from .. import functional as F
from ..nn import AdaptiveAvgPool2d, Conv2d, Flatten, Linear, MaxPool2d, Module, Sequential, init
from ..tensor import Tensor
from .blocks import ConvReLU, Trunk, scaled, smallest_image
from .registry import register

# Runs of layers with maxima of 2 x 2 pixels between them: the filters of each layer.
MNIST = ((1, 1, 1, 1), (1, 1, 1), (1, 1))  # times 16 or 32
A = ((16, 16, 16), (32, 32, 32), (48, 48, 64))  # FitNet 1
B = ((32, 32, 32, 48, 48), (80,) * 6, (128,) * 6)  # FitNet 4
C = ((32,) * 10, (64,) * 10, (96,) * 10)


class Highway(Module):
    """y = T(x) * H(x) + (1 - T(x)) * x        x, y of one shape

    transform: W_H, a layer that keeps the shape, behind which stands a ReLU; gate: W_T, a layer of
    the same kind, whose biases begin at gate_bias.
    """

    def __init__(self, transform: Module, gate: Module, gate_bias: float):
        super().__init__()
        self.transform, self.gate = transform, gate
        init.constant_(gate.bias, gate_bias)

    def forward(self, x: Tensor) -> Tensor:
        t = F.sigmoid(self.gate(x))
        return x + t * (F.relu(self.transform(x)) - x)


class HighwayNet(Trunk):
    """Runs of convolutions with maxima between them.

    x (N, in_channels, H, W) -> logits (N, num_classes)

    runs: the filters of each layer; head: makes what follows the last run from its channels, the
    classes and the gates' bias; kernels: the sizes of the convolutions in turn; gate_bias: what
    gates begin with, the more below 0 the deeper the net (the paper searches from -1 to -10);
    width: a factor for all channels.

    Raises: ValueError for images of another shape, or too small.
    """

    def __init__(
        self,
        runs: tuple[tuple[int, ...], ...],
        head: Callable[[int, int, float], dict[str, Module]],
        num_classes: int = 10,
        in_channels: int = 3,
        kernels: tuple[int, ...] = (3,),
        gate_bias: float = -2.0,
        width: float = 1.0,
    ):
        layers: dict[str, Module] = {}
        channels, count = in_channels, 0
        for run, filters in enumerate(runs):
            if run:
                layers[f"pool{run}"] = MaxPool2d(2)
            for outputs in filters:
                inputs, channels = channels, scaled(outputs, width)
                k, count = kernels[count % len(kernels)], count + 1
                if count > 1 and inputs == channels:
                    layers[f"conv{count}"] = highway_conv(channels, k, gate_bias)
                else:
                    layers[f"conv{count}"] = ConvReLU(inputs, channels, k, padding=k // 2)
        layers |= head(channels, num_classes, gate_bias)
        super().__init__(layers, in_channels, smallest_image(Sequential(layers)))


def highway_conv(channels: int, kernel_size: int, gate_bias: float) -> Highway:
    """A highway layer of convolutions."""
    pair = (Conv2d(channels, channels, kernel_size, padding=kernel_size // 2) for _ in range(2))
    return Highway(*pair, gate_bias)


def of_maps(channels: int, num_classes: int, gate_bias: float) -> dict[str, Module]:
    """Maxima, and a classifier that sees maps of 3 x 3 whole."""
    return {
        "pool": MaxPool2d(2),
        "avgpool": AdaptiveAvgPool2d(3),  # nothing happens here for images of 28 x 28
        "flatten": Flatten(),
        "fc": Linear(channels * 9, num_classes),
    }


def of_means(channels: int, num_classes: int, gate_bias: float) -> dict[str, Module]:
    """A highway layer and a classifier that see the means of the maps."""
    return {
        "avgpool": AdaptiveAvgPool2d(1),
        "flatten": Flatten(),
        "hidden": Highway(Linear(channels, channels), Linear(channels, channels), gate_bias),
        "fc": Linear(channels, num_classes),
    }


def mnist(filters: int, settings: dict) -> HighwayNet:
    """The net of ten layers with so many filters in each."""
    runs = tuple(tuple(n * filters for n in run) for run in MNIST)
    return HighwayNet(runs, of_maps, **{"in_channels": 1, **settings})


@register(params=38_730, macs=14_113_440, input_shape=(1, 28, 28))
def highway_mnist_16(**settings) -> HighwayNet:
    """Ten layers of 16 filters for 28 x 28. Settings: see `HighwayNet`."""
    return mnist(16, settings)


@register(params=151_178, macs=56_225_088, input_shape=(1, 28, 28))
def highway_mnist_32(**settings) -> HighwayNet:
    """Ten layers of 32 filters for 28 x 28. Settings: see `HighwayNet`."""
    return mnist(32, settings)


@register(params=143_482, macs=25_813_632, input_shape=(3, 32, 32))
def highway_a_cifar(**settings) -> HighwayNet:
    """Highway A, of 11 layers, for 32 x 32. Settings: see `HighwayNet`."""
    return HighwayNet(A, of_means, **settings)


@register(params=2_307_210, macs=351_864_064, input_shape=(3, 32, 32))
def highway_b_cifar(**settings) -> HighwayNet:
    """Highway B, of 19 layers, for 32 x 32. Settings: see `HighwayNet`."""
    return HighwayNet(B, of_means, **settings)


@register(params=1_273_386, macs=229_493_696, input_shape=(3, 32, 32))
def highway_c_cifar(**settings) -> HighwayNet:
    """Highway C, of 32 layers, for 32 x 32. Settings: see `HighwayNet`."""
    return HighwayNet(C, of_means, kernels=(3, 1), **settings)
