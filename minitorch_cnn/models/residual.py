"""The building blocks of residual networks: blocks that add their input to a function of it.

    y = max(branch(x) + shortcut(x), 0)

K. He, X. Zhang, S. Ren, J. Sun (2016), "Deep residual learning for image recognition", CVPR 2016,
arXiv 1512.03385, figures 2 and 5. Families that change one of the two inherit from a block, or call
its `branch` and `shortcut` themselves.
"""

from __future__ import annotations

from collections.abc import Callable

from .. import functional as F
from .. import nn
from ..nn.fusion import norm_after, relu_after, relu_of_normed_sum, relu_of_sum
from ..tensor import Tensor
from ..tensor.padding import pad
from .blocks import conv_bn

# (channels of the input, channels of the output, stride) -> a block, or a shortcut's layers
MakeBlock = Callable[[int, int, int], nn.Module]


class PadChannels(nn.Module):
    """x followed by maps of zeros.    x (N, C, H, W) -> y (N, out_channels, H, W)"""

    def __init__(self, out_channels: int):
        super().__init__()
        self.out_channels = out_channels

    def forward(self, x: Tensor) -> Tensor:
        return pad(x, (0, 0, 0, 0, 0, self.out_channels - x.shape[1]))

    def extra_repr(self) -> str:
        return f"out_channels={self.out_channels}"


def projection(
    in_channels: int, out_channels: int, stride: int = 1, kernel_size: int = 1
) -> nn.Sequential:
    """A convolution with batch norm, for an input whose shape differs from the branch's output."""
    return nn.Sequential(*conv_bn(in_channels, out_channels, kernel_size, stride))


def make_shortcut(
    option: str | None,
    in_channels: int,
    out_channels: int,
    stride: int,
    project: MakeBlock = projection,
) -> nn.Module | None:
    """Make the shortcut of a block by an option of section 4.1; None stands for the identity.

    "A": subsampling, and zeros for new channels: no parameters; "B": a projection where the shape
    changes, the identity elsewhere; "C": a projection everywhere. project: makes it.

    Raises: ValueError for another option.
    """
    if option not in ("A", "B", "C"):
        raise ValueError(f"make_shortcut: option={option!r} must be 'A', 'B' or 'C'")
    if option != "C" and stride == 1 and in_channels == out_channels:
        return None
    if option == "A":
        return nn.Sequential(nn.AvgPool2d(1, stride), PadChannels(out_channels))
    return project(in_channels, out_channels, stride)


class ResidualBlock(nn.Module):
    """y = max(branch(x) + shortcut(x), 0)

    A subclass sets `downsample` to the shortcut's layers, None for identity, and defines `branch`.
    Or it names the last convolution and batch norm of the branch, `last`, and defines what they
    take, `inner`.
    """

    downsample: nn.Module | None
    last: tuple[str, str]

    def inner(self, x: Tensor) -> Tensor:
        """What the branch computes before its last convolution."""
        raise NotImplementedError(f"branch: {type(self).__name__} does not define it")

    def branch(self, x: Tensor) -> Tensor:
        """The residual that the block learns."""
        y = self.inner(x)
        conv, norm = (getattr(self, name) for name in self.last)
        return norm_after(norm, conv, y)

    def shortcut(self, x: Tensor) -> Tensor:
        """The shortcut to which the branch is added."""
        return x if self.downsample is None else self.downsample(x)

    def forward(self, x: Tensor) -> Tensor:
        if type(self).branch is not ResidualBlock.branch or "branch" in self.__dict__:
            return relu_of_sum(self.branch(x), self.shortcut(x))
        y = self.inner(x)
        conv, norm = (getattr(self, name) for name in self.last)
        return relu_of_normed_sum(norm, conv, y, self.shortcut(x))


class BasicBlock(ResidualBlock):
    """A branch of two 3 x 3 convolutions with batch norm.

    x (N, in_channels, H, W) -> y (N, out_channels, ceil(H / stride), ceil(W / stride))
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
    ):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample = downsample

    last = "conv2", "bn2"

    def inner(self, x: Tensor) -> Tensor:
        return relu_after(self.bn1, x, self.conv1)


class PlainBlock(BasicBlock):
    """y = max(branch(x), 0): the same layers without a shortcut."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.branch(x))


class Bottleneck(ResidualBlock):
    """A branch of 1 x 1, 3 x 3 and 1 x 1 convolutions with batch norm.

    x (N, in_channels, H, W) -> y (N, filters[2], ceil(H / stride), ceil(W / stride))

    filters: of the three convolutions; strides: of the first two, whose product is the block's
    stride; groups: of the 3 x 3.
    """

    def __init__(
        self,
        in_channels: int,
        filters: tuple[int, ...],
        strides: tuple[int, int] = (1, 1),
        groups: int = 1,
        downsample: nn.Module | None = None,
    ):
        super().__init__()
        first, inner, out_channels = filters
        self.conv1 = nn.Conv2d(in_channels, first, 1, strides[0], bias=False)
        self.bn1 = nn.BatchNorm2d(first)
        self.conv2 = nn.Conv2d(first, inner, 3, strides[1], 1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample = downsample

    last = "conv3", "bn3"

    def inner(self, x: Tensor) -> Tensor:
        y = relu_after(self.bn1, x, self.conv1)
        return relu_after(self.bn2, y, self.conv2)


def basic(shortcut: str | None) -> MakeBlock:
    """Makes basic blocks with shortcuts of that option; with None, plain blocks."""
    if shortcut is None:
        return PlainBlock

    def make(in_channels: int, out_channels: int, stride: int) -> BasicBlock:
        downsample = make_shortcut(shortcut, in_channels, out_channels, stride)
        return BasicBlock(in_channels, out_channels, stride, downsample)

    return make


def bottleneck(
    shortcut: str | None, inner: int, groups: int = 1, stride_first: bool = False
) -> MakeBlock:
    """Makes bottlenecks with `inner` filters in the first two convolutions.

    stride_first: whether the first of them has the block's stride, not the second.
    """

    def make(in_channels: int, out_channels: int, stride: int) -> Bottleneck:
        filters = (inner, inner, out_channels)
        strides = (stride, 1) if stride_first else (1, stride)
        downsample = make_shortcut(shortcut, in_channels, out_channels, stride)
        return Bottleneck(in_channels, filters, strides, groups, downsample)

    return make


def imagenet_stem(in_channels: int, channels: int) -> dict[str, nn.Module]:
    """A 7 x 7 convolution and max pooling, each of which halves the image."""
    return {
        "conv1": nn.Conv2d(in_channels, channels, 7, 2, 3, bias=False),
        "bn1": nn.BatchNorm2d(channels),
        "relu": nn.ReLU(),
        "maxpool": nn.MaxPool2d(3, 2, 1),
    }


def stage(
    make: MakeBlock, in_channels: int, out_channels: int, blocks: int, stride: int
) -> nn.Sequential:
    """A sequence of blocks; the first has the stride and changes the channels."""
    first = make(in_channels, out_channels, stride)
    others = (make(out_channels, out_channels, 1) for _ in range(blocks - 1))
    return nn.Sequential(first, *others)


def draw_he_weights(model: nn.Module) -> None:
    """Initialise convolutions from N(0, 2 / fan_out) and linear biases with 0.

    K. He et al. (2015), "Delving deep into rectifiers", arXiv 1502.01852, equation 14: gradients
    keep their size during backpropagation. Linear weights keep the layer's default initialisation.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(
                module.weight, mode="fan_out", nonlinearity="relu", groups=module.groups
            )
        elif isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
