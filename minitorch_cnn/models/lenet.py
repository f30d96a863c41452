"""LeNet-5, as published in 1998 and in the form that is taught.

Y. LeCun, L. Bottou, Y. Bengio, P. Haffner (1998), "Gradient-based learning applied to document
recognition", Proceedings of the IEEE 86 (11), section II.B. Layers have the paper's names.

Deviations from the paper
- The bitmaps of the output units are redrawn (the paper shows its own only as a picture, figure 3).
- The output is the negative of the paper's: the smallest distance becomes the largest logit.
- `map_loss` is the paper's equation 9 with its constant j as a parameter, but the recipe trains
  with cross entropy, which lacks j, and with momentum instead of the stochastic diagonal
  Levenberg-Marquardt method.
- S2 and S4 start with coefficients of 1/4, that is as averages, instead of U[-0.6, 0.6]: a map
  whose coefficient happens to start near zero learns slowly.
- Inputs are not scaled here: the paper's -0.1 for background and 1.175 for ink belong to the data.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import functional as F
from .. import nn
from ..autograd.array_function import ArrayFunction
from ..dtypes import get_default_dtype
from ..nn.parameter import new_parameter
from ..tensor import Tensor, cat, full
from .registry import register

# The maps of S2 (rows) that each map of C3 (columns) is connected to.                     Table I
CONNECTIONS = (
    "X . . . X X X . . X X X X . X X",
    "X X . . . X X X . . X X X X . X",
    "X X X . . . X X X . . X . X X X",
    ". X X X . . X X X X . . X . X X",
    ". . X X X . . X X X X . X X . X",
    ". . . X X X . . X X X X . X X X",
)

# The target of the 84 units of F6 for each digit: 7 x 12, # for +1 and . for -1.        Figure 3
BITMAPS = (
    "..###.. ...##.. .#####. .#####. ....##. ####### ..####. ####### ..###.. .#####.",
    ".#...#. ..###.. ##...## #....## ...###. ##..... .##..## .....## .#...#. ##...##",
    "##...## .####.. .....## .....## ..#.##. ##..... ##..... .....## ##...## ##...##",
    "##...## ...##.. .....## .....## ..#.##. ##..... ##..... ....##. ##...## ##...##",
    "##...## ...##.. ....##. .....## .#..##. ######. ##..... ....##. .##.##. ##...##",
    "##...## ...##.. ....##. ..####. .#..##. .....## ######. ...##.. ..###.. .######",
    "##...## ...##.. ...##.. .....## #...##. .....## ##...## ...##.. .##.##. .....##",
    "##...## ...##.. ..##... .....## ####### .....## ##...## ...##.. ##...## .....##",
    "##...## ...##.. ..##... .....## ....##. .....## ##...## ..##... ##...## .....##",
    "##...## ...##.. .##.... .....## ....##. .....## ##...## ..##... ##...## ....##.",
    ".#...#. ...##.. ##..... #....## ....##. ##...## .##.##. ..##... .#...#. ##..##.",
    "..###.. .###### ####### .#####. ....##. .#####. ..###.. ..##... ..###.. .####..",
)


def digit_codes() -> np.ndarray:
    """The bitmaps as the targets of F6: (10, 84) of -1 and 1, each digit row by row."""
    rows = np.array([[list(digit) for digit in row.split()] for row in BITMAPS])  # (12, 10, 7)
    return np.where(rows.swapaxes(0, 1).reshape(10, 84) == "#", 1.0, -1.0)


def codes_of(num_classes: int) -> np.ndarray:
    """The targets of F6 for each class: a digit's bitmap below 10, fixed random signs from 10 on.

    -> (num_classes, 84) of -1 and 1. Two random codes differ in about 42 places; two bitmaps in 15
    to 61.
    """
    signs = np.random.default_rng(1998).choice([-1.0, 1.0], (max(num_classes - 10, 0), 84))
    return np.concatenate([digit_codes(), signs])[:num_classes]


class TrainableSubsampling(nn.Module):
    """y = a * (sum of each 2 x 2 window) + b, one a and one b per map: layers S2 and S4.

    x (N, C, H, W), weight a (C,), bias b (C,) -> y (N, C, H/2, W/2)
    """

    def __init__(self, channels: int):
        super().__init__()
        self.weight, self.bias = new_parameter(channels), new_parameter(channels)
        nn.init.constant_(self.weight, 1 / 4)

    def forward(self, x: Tensor) -> Tensor:
        sums = F.avg_pool2d(x, 2, divisor_override=1)
        return self.weight.reshape(-1, 1, 1) * sums + self.bias.reshape(-1, 1, 1)

    def extra_repr(self) -> str:
        return str(self.weight.shape[0])


class Scatter(ArrayFunction):
    """y = zeros, y[key] = x for unique positions: packed kernels (L, KH, KW) -> (O, C, KH, KW)."""

    @staticmethod
    def forward(ctx: Any, x: np.ndarray, key: Any, shape: Any) -> np.ndarray:
        ctx.key = key
        y = np.zeros(shape, x.dtype, like=x)
        y[key] = x
        return y

    @staticmethod
    def backward(ctx: Any, gy: Any) -> Any:
        return gy[ctx.key]

    @staticmethod
    def captured(recorder: Any, cls: Any, x: Any, key: Any, shape: Any) -> Any:
        """In a graph: the kernels and a zero behind them, gathered."""
        links, kh, kw = x.shape
        table = np.full(shape[:2], links)
        table[key] = np.arange(links)
        zero = np.zeros((1, kh, kw), x.dtype)
        return recorder.emit("Gather", recorder.emit("Concat", x, zero, axis=0), table, axis=0)


class ConnectedConv2d(nn.Module):
    """A convolution whose output maps are each connected to some of the input maps: layer C3.

    connections: a row of crosses per input map, a column per output map, as `CONNECTIONS`.
    x (N, C, H, W), weight (links, K, K), bias (O,) -> y (N, O, H - K + 1, W - K + 1)

    The weight has a kernel per link, in the order of the output maps, and none for missing links:
    `kernels()` arranges them in a weight (O, C, K, K) with zeros between.
    """

    def __init__(self, connections: tuple[str, ...], kernel_size: int):
        super().__init__()
        linked = np.array([[mark == "X" for mark in row.split()] for row in connections]).T
        self.links = np.nonzero(linked)  # (output maps, input maps)
        self.shape = (*linked.shape, kernel_size, kernel_size)
        self.weight = new_parameter(linked.sum(), kernel_size, kernel_size)
        self.bias = new_parameter(len(linked))
        fan_in = linked.sum(axis=1) * kernel_size**2
        draw_uniform(self.weight, fan_in[self.links[0], None, None])
        draw_uniform(self.bias, fan_in)

    def kernels(self) -> Tensor:
        """The weight in the form for `F.conv2d`, (O, C, K, K)."""
        return Scatter.apply(self.weight, key=self.links, shape=self.shape)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.kernels(), self.bias)

    def multiply_adds(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        """K * K for each link and each position (H, W) of output_shape (O, H, W)."""
        return self.weight.numel() * output_shape[1] * output_shape[2]

    def extra_repr(self) -> str:
        out_maps, in_maps, size, _ = self.shape
        return f"{in_maps}, {out_maps}, kernel_size={size}, links={len(self.weight)}"


class RBF(nn.Module):
    """y_i = -||x - w_i||^2, the negative squared distance to a fixed code: the output units.

    x (N, F), codes w (I, F) -> y (N, I). The nearest code has the largest output, like the
    predicted class among logits. The codes are a buffer: stored, not trained.
    """

    def __init__(self, codes: np.ndarray):
        super().__init__()
        self.register_buffer("codes", Tensor(codes.astype(get_default_dtype())))

    def forward(self, x: Tensor) -> Tensor:
        return -(x.unsqueeze(1) - self.codes).square().sum(-1)

    def extra_repr(self) -> str:
        return "{1}, {0}".format(*self.codes.shape)


class LeNet5(nn.Module):
    """The network of figure 2.    x (N, in_channels, 32, 32) -> logits (N, num_classes)

    output: "rbf", distances to fixed codes (see `RBF` and `codes_of`); or "linear", a trained layer
    84 -> num_classes, as in most later versions.

    Raises: ValueError for another output, or images of another shape.
    """

    def __init__(self, num_classes: int = 10, in_channels: int = 1, output: str = "rbf"):
        super().__init__()
        if output not in ("rbf", "linear"):
            raise ValueError(f"LeNet5: output={output!r} must be 'rbf' or 'linear'")
        self.in_channels = in_channels
        self.c1 = nn.Conv2d(in_channels, 6, 5)  #     (N, 6, 28, 28)
        self.s2 = TrainableSubsampling(6)  #       (N, 6, 14, 14)
        self.c3 = ConnectedConv2d(CONNECTIONS, 5)  # (N, 16, 10, 10)
        self.s4 = TrainableSubsampling(16)  #      (N, 16, 5, 5)
        self.c5 = nn.Conv2d(16, 120, 5)  #            (N, 120, 1, 1)
        self.f6 = nn.Linear(120, 84)
        self.squash = nn.ScaledTanh()
        self.output = RBF(codes_of(num_classes)) if output == "rbf" else nn.Linear(84, num_classes)
        for layer in (self.c1, self.c5, self.f6, self.output):
            if not isinstance(layer, RBF):
                draw_uniform(layer.weight, layer.weight[0].numel())
                if layer.bias is not None:
                    draw_uniform(layer.bias, layer.weight[0].numel())

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1:] != (self.in_channels, 32, 32):
            raise ValueError(
                f"LeNet5: x of shape {x.shape} must be (N, {self.in_channels}, 32, 32)"
            )
        for layer in (self.c1, self.s2, self.c3, self.s4, self.c5):
            x = self.squash(layer(x))
        return self.output(self.squash(self.f6(x.flatten(1))))


def map_loss(output: Tensor, target: Tensor, j: float) -> Tensor:
    """The mean over samples of y_d + log(e^-j + sum_i e^-y_i), the paper's equation 9.

    output (N, I): the negative distances -y, as LeNet5 returns them; target (N,) of classes d. The
    constant j is the distance of a class for unrecognised samples: once a sample is much nearer to
    its own code than j and the other codes, its gradient vanishes. Without it (cross entropy) only
    differences of distances count.
    """
    rubbish = full((output.shape[0], 1), -j, dtype=output.dtype, device=output.device)
    return F.cross_entropy(cat([output, rubbish], dim=1), target)


def draw_uniform(tensor: Tensor, fan_in: int) -> None:
    """Draw from U[-2.4/F, 2.4/F], F = fan_in, a number or one for each element (appendix A)."""
    nn.init.uniform_(tensor, -2.4 / fan_in, 2.4 / fan_in)


@register(params=60_000, macs=325_680, input_shape=(1, 32, 32))
def lenet5(num_classes: int = 10, in_channels: int = 1, output: str = "rbf") -> LeNet5:
    """LeNet-5 of 1998: 156 + 12 + 1,516 + 32 + 48,120 + 10,164 parameters. See `LeNet5`."""
    return LeNet5(num_classes, in_channels, output)


@register(params=61_706, macs=416_520, input_shape=(1, 32, 32))
def lenet5_relu(num_classes: int = 10, in_channels: int = 1) -> nn.Sequential:
    """LeNet-5 as it is taught: ReLU, max pooling, all maps connected, linear output.

    Parameters: 156 + 2,416 + 48,120 + 10,164 + 850.
    """
    return nn.Sequential(
        nn.Conv2d(in_channels, 6, 5),  # x (N, in_channels, 32, 32) -> (N, 6, 28, 28)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 6, 14, 14)
        nn.Conv2d(6, 16, 5),  # (N, 16, 10, 10)
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 16, 5, 5)
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, num_classes),
    )
