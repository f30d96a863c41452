"""The operations in the cells of searched networks, by name.

They are those of B. Zoph, V. Vasudevan, J. Shlens, Q. V. Le (2018), "Learning transferable
architectures for scalable image recognition", CVPR 2018, arXiv 1707.07012, section 3. Each is made
by a function of its input channels, its output channels, and a stride:

    x (N, in_channels, H, W) -> y (N, out_channels, ceil(H / stride), ceil(W / stride))
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .. import nn
from .blocks import SeparableConv
from .same import SameAvgPool2d, SameConv2d, SameMaxPool2d

batch_norm = partial(nn.BatchNorm2d, eps=1e-3)


def relu_conv_bn(
    in_channels: int,
    out_channels: int,
    stride: int = 1,
    kernel_size: int = 1,
    dilation: int = 1,
) -> nn.Sequential:
    """ReLU, convolution, batch norm: the order used throughout a cell."""
    conv = SameConv2d(in_channels, out_channels, kernel_size, stride, dilation)
    return nn.Sequential({"relu": nn.ReLU(), "conv": conv, "bn": batch_norm(out_channels)})


def identity(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """x unchanged, or if the shape changes a 1 x 1 convolution with ReLU and batch norm."""
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return relu_conv_bn(in_channels, out_channels, stride)


def pool(
    kind: Callable[..., nn.Module], size: int, in_channels: int, out_channels: int, stride: int
) -> nn.Module:
    """A pooling, and a 1 x 1 convolution with batch norm if the channels change."""
    layers: dict[str, nn.Module] = {"pool": kind(size, stride)}
    if in_channels != out_channels:
        conv = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        layers |= {"conv": conv, "bn": batch_norm(out_channels)}
    return nn.Sequential(layers)


def flat(size: int, in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """A convolution along the rows and one along the columns, each with ReLU and batch norm."""
    along_rows = SameConv2d(in_channels, out_channels, (1, size), (1, stride))
    along_columns = SameConv2d(out_channels, out_channels, (size, 1), (stride, 1))
    layers: list[nn.Module] = []
    for conv in (along_rows, along_columns):
        layers += [nn.ReLU(), conv, batch_norm(out_channels)]
    return nn.Sequential(*layers)


def separable(size: int, in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """A separable convolution twice, each with ReLU and batch norm; the first has the stride."""
    layers: dict[str, nn.Module] = {}
    names = ("depthwise_conv2d", "pointwise_conv2d")
    for i in (1, 2):
        layers[f"relu_{i}"] = nn.ReLU()
        layers[f"separable_{i}"] = SeparableConv(
            in_channels, out_channels, size, stride, "same", names
        )
        layers[f"bn_sep_{i}"] = batch_norm(out_channels)
        in_channels, stride = out_channels, 1
    return nn.Sequential(layers)


OPERATIONS = {
    "identity": identity,
    "conv_1x3_3x1": partial(flat, 3),
    "conv_1x7_7x1": partial(flat, 7),
    "dilated_3x3": partial(relu_conv_bn, kernel_size=3, dilation=2),
    "avg_pool_3x3": partial(pool, SameAvgPool2d, 3),
    "max_pool_3x3": partial(pool, SameMaxPool2d, 3),
    "max_pool_5x5": partial(pool, SameMaxPool2d, 5),
    "max_pool_7x7": partial(pool, SameMaxPool2d, 7),
    "conv_1x1": relu_conv_bn,
    "conv_3x3": partial(relu_conv_bn, kernel_size=3),
    "separable_3x3": partial(separable, 3),
    "separable_5x5": partial(separable, 5),
    "separable_7x7": partial(separable, 7),
}
