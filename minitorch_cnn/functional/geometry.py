"""Check the arguments of sliding windows and convert them to a `Window` over images (N, C, H, W).

A signal (N, C, L) is an image of height 1 and an input without a batch axis is a batch of one, so
that one kernel serves all. `spatial` is the number of axes the window slides along, 1 or 2.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..kernels.window import Window
from ..tensor.tensor import Tensor

Pair = tuple[int, int]


def pair(name: str, argument: str, value: Any, least: int, spatial: int) -> Pair:
    """`value`, an int or `spatial` of them, as (for the height, for the width), each at least
    `least`.

    The height of a signal gets `least`, which has no effect: padding 0, kernel or stride 1.
    """
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if len(values) == 1:
        values *= spatial
    if len(values) != spatial or not all(is_int(v) for v in values):
        raise TypeError(f"{name}: {argument}={value!r} must be an int or a tuple of {spatial}")
    if min(values) < least:
        raise ValueError(f"{name}: {argument}={value} must be at least {least}")
    sizes: Any = (least,) * (2 - spatial) + tuple(int(v) for v in values)
    return sizes


def is_int(value: object) -> bool:
    """Whether `value` is a whole number; True and False are not."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def to_images(name: str, x: Tensor, spatial: int) -> Tensor:
    """Reshape x to (N, C, H, W): a signal's height and a missing batch axis get size 1."""
    if x.ndim not in (spatial + 1, spatial + 2):
        layout = "(N, C, H, W) or (C, H, W)" if spatial == 2 else "(N, C, L) or (C, L)"
        raise ValueError(f"{name}: input of shape {x.shape} must be {layout}")
    if 0 in x.shape[-spatial:]:
        raise ValueError(f"{name}: input of shape {x.shape} has an empty axis besides the batch")
    if spatial == 1:
        x = x.unsqueeze(-2)
    return x if x.ndim == 4 else x.unsqueeze(0)


def from_images(y: Tensor, ndim: int, spatial: int) -> Tensor:
    """Undo `to_images` of an input that had `ndim` axes."""
    if spatial == 1:
        y = y.squeeze(-2)
    return y if y.ndim == ndim else y.squeeze(0)


def conv_window(
    name: str, x: Tensor, weight: Tensor, stride: Any, padding: Any, dilation: Any
) -> Window:
    """The window of a convolution of x (N, C, H, W), w (O, C/groups, KH, KW) or (., ., K)."""
    spatial = weight.ndim - 2
    kernel = pair(name, "kernel_size", weight.shape[2:], 1, spatial)
    stride = pair(name, "stride", stride, 1, spatial)
    dilation = pair(name, "dilation", dilation, 1, spatial)
    if padding == "same":
        if max(stride) > 1:
            raise ValueError(f"{name}: padding='same' needs stride=1, got stride={stride}")
        return Window.same(kernel, dilation)
    if padding == "valid":
        padding = 0
    if isinstance(padding, str):
        raise ValueError(f"{name}: padding={padding!r} must be 'same', 'valid' or a number")
    padding = pair(name, "padding", padding, 0, spatial)
    return fitting_window(name, x.shape[2:], kernel, stride, padding, dilation)


def pool_window(
    name: str,
    x: Tensor,
    spatial: int,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Window:
    """The window of a pooling over x (N, C, H, W); a stride of None is the kernel's size."""
    kernel = pair(name, "kernel_size", kernel_size, 1, spatial)
    stride = kernel if stride is None else pair(name, "stride", stride, 1, spatial)
    padding = pair(name, "padding", padding, 0, spatial)
    dilation = pair(name, "dilation", dilation, 1, spatial)
    for k, p in zip(kernel, padding, strict=True):
        if 2 * p > k:
            raise ValueError(f"{name}: padding={p} must be at most half of kernel_size={k}")
    return fitting_window(name, x.shape[2:], kernel, stride, padding, dilation, ceil_mode)


def adaptive_size(name: str, x: Tensor, output_size: Any, spatial: int = 2) -> Pair:
    """(OH, OW) of an adaptive pooling of x (N, C, H, W); None stands for H or W."""
    sides = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * spatial
    if len(sides) != spatial or not all(side is None or is_int(side) for side in sides):
        several = "a pair of ints or None" if spatial == 2 else "a tuple of one"
        raise TypeError(f"{name}: output_size={output_size!r} must be an int or {several}")
    sides = (*(None,) * (2 - spatial), *sides)
    size: Any = tuple(
        n if side is None else int(side) for n, side in zip(x.shape[2:], sides, strict=True)
    )
    if min(size) < 0:
        raise ValueError(f"{name}: output_size={output_size} must not be negative")
    return size


@lru_cache(maxsize=1024)
def fitting_window(
    name: str,
    size: Pair,
    kernel: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    ceil_mode: bool = False,
) -> Window:
    """A Window. Raises: ValueError, naming the function, if it exceeds an input of `size`."""
    sides: Any = padding  # which the window stores as ((top, bottom), (left, right))
    window = Window(kernel, stride, sides, dilation, ceil_mode)
    try:
        window.output_size(*size)
    except ValueError as error:
        raise ValueError(f"{name}: {str(error).removeprefix('Window: ')}") from None
    return window
