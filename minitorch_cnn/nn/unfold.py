"""Windows of images as columns, and back, as layers; see functional/unfold.py."""

from __future__ import annotations

from .. import functional as F
from ..tensor.tensor import Tensor
from .module import Module

Pair = int | tuple[int, int]


class Unfold(Module):
    """The windows of images as columns.    x (N, C, H, W) -> y (N, C KH KW, L)"""

    def __init__(self, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1):
        super().__init__()
        self.kernel_size, self.dilation = kernel_size, dilation
        self.padding, self.stride = padding, stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return _settings(self)


class Fold(Module):
    """Columns added up to images of `output_size`.    x (N, C KH KW, L) -> y (N, C, H, W)"""

    def __init__(
        self,
        output_size: Pair,
        kernel_size: Pair,
        dilation: Pair = 1,
        padding: Pair = 0,
        stride: Pair = 1,
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
