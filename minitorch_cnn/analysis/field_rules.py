"""The effect of each operation on receptive fields: the input positions that one output position
reads, along one axis of a map.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from .. import devices
from ..functional.avg_pool import AdaptiveAvgPool2d, AvgPool2d
from ..functional.conv import Conv2d, ConvTranspose2d
from ..functional.interpolate import Interpolate
from ..functional.max_pool import AdaptiveMaxPool2d, MaxPool2d
from ..functional.resample_taps import Resample
from ..kernels.window import Window, adaptive_spans
from ..tensor.gathering import IndexSelect
from ..tensor.indexing import Index
from ..tensor.linalg import MatMul
from ..tensor.movement import Flip, Roll
from ..tensor.padding import ConstantPad
from ..tensor.reduction import Cumsum


class Axis(NamedTuple):
    """The inputs of each position of a map along one axis: o sees first(o) to last(o).

    The tuples hold one period of P positions: first(o + P) = first(o) + advance, and the same for
    last. P is 1 unless an operation upsamples. Inputs below 0 and beyond the image are padding;
    -inf and inf represent the whole image, whatever its size.
    """

    first: tuple[float, ...]
    last: tuple[float, ...]
    advance: Fraction | int

    @property
    def size(self) -> float:
        """The receptive field: the number of inputs from the first to the last."""
        return max(last - first + 1 for first, last in zip(self.first, self.last, strict=True))

    @property
    def jump(self) -> Fraction:
        """The distance in the input between the fields of neighbouring positions."""
        return Fraction(self.advance) / len(self.first)

    def seen(self, a: int, b: int) -> tuple[float, float]:
        """The first and the last input of positions a to b."""
        period = len(self.first)
        return (
            self.first[a % period] + a // period * self.advance,
            self.last[b % period] + b // period * self.advance,
        )

    def read_by(self, reads: Callable[..., Any], outputs: int = 1, inputs: int = 1) -> Axis:
        """The axis of a map whose position o reads positions a to b of this one, (a, b) = reads(o).

        Position o + outputs reads the same range as o, shifted by `inputs`.
        """
        repeats = len(self.first) // math.gcd(len(self.first), inputs)
        first, last = zip(*(self.seen(*reads(o)) for o in range(outputs * repeats)), strict=True)
        return Axis(first, last, self.advance * (inputs * repeats // len(self.first)))

    def united(self, other: Axis, n: int) -> Axis:
        """The union of two axes, for n positions that read both."""
        jump = max(self.jump, other.jump)
        if math.inf in (self.size, other.size):
            return everything(jump)
        # Maps with different strides have no common period, but only n positions are needed.
        alike = self.jump == other.jump
        period = math.lcm(len(self.first), len(other.first)) if alike else n
        pairs = [(self.seen(o, o), other.seen(o, o)) for o in range(period)]
        return Axis(
            tuple(min(a[0], b[0]) for a, b in pairs),
            tuple(max(a[1], b[1]) for a, b in pairs),
            round(jump * period),
        )


IMAGE = Axis((0,), (0,), 1)  # the image's own positions


def everything(jump: Fraction) -> Axis:
    """The axis on which every position sees the whole image."""
    return Axis((-math.inf,), (math.inf,), jump)


# rule(node, i, axis, n, out): the axis of the op's output along rows (i = 0) or columns (i = 1),
# given the `axis` of its input, which has n positions, and `out` positions in the output.


def unchanged(node: Any, i: int, axis: Any, n: int, out: Any) -> Any:
    """Elementwise in space, or global: an unknown op is judged by its sizes alone."""
    if out == n:
        return axis
    if out == 1:
        return _tiled(axis, n)
    return everything(axis.jump * n / out)


def convolved(node: Any, i: int, axis: Any, n: int, out: Any) -> Any:
    return _windows(node.window, i, axis)


def averaged(node: Any, i: int, axis: Any, n: int, out: Any) -> Any:
    return _windows(node.settings["window"], i, axis)


def _windows(window: Window, i: int, axis: Axis) -> Axis:
    stride, before, span = _along(window, i)
    return axis.read_by(
        lambda o: (o * stride - before, o * stride - before + span - 1), inputs=stride
    )


def _along(window: Window, i: int) -> tuple[int, int, int]:
    return window.stride[i], window.padding[i][0], window.span[i]


def transposed(node: Any, i: int, axis: Any, n: int, out: Any) -> Any:
    # Input a contributes to the outputs a * stride - before to a * stride - before + span - 1.
    stride, before, span = _along(node.window, i)
    return axis.read_by(
        lambda o: (-((span - 1 - before - o) // stride), (o + before) // stride), outputs=stride
    )


def adaptive(node: Any, i: int, axis: Any, n: int, out: Any) -> Any:
    if n % out == 0:
        return _tiled(axis, n // out)
    spans = adaptive_spans(n, out)
    return _tabled(axis, [a for a, _ in spans], [b - 1 for _, b in spans], n)


def interpolated(node: Any, i: int, axis: Any, n: int, out: Any) -> Any:
    lower, upper, t = node.maps[i][1:]
    upper = lower if upper is None else np.where(t > 0, upper, lower)
    return _tabled(axis, lower.tolist(), upper.tolist(), n)


def tapped(node: Any, i: int, axis: Any, n: int, out: Any) -> Any:
    taps = node.taps[i]
    first = np.where(taps.used, taps.places, n).min(0)
    last = np.where(taps.used, taps.places, -1).max(0)
    return _tabled(axis, first.tolist(), last.tolist(), n)


def padded(node: Any, i: int, axis: Any, n: int, out: Any) -> Any:
    before = node.widths[i - 2][0]
    return axis.read_by(lambda o: (o - before, o - before))


def indexed(node: Any, i: int, axis: Any, n: int, out: Any) -> Any:
    key, ndim = list(node.key), len(node.shape)
    at = key.index(Ellipsis)
    key[at : at + 1] = [slice(None)] * (ndim - len(key) + 1)
    part = key[i - 2]
    if not all(isinstance(part, slice) for part in key):
        return unchanged(node, i, axis, n, out)
    start, _, step = part.indices(n)
    return axis.read_by(lambda o: (start + o * step, start + o * step), inputs=step)


def selected(node: Any, i: int, axis: Any, n: int, out: Any) -> Any:
    """Index by a table. A border that repeats the map's own rows, as in F.pad, counts as padding
    beside the image, as if the map continued there.
    """
    ndim = len(node.out_meta[0][0])
    if ndim < 4 or node.axis != ndim - 2 + i:
        return axis
    table = devices.to_host(node.indices).tolist()
    whole = list(range(n))
    borders = [a for a in range(out - n + 1) if table[a : a + n] == whole]
    if borders:
        return axis.read_by(lambda o: (o - borders[0], o - borders[0]))
    if table != sorted(table):
        return everything(axis.jump * n / out)
    return _tabled(axis, table, table, n)


def mixed(node: Any, i: int, axis: Any, n: int, out: Any) -> Any:
    return axis if n == out == 1 else everything(axis.jump * n / out)


def _tiled(axis: Axis, size: int) -> Axis:
    """Adjacent windows of `size`."""
    return axis.read_by(lambda o: (o * size, o * size + size - 1), inputs=size)


def _tabled(axis: Axis, first: list[int], last: list[int], n: int) -> Axis:
    """Position o reads first[o] to last[o] of n; padding beside the image is read the same way."""
    size = len(first)
    return axis.read_by(
        lambda o: (first[o % size] + o // size * n, last[o % size] + o // size * n),
        outputs=size,
        inputs=n,
    )


RULES = {
    Conv2d: convolved,
    MaxPool2d: convolved,
    AvgPool2d: averaged,
    ConvTranspose2d: transposed,
    AdaptiveAvgPool2d: adaptive,
    AdaptiveMaxPool2d: adaptive,
    Interpolate: interpolated,
    Resample: tapped,
    ConstantPad: padded,
    Index: indexed,
    IndexSelect: selected,
    **dict.fromkeys((Cumsum, Flip, MatMul, Roll), mixed),
}
