"""Windows of images as columns, and the reverse, as layers; see functional/unfold.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import functional as F
from ..tensor.tensor import Tensor
from .module import Module

if TYPE_CHECKING:
    from ..tensor.types import Size2d


class Unfold(Module):
    """The windows of images as columns.    x (N, C, H, W) -> y (N, C KH KW, L)"""

    def __init__(
        self, kernel_size: Size2d, dilation: Size2d = 1, padding: Size2d = 0, stride: Size2d = 1
    ):
        super().__init__()
        self.kernel_size, self.dilation = kernel_size, dilation
        self.padding, self.stride = padding, stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return _settings(self)


class Fold(Module):
    """The sum of columns in images of `output_size`.    x (N, C KH KW, L) -> y (N, C, H, W)"""

    def __init__(
        self,
        output_size: Size2d,
        kernel_size: Size2d,
        dilation: Size2d = 1,
        padding: Size2d = 0,
        stride: Size2d = 1,
    ):
        super().__init__()
        self.output_size = output_size
        self.kernel_size, self.dilation = kernel_size, dilation
        self.padding, self.stride = padding, stride

    def forward(self, input: Tensor) -> Tensor:
        settings = self.kernel_size, self.dilation, self.padding, self.stride
        return F.fold(input, self.output_size, *settings)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}, {_settings(self)}"


def _settings(layer: Unfold | Fold) -> str:
    return (
        f"kernel_size={layer.kernel_size}, dilation={layer.dilation}, padding={layer.padding}, "
        f"stride={layer.stride}"
    )
