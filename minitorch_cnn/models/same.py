"""Layers with TensorFlow's padding "SAME": ceil(n / stride) outputs for n inputs.

Along each axis the image gets the padding that the last window needs, half of it on either side; an
odd row or column is added at the bottom or right. With a stride of 2 and windows of 3, an image of
even size is padded only at the bottom and right, one of odd size on all sides.
"""

from __future__ import annotations

import math
from typing import Any

from .. import functional as F
from .. import nn
from ..tensor import Tensor

Pair = tuple[int, int]


def same_padding(
    size: tuple[int, ...], kernel_size: Pair, stride: Pair, dilation: Pair = (1, 1)
) -> Pair:
    """The rows and columns of padding, both sides together, that an image of `size` gets."""
    rows, columns = (
        max((math.ceil(n / s) - 1) * s + d * (k - 1) + 1 - n, 0)
        for n, k, s, d in zip(size, kernel_size, stride, dilation, strict=True)
    )
    return rows, columns


class SameConv2d(nn.Conv2d):
    """A convolution without bias.    x (N, C, H, W) -> y (N, O, ceil(H / stride), ceil(W / stride))

    Settings are those of Conv2d.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        dilation: int | Pair = 1,
        groups: int = 1,
    ):
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            dilation=dilation,
            groups=groups,
            bias=False,
        )
        self.padding = "same"

    def forward(self, input: Tensor) -> Tensor:
        rows, columns = same_padding(input.shape[2:], self.kernel_size, self.stride, self.dilation)
        if rows % 2 or columns % 2:
            input = F.pad(input, (0, columns % 2, 0, rows % 2))
        padding = rows // 2, columns // 2
        return F.conv2d(input, self.weight, None, self.stride, padding, self.dilation, self.groups)


class SameMaxPool2d(nn.MaxPool2d):
    """The maximum over windows.    x (N, C, H, W) -> y (N, C, ceil(H / stride), ceil(W / stride))

    kernel_size: odd.
    """

    padding: Any  # "same", as the repr shows it

    def __init__(self, kernel_size: int, stride: int):
        super().__init__(kernel_size, stride)
        self.padding = "same"

    def forward(self, input: Tensor) -> Tensor:
        return F.max_pool2d(
            input,
            self.kernel_size,
            self.stride,
            half_padding(input, self),
            ceil_mode=True,
            return_indices=False,
        )


class SameAvgPool2d(nn.AvgPool2d):
    """The mean over the part of a window inside the image, otherwise as `SameMaxPool2d`."""

    padding: Any

    def __init__(self, kernel_size: int, stride: int):
        super().__init__(kernel_size, stride)
        self.padding = "same"

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            half_padding(input, self),
            ceil_mode=True,
            count_include_pad=False,
        )


def half_padding(x: Tensor, pool: nn.MaxPool2d | nn.AvgPool2d) -> Pair:
    """The padding of x on each side except an odd row or column, which poolings can round up to."""
    kernel: Any = pool.kernel_size
    stride: Any = pool.stride
    rows, columns = same_padding(x.shape[2:], (kernel, kernel), (stride, stride))
    return rows // 2, columns // 2
