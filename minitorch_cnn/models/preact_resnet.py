"""Pre-activation ResNet: an unobstructed identity path from the first block to the last.

K. He, X. Zhang, S. Ren, J. Sun (2016), "Identity mappings in deep residual networks", ECCV 2016,
arXiv 1603.05027. If batch norm and ReLU precede the convolutions of a block instead of following
the addition, the output of a net is the input of any of its blocks plus all later branches, and
gradients pass back unchanged. A net of 1001 layers trains, and beats one of 110.

    a = max(bn(x), 0)    y = branch(a) + x

Deviations from the paper
- The ImageNet nets have batch norm and ReLU after the first convolution and again in their first
  block: parameters are counted with both.
- The bottlenecks of the CIFAR nets stride in the 3 x 3 convolution, and multiply-adds are counted
  accordingly. Those of the ImageNet nets stride in the first 1 x 1, as the authors' do.

If the shape changes, the shortcut is a convolution without batch norm (in the net of 110 layers
subsampling and zero padding) applied to a, like the branch.
"""

from __future__ import annotations

from typing import Any

from .. import nn
from ..nn.fusion import relu_after
from ..tensor import Tensor
from .blocks import Trunk, classifier, scaled
from .registry import register
from .residual import MakeBlock, draw_he_weights, imagenet_stem, make_shortcut, stage
from .resnet import EXPANSION, FILTERS, TABLE
from .resnet_cifar import CifarResNet


class PreActBlock(nn.Module):
    """y = branch(a) + shortcut(x, a), where a = max(bn1(x), 0)

    A subclass sets `bn1`, defines `branch`, and sets `downsample` to the layers that turn a into
    the shortcut, or None for x unchanged.
    """

    bn1: nn.Module
    downsample: nn.Module | None

    def branch(self, a: Tensor) -> Tensor:
        """The residual that the block learns."""
        raise NotImplementedError(f"branch: {type(self).__name__} does not define it")

    def shortcut(self, x: Tensor, a: Tensor) -> Tensor:
        """The shortcut to which the branch is added."""
        return x if self.downsample is None else self.downsample(a)

    def forward(self, x: Tensor) -> Tensor:
        a = relu_after(self.bn1, x)
        return self.branch(a) + self.shortcut(x, a)


class PreActBasicBlock(PreActBlock):
    """A branch of two 3 x 3 convolutions, with batch norm and ReLU before them.

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
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.downsample = downsample

    def branch(self, a: Tensor) -> Tensor:
        y = self.conv1(a)
        return self.conv2(relu_after(self.bn2, y))


class PreActBottleneck(PreActBlock):
    """A branch of 1 x 1, 3 x 3 and 1 x 1 convolutions, with batch norm and ReLU before them.

    x (N, in_channels, H, W) -> y (N, out_channels, ceil(H / stride), ceil(W / stride))

    inner: filters of the first two convolutions; strides: of these, with the block's as product.
    """

    def __init__(
        self,
        in_channels: int,
        inner: int,
        out_channels: int,
        strides: tuple[int, int] = (1, 1),
        downsample: nn.Module | None = None,
    ):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, inner, 1, strides[0], bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, strides[1], 1, bias=False)
        self.bn3 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, out_channels, 1, bias=False)
        self.downsample = downsample

    def branch(self, a: Tensor) -> Tensor:
        y = self.conv1(a)
        y = self.conv2(relu_after(self.bn2, y))
        return self.conv3(relu_after(self.bn3, y))


def project(in_channels: int, out_channels: int, stride: int) -> nn.Conv2d:
    """A convolution without batch norm, since the shortcut's input already passed one."""
    return nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)


def preact_basic(option: str) -> MakeBlock:
    """Makes basic blocks with shortcuts of an option of `make_shortcut`."""

    def make(in_channels: int, out_channels: int, stride: int) -> PreActBasicBlock:
        downsample = make_shortcut(option, in_channels, out_channels, stride, project)
        return PreActBasicBlock(in_channels, out_channels, stride, downsample)

    return make


def preact_bottleneck(stride_first: bool) -> MakeBlock:
    """Makes bottlenecks with shortcuts of option B.

    stride_first: whether the first convolution has the block's stride, not the second.
    """

    def make(in_channels: int, out_channels: int, stride: int) -> PreActBottleneck:
        inner = scaled(out_channels, 1 / EXPANSION)
        strides = (stride, 1) if stride_first else (1, stride)
        downsample = make_shortcut("B", in_channels, out_channels, stride, project)
        return PreActBottleneck(in_channels, inner, out_channels, strides, downsample)

    return make


class PreActResNet(Trunk):
    """The net of a depth in ResNet's TABLE.    x (N, in_channels, H, W) -> logits (N, num_classes)

    width: a factor for all channels.

    Raises: ValueError for images of another shape.
    """

    def __init__(
        self, depth: int, num_classes: int = 1000, in_channels: int = 3, width: float = 1.0
    ):
        channels, make = scaled(FILTERS[0], width), preact_bottleneck(stride_first=True)
        layers = imagenet_stem(in_channels, channels)
        for number, (blocks, filters) in enumerate(zip(TABLE[depth], FILTERS, strict=True), 1):
            inputs, channels = channels, scaled(EXPANSION * filters, width)
            stride = 1 if number == 1 else 2
            layers[f"layer{number}"] = stage(make, inputs, channels, blocks, stride)
        layers |= {"norm": nn.BatchNorm2d(channels), "last_relu": nn.ReLU()}
        layers |= classifier(channels, num_classes)
        super().__init__(layers, in_channels, smallest=1)
        draw_he_weights(self)


def cifar_bottlenecks(depth: int, settings: dict) -> CifarResNet:
    """The net of 9n + 2 layers for small images."""
    make, filters = preact_bottleneck(stride_first=False), (64, 128, 256)
    return CifarResNet((depth - 2) // 9, make, filters=filters, preactivated=True, **settings)


@register(params=25_549_480, macs=3_857_973_248)
def preact_resnet50(**settings: Any) -> PreActResNet:
    """Pre-activation ResNet-50. Settings: see `PreActResNet`."""
    return PreActResNet(50, **settings)


@register(params=44_541_608, macs=7_570_194_432)
def preact_resnet101(**settings: Any) -> PreActResNet:
    """Pre-activation ResNet-101. Settings: see `PreActResNet`."""
    return PreActResNet(101, **settings)


@register(params=60_185_256, macs=11_282_415_616)
def preact_resnet152(**settings: Any) -> PreActResNet:
    """Pre-activation ResNet-152. Settings: see `PreActResNet`."""
    return PreActResNet(152, **settings)


@register(params=64_666_280, macs=14_776_270_848)
def preact_resnet200(**settings: Any) -> PreActResNet:
    """Pre-activation ResNet-200. Settings: see `PreActResNet`."""
    return PreActResNet(200, **settings)


@register(params=1_727_962, macs=252_887_680, input_shape=(3, 32, 32))
def preact_resnet110_cifar(**settings: Any) -> CifarResNet:
    """Pre-activation ResNet-110 of basic blocks for 32 x 32. Settings: see `CifarResNet`."""
    model = CifarResNet(18, preact_basic("A"), preactivated=True, **settings)
    # The first activation comes before input and branch part (appendix of the paper).
    model.layer1[0].downsample = nn.Identity()
    return model


@register(params=1_703_258, macs=247_646_720, input_shape=(3, 32, 32))
def preact_resnet164_cifar(**settings: Any) -> CifarResNet:
    """Pre-activation ResNet-164 of bottlenecks for 32 x 32. Settings: see `CifarResNet`."""
    return cifar_bottlenecks(164, settings)


@register(params=10_327_706, macs=1_490_995_712, input_shape=(3, 32, 32))
def preact_resnet1001_cifar(**settings: Any) -> CifarResNet:
    """Pre-activation ResNet-1001 of bottlenecks for 32 x 32. Settings: see `CifarResNet`."""
    return cifar_bottlenecks(1001, settings)
