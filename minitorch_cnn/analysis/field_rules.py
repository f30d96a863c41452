"""The effect of each operator on receptive fields: the input positions that one output position
reads, along one axis of a map.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ..graph import Graph, Node
from ..graph.resizing import taps_of
from ..graph.window_shapes import pads_of, settings_of
from ..nn import Parameter

Shape = tuple[int, ...]


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


class Reader(NamedTuple):
    """A node that reads a map by its input number `input`, of the shape `given`."""

    graph: Graph
    node: Node
    input: int
    given: Shape
    shape: Shape

    def numbers(self, i: int) -> Any:
        """The numbers of a constant input; None for any other."""
        inputs = self.node.inputs
        return self.graph.array(inputs[i]) if i < len(inputs) and inputs[i] else None

    def axis(self, d: int) -> int:
        """The axis of the map's rows (0) or columns (1) among all axes."""
        return len(self.given) - 2 + d


# rule(reader, d, axis, n, out): the axis of the node's output along rows (d = 0) or columns
# (d = 1), given the `axis` of its input, which has n positions, and `out` positions in the output.


def unchanged(r: Reader, d: int, axis: Axis, n: int, out: int) -> Axis:
    """Elementwise in space, or global: an unknown operator is judged by its sizes alone."""
    if out == n:
        return axis
    if out == 1:
        return _tiled(axis, n)
    return everything(axis.jump * n / out)


def windowed(r: Reader, d: int, axis: Axis, n: int, out: int) -> Axis:
    """Conv and pooling."""
    if r.input:
        return unchanged(r, d, axis, n, out)
    stride, before, span = _window(r, d)
    return axis.read_by(
        lambda o: (o * stride - before, o * stride - before + span - 1), inputs=stride
    )


def transposed(r: Reader, d: int, axis: Axis, n: int, out: int) -> Axis:
    # Input a contributes to the outputs a * stride - before to a * stride - before + span - 1.
    stride, before, span = _window(r, d)
    return axis.read_by(
        lambda o: (-((span - 1 - before - o) // stride), (o + before) // stride), outputs=stride
    )


def _window(r: Reader, d: int) -> tuple[int, int, int]:
    """The stride, the padding before and the span of a window along rows or columns."""
    kernel = r.node.get("kernel_shape")
    sizes = r.given[2:]
    strides, spans = settings_of(r.node.get, len(sizes), kernel)
    return strides[d], pads_of(r.node.get, sizes, strides, spans)[d][0], spans[d]


def pooled(r: Reader, d: int, axis: Axis, n: int, out: int) -> Axis:
    return _tiled(axis, n)


def resized(r: Reader, d: int, axis: Axis, n: int, out: int) -> Axis:
    taps = taps_of(r.node, d + 2, n, out, r.numbers(2))
    first = np.where(taps.used, taps.places, n).min(0)
    last = np.where(taps.used, taps.places, -1).max(0)
    return _tabled(axis, first.tolist(), last.tolist(), n)


def multiplied(r: Reader, d: int, axis: Axis, n: int, out: int) -> Axis:
    """A product with a constant matrix from the left mixes rows, one from the right columns; what
    is not zero in it is read. Other products mix all positions.
    """
    other = r.node.inputs[1 - r.input]
    matrix = r.numbers(1 - r.input)
    if matrix is None or matrix.ndim != 2 or isinstance(r.graph.constants[other], Parameter):
        return mixed(r, d, axis, n, out)
    if d != 1 - r.input:
        return axis
    used = (matrix if r.input else matrix.T) != 0  # (out, n)
    first = used.argmax(1)
    last = n - 1 - used[:, ::-1].argmax(1)
    return _tabled(axis, first.tolist(), last.tolist(), n)


def padded(r: Reader, d: int, axis: Axis, n: int, out: int) -> Axis:
    """A border of the map's own rows counts as padding beside the image, as if the map continued
    there.
    """
    pads, axes = r.numbers(1).tolist(), r.numbers(3)
    along = list(range(len(r.given))) if axes is None else [int(a) % len(r.given) for a in axes]
    if r.axis(d) not in along:
        return axis
    before = pads[along.index(r.axis(d))]
    return axis.read_by(lambda o: (o - before, o - before))


def sliced(r: Reader, d: int, axis: Axis, n: int, out: int) -> Axis:
    starts, ends, axes, steps = (r.numbers(i) for i in range(1, 5))
    if starts is None or ends is None:
        return mixed(r, d, axis, n, out)
    along = list(range(len(starts))) if axes is None else [int(a) % len(r.given) for a in axes]
    if len(r.given) < 4 or r.axis(d) not in along:
        return axis
    k = along.index(r.axis(d))
    step = 1 if steps is None else int(steps[k])
    if step < 0:
        return mixed(r, d, axis, n, out)
    start, _, step = slice(int(starts[k]), int(ends[k]), step).indices(n)
    return axis.read_by(lambda o: (start + o * step, start + o * step), inputs=step)


def gathered(r: Reader, d: int, axis: Axis, n: int, out: int) -> Axis:
    """Index by a table."""
    if len(r.given) < 4 or len(r.shape) != len(r.given) or r.input:
        return unchanged(r, d, axis, n, out)
    if r.node.get("axis") % len(r.given) != r.axis(d):
        return axis
    table = r.numbers(1)
    table = None if table is None else np.atleast_1d(table).tolist()
    if table is None or table != sorted(table) or min(table, default=0) < 0:
        return everything(axis.jump * n / max(out, 1))
    return _tabled(axis, table, table, n)


def mixed(r: Reader, d: int, axis: Axis, n: int, out: int) -> Axis:
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


RULES: dict[str, Callable[..., Axis]] = {
    "Conv": windowed,
    "MaxPool": windowed,
    "AveragePool": windowed,
    "ConvTranspose": transposed,
    "GlobalAveragePool": pooled,
    "GlobalMaxPool": pooled,
    "Resize": resized,
    "MatMul": multiplied,
    "Pad": padded,
    "Slice": sliced,
    "Gather": gathered,
    "CumSum": mixed,
}
