"""Padding of signals and images as layers. tensor/padding.py defines its values."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..functional.geometry import is_int
from ..tensor.tensor import Tensor
from .checks import is_sequence
from .module import Module

Widths1d = int | tuple[int, int]
Widths2d = int | tuple[int, int, int, int]


class _Pad(Module):
    """Base of the paddings: `padding`, one width for all sides or one for each, and the mode."""

    spatial: int
    mode = "constant"

    def __init__(self, padding: Widths1d | Widths2d):
        super().__init__()
        sides = 2 * self.spatial
        widths: Any = tuple(padding) if is_sequence(padding) else (padding,) * sides
        if len(widths) != sides or not all(map(is_int, widths)):
            each = "(left, right, top, bottom)" if self.spatial == 2 else "(left, right)"
            raise TypeError(f"{type(self).__name__}: padding={padding} must be an int or {each}")
        self.padding: tuple[int, ...] = widths

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPadNd(_Pad):
    """Base of the paddings with a constant."""

    def __init__(self, padding: Widths1d | Widths2d, value: float):
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """`value` around signals.    x (*, L) -> y (*, left + L + right)

    See ConstantPad2d.
    """

    spatial = 1


class ZeroPad1d(_Pad):
    """Zeros around signals.    x (*, L) -> y (*, left + L + right)

    See ZeroPad2d.
    """

    spatial = 1


class ReflectionPad1d(_Pad):
    """A border that mirrors the signal without repeating its last element.

    x (*, L) -> y (*, left + L + right); see ReflectionPad2d.
    """

    spatial = 1
    mode = "reflect"


class ReplicationPad1d(_Pad):
    """A border that repeats the signal's edge elements.    x (*, L) -> y (*, left + L + right)

    See ReplicationPad2d.
    """

    spatial = 1
    mode = "replicate"


class CircularPad1d(_Pad):
    """A border that wraps around to the signal's other end.    x (*, L) -> y (*, left + L + right)

    See CircularPad2d.
    """

    spatial = 1
    mode = "circular"


class ConstantPad2d(_ConstantPadNd):
    """`value` around images.

    x (*, H, W) -> y (*, top + H + bottom, left + W + right)

    padding: one width for all sides, or (left, right, top, bottom); negative widths crop.

    Raises: TypeError for other forms of padding.
    """

    spatial = 2


class ZeroPad2d(_Pad):
    """Zeros around images.

    x (*, H, W) -> y (*, top + H + bottom, left + W + right)

    padding: one width for all sides, or (left, right, top, bottom); negative widths crop.

    Raises: TypeError for other forms of padding.
    """

    spatial = 2


class ReflectionPad2d(_Pad):
    """A border that mirrors the image without repeating its edge rows and columns.

    x (*, H, W) -> y (*, top + H + bottom, left + W + right)

    padding: one width for all sides, or (left, right, top, bottom); negative widths crop.

    Raises: TypeError for other forms of padding; RuntimeError, in a call, for widths not below the
    size.
    """

    spatial = 2
    mode = "reflect"


class ReplicationPad2d(_Pad):
    """A border that repeats the image's edge rows and columns.

    x (*, H, W) -> y (*, top + H + bottom, left + W + right)

    padding: one width for all sides, or (left, right, top, bottom); negative widths crop.

    Raises: TypeError for other forms of padding.
    """

    spatial = 2
    mode = "replicate"


class CircularPad2d(_Pad):
    """A border that wraps around to the image's other side.

    x (*, H, W) -> y (*, top + H + bottom, left + W + right)

    padding: one width for all sides, or (left, right, top, bottom); negative widths crop.

    Raises: TypeError for other forms of padding; RuntimeError, in a call, for widths above the
    size.
    """

    spatial = 2
    mode = "circular"
