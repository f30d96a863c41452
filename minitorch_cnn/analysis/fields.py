"""Receptive fields along the graph: which part of the image each position of a map sees.

A rule per operation says which positions of its input one position of its output reads; composed
along the edges of autograd's graph, from the image on, and united where branches meet, these are
the receptive fields of all maps. Maps are (N, C, H, W); of a vector, H = W = 1. Where a net moves
or splits the axes of its maps, positions.py keeps count of what walks along the image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from .. import devices
from ..autograd.function import Function
from ..functional.avg_pool import AdaptiveAvgPool2d, AvgPool2d
from ..functional.conv import Conv2d, ConvTranspose2d
from ..functional.interpolate import Interpolate
from ..functional.max_pool import AdaptiveMaxPool2d, MaxPool2d
from ..functional.resample_taps import Resample
from ..kernels.window import Window, adaptive_spans
from ..tensor import Tensor
from ..tensor.indexing import Index, IndexSelect
from ..tensor.linalg import MatMul
from ..tensor.movement import Flip, Permute, Reshape, Roll
from ..tensor.padding import ConstantPad
from ..tensor.reduction import Cumsum, Extremum, Sum
from . import positions

Shape = tuple[int, ...]


class Axis(NamedTuple):
    """What the positions of a map see along one axis: position o the inputs first(o) to last(o).

    The tuples hold one period of P positions: first(o + P) = first(o) + advance, and last alike. P
    is 1 unless something upsamples. Inputs below 0 and beyond the image are padding; -inf and inf
    stand for the whole image, whatever its size.
    """

    first: tuple[float, ...]
    last: tuple[float, ...]
    advance: Fraction | int

    @property
    def size(self) -> float:
        """The receptive field: the number of inputs from the first seen to the last."""
        return max(last - first + 1 for first, last in zip(self.first, self.last, strict=True))

    @property
    def jump(self) -> Fraction:
        """The distance in the input between the fields of neighbours."""
        return Fraction(self.advance) / len(self.first)

    def seen(self, a: int, b: int) -> tuple[float, float]:
        """The first and the last input that positions a to b see."""
        period = len(self.first)
        return (
            self.first[a % period] + a // period * self.advance,
            self.last[b % period] + b // period * self.advance,
        )

    def read_by(self, reads: Callable, outputs: int = 1, inputs: int = 1) -> Axis:
        """The axis of a map whose position o reads positions a to b of this one, (a, b) = reads(o).

        Position o + outputs reads what o reads, moved by `inputs`.
        """
        repeats = len(self.first) // math.gcd(len(self.first), inputs)
        first, last = zip(*(self.seen(*reads(o)) for o in range(outputs * repeats)), strict=True)
        return Axis(first, last, self.advance * (inputs * repeats // len(self.first)))

    def united(self, other: Axis, n: int) -> Axis:
        """What n positions see that look through both."""
        jump = max(self.jump, other.jump)
        if math.inf in (self.size, other.size):
            return everything(jump)
        # Of maps that move at different speeds there is no period, but there are n positions.
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
    """Every position sees the whole image."""
    return Axis((-math.inf,), (math.inf,), jump)


class Seen(NamedTuple):
    """What a tensor sees: by rows and by columns, for the positions that its `axes` walk along."""

    sides: tuple[Axis, Axis]
    axes: positions.Axes


def fields(
    x: Tensor, origins: Iterable[Function | Tensor]
) -> dict[Function | Tensor, tuple[Axis, Axis]]:
    """What the maps that came from `origins` (nodes, or x itself) see of x, by rows and columns.

    The rows of the image are the first of the two, also of maps whose rows walk along its columns.
    Origins that do not depend on x are left out.
    """
    known = {x: Seen((IMAGE, IMAGE), positions.of_map(x.shape))}
    for node in ancestors(origins):
        shape = node.out_meta[0][0]
        met = [
            _passed(node, known[source], _shape_of(source, index), shape)
            for source, index in filter(None, node.edges)
            if source in known
        ]
        if met:
            known[node] = _united(met, shape)
    return {
        origin: _in_space(known[origin], _shape_of(origin, 0))[0]
        for origin in origins
        if origin in known
    }


def _passed(node: Function, seen: Seen, given: Shape, shape: Shape) -> Seen:
    """What the output of a node sees by one of its inputs, of the shape `given`."""
    if isinstance(node, Permute):
        return seen._replace(axes=positions.permuted(seen.axes, node.dims))
    if isinstance(node, Reshape):
        axes = positions.reshaped(seen.axes, shape)
        return _lost(seen, given, shape) if axes is None else seen._replace(axes=axes)
    if isinstance(node, Sum | Extremum):
        return _reduced(seen, node.axes, keepdim=len(shape) == len(given))
    rule = RULES.get(type(node), unchanged)
    axes = positions.broadcast(seen.axes, given, shape) if rule is unchanged else None
    if axes is not None:
        return seen._replace(axes=axes)
    sides, along = _in_space(seen, given)
    n, out = _plane(given), _plane(shape)
    read = tuple(rule(node, d, sides[side], n[d], out[d]) for side, d in enumerate(along))
    return Seen(read, positions.of_map(shape, along))


def _reduced(seen: Seen, dims: tuple[int, ...], keepdim: bool) -> Seen:
    """One position sees what all along `dims` saw."""
    sides = list(seen.sides)
    left = tuple(() if d in dims else axis for d, axis in enumerate(seen.axes))
    for side in range(2):
        extra = positions.extent(seen.axes, side) - positions.extent(left, side)
        moves = any(f.side == side for axis in left for f in axis)
        sides[side] = sides[side].read_by(
            lambda o, extra=extra: (o, o + extra), inputs=1 if moves else extra + 1
        )
    axes = left if keepdim else tuple(axis for d, axis in enumerate(left) if d not in dims)
    return Seen(tuple(sides), axes)


def _in_space(seen: Seen, shape: Shape) -> tuple[tuple[Axis, Axis], tuple[int, int]]:
    """What the positions of a tensor's last two axes see by rows and by columns, and which of the
    two axes walks along the rows, and which along the columns.
    """
    walks = [positions.walk(seen.axes, side) for side in range(2)]
    moving = {side: w.along for side, w in enumerate(walks) if w and w.along is not None}
    along = [moving.get(s, 1 - s if s in moving.values() else s) for s in range(2)]
    n = _plane(shape)
    sides = tuple(
        everything(axis.jump * _length(seen.axes, side) / n[d])
        if w is None
        else axis.read_by(lambda o, w=w: (w.first(o), w.first(o) + w.extra), w.outputs, w.inputs)
        for side, (axis, w, d) in enumerate(zip(seen.sides, walks, along, strict=True))
    )
    return sides, tuple(along)


def _length(axes: positions.Axes, side: int) -> int:
    """The number of positions along a side."""
    return math.prod(f.size for axis in axes for f in axis if f.side == side)


def _lost(seen: Seen, given: Shape, shape: Shape) -> Seen:
    """Every position sees the whole image: it is not known where which went."""
    sides, along = _in_space(seen, given)
    n, out = _plane(given), _plane(shape)
    jumps = [axis.jump * Fraction(n[d], out[d]) for axis, d in zip(sides, along, strict=True)]
    return Seen(tuple(map(everything, jumps)), positions.of_map(shape))


def _repeated(axis: Axis, own: int, n: int) -> Axis:
    """What n positions see of a map that has but one, which all of them read: an average over the
    image, such as that of a squeeze-and-excitation gate.
    """
    return everything(Fraction(0)) if own == 1 < n else axis


def _united(met: list[Seen], shape: Shape) -> Seen:
    """What is seen by one or another of several inputs."""
    first = met[0]
    if len(met) == 1:
        return first
    if all(seen.axes == first.axes for seen in met):
        axes, n = first.axes, [_length(first.axes, side) for side in range(2)]
    else:
        spaces = [_in_space(seen, shape) for seen in met]
        along = spaces[0][1]
        axes, n = positions.of_map(shape, along), [_plane(shape)[d] for d in along]
        if any(space[1] != along for space in spaces):  # rows meet columns
            met = [
                Seen(tuple(everything(axis.jump) for axis in sides), axes) for sides, _ in spaces
            ]
        else:
            lengths = [[_length(seen.axes, side) for side in range(2)] for seen in met]
            met = [
                Seen(tuple(map(_repeated, sides, own, n)), axes)
                for (sides, _), own in zip(spaces, lengths, strict=True)
            ]
    sides = met[0].sides
    for seen in met[1:]:
        sides = tuple(map(Axis.united, sides, seen.sides, n))
    return Seen(sides, axes)


def ancestors(origins: Iterable[Function | Tensor]) -> list[Function]:
    """The nodes among the origins and all that they were computed from, oldest first."""
    found, waiting = set(), list(origins)
    while waiting:
        node = waiting.pop()
        if _is_node(node) and node not in found:
            found.add(node)
            waiting += [source for source, _ in filter(None, node.edges)]
    return sorted(found, key=lambda node: node.age)


def _shape_of(source: Function | Tensor, index: int) -> Shape:
    return source.out_meta[index][0] if _is_node(source) else source.shape


def _is_node(source: Function | Tensor) -> bool:
    return isinstance(source, Function)


def _plane(shape: tuple[int, ...]) -> tuple[int, int]:
    return shape[-2:] if len(shape) > 3 else (1, 1)


# ------------------------------------------------------------------------------------- the rules
# rule(node, i, axis, n, out): what rows (i = 0) or columns (i = 1) of the op's output see, if those
# of its input see `axis`; there are n of them in the input and `out` in the output.


def unchanged(node, i, axis, n, out):
    """Elementwise in space, or over all of it: by the sizes, all that an unknown op tells."""
    if out == n:
        return axis
    if out == 1:
        return _tiled(axis, n)
    return everything(axis.jump * n / out)


def convolved(node, i, axis, n, out):
    return _windows(node.window, i, axis)


def averaged(node, i, axis, n, out):
    return _windows(node.settings["window"], i, axis)


def _windows(window: Window, i: int, axis: Axis) -> Axis:
    stride, before, span = _along(window, i)
    return axis.read_by(
        lambda o: (o * stride - before, o * stride - before + span - 1), inputs=stride
    )


def _along(window: Window, i: int) -> tuple[int, int, int]:
    return window.stride[i], window.padding[i][0], window.span[i]


def transposed(node, i, axis, n, out):
    # Input a adds to the outputs a * stride - before to a * stride - before + span - 1.
    stride, before, span = _along(node.window, i)
    return axis.read_by(
        lambda o: (-((span - 1 - before - o) // stride), (o + before) // stride), outputs=stride
    )


def adaptive(node, i, axis, n, out):
    if n % out == 0:
        return _tiled(axis, n // out)
    spans = adaptive_spans(n, out)
    return _tabled(axis, [a for a, _ in spans], [b - 1 for _, b in spans], n)


def interpolated(node, i, axis, n, out):
    lower, upper, t = node.maps[i][1:]
    upper = lower if upper is None else np.where(t > 0, upper, lower)
    return _tabled(axis, lower.tolist(), upper.tolist(), n)


def tapped(node, i, axis, n, out):
    taps = node.taps[i]
    first = np.where(taps.used, taps.places, n).min(0)
    last = np.where(taps.used, taps.places, -1).max(0)
    return _tabled(axis, first.tolist(), last.tolist(), n)


def padded(node, i, axis, n, out):
    before = node.widths[i - 2][0]
    return axis.read_by(lambda o: (o - before, o - before))


def indexed(node, i, axis, n, out):
    key, ndim = list(node.key), len(node.shape)
    at = key.index(Ellipsis)
    key[at : at + 1] = [slice(None)] * (ndim - len(key) + 1)
    part = key[i - 2]
    if not all(isinstance(part, slice) for part in key):
        return unchanged(node, i, axis, n, out)
    start, _, step = part.indices(n)
    return axis.read_by(lambda o: (start + o * step, start + o * step), inputs=step)


def selected(node, i, axis, n, out):
    """Positions by a table. A border that repeats the map's own rows, as that of F.pad, counts as
    padding: it lies beside the image, as if the map went on there.
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


def mixed(node, i, axis, n, out):
    return axis if n == out == 1 else everything(axis.jump * n / out)


def _tiled(axis: Axis, size: int) -> Axis:
    """Windows of `size` side by side."""
    return axis.read_by(lambda o: (o * size, o * size + size - 1), inputs=size)


def _tabled(axis: Axis, first: list[int], last: list[int], n: int) -> Axis:
    """Position o reads first[o] to last[o] of n; the image beside it is read in the same way."""
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
