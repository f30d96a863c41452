"""Convolution by its definition: pad, gather the windows, multiply. The test of the fast one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..tensor.padding import pad
from ..tensor.tensor import Tensor
from .conv import check_conv
from .geometry import conv_window, from_images, to_images

if TYPE_CHECKING:
    from ..tensor.types import Size2d


def conv2d_simple(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size2d = 1,
    padding: Size2d | str = 0,
    dilation: Size2d = 1,
    groups: int = 1,
) -> Tensor:
    """Compute conv2d in ten lines of Tensor operations, which provide the gradients.

    x (N, C, H, W), w (O, C/groups, KH, KW), b (O,) -> y (N, O, OH, OW), also without the batch axis

    All windows are in memory at once: KH*KW times the input. Raises: as conv2d.
    """
    check_conv("conv2d_simple", input, weight, bias, groups, spatial=2)
    images = to_images("conv2d_simple", input, spatial=2)
    window = conv_window("conv2d_simple", images, weight, stride, padding, dilation)
    (kh, kw), (sh, sw), (dh, dw) = window.kernel, window.stride, window.dilation
    (top, bottom), (left, right) = window.padding
    oh, ow = window.output_size(*images.shape[2:])

    x = pad(images, (left, right, top, bottom))
    rows = np.arange(kh)[:, None] * dh + np.arange(oh) * sh  # (KH, OH)
    columns = np.arange(kw)[:, None] * dw + np.arange(ow) * sw  # (KW, OW)
    x = x[:, :, rows[:, None, :, None], columns[None, :, None, :]]  # (N, C, KH, KW, OH, OW)

    n, o, taps = len(images), len(weight), weight.shape[1] * kh * kw
    x = x.reshape(n, groups, taps, oh * ow)  # (N, G, C/G KH KW, OH OW)
    w = weight.reshape(groups, o // groups, taps)  # (G, O/G, C/G KH KW)
    y = (w @ x).reshape(n, o, oh, ow)
    y = y if bias is None else y + bias.reshape(-1, 1, 1)
    return from_images(y, input.ndim, spatial=2)
