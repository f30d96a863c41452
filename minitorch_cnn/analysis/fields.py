"""Receptive fields along the graph: the part of the image that each position of a map sees.

A rule per operator (field_rules.py) gives the input positions that one output position reads. The
rules are composed along the graph, starting from the image, and united where branches meet; the
result is the receptive field of every map. Maps are (N, C, H, W); for a vector, H = W = 1. Where a
net permutes or splits the axes of its maps, positions.py tracks which axes run along the image.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from ..graph import Node
from . import positions
from .field_rules import IMAGE, RULES, Axis, Reader, everything, unchanged
from .trace import Trace

Shape = tuple[int, ...]

RESHAPING = {"Flatten", "Reshape", "Squeeze", "Unsqueeze"}
REDUCING = ("Reduce", "Arg")


class Seen(NamedTuple):
    """The receptive field of a tensor: by rows and by columns, for the positions of its `axes`."""

    sides: tuple[Axis, ...]  # two
    axes: positions.Axes


def fields(run: Trace, values: Iterable[str]) -> dict[str, tuple[Axis, ...]]:
    """The receptive fields of values in the first input, the image.

    They are pairs, first along the image's rows, even for maps whose rows run along its columns.
    Values that do not depend on the image are omitted.
    """
    image = run.graph.inputs[0].name
    shape = _shape(run, image)
    known: dict[str, Seen] = {image: Seen((IMAGE, IMAGE), positions.of_map(shape))}
    for node in run.graph.nodes:
        if node.operator in ("Shape", "Size"):
            continue
        for name in node.outputs:
            shape = _shape(run, name)
            met = [
                _passed(run, node, i, known[source], _shape(run, source), shape)
                for i, source in enumerate(node.inputs)
                if source in known
            ]
            if met:
                known[name] = _united(met, shape)
    return {name: _in_space(known[name], _shape(run, name))[0] for name in values if name in known}


def _shape(run: Trace, name: str) -> Shape:
    """A shape in which the batch is a prime that divides no other size."""
    value = run.graph.values[name]
    return tuple(
        n if isinstance(n, int) else n.times * positions.BATCH + n.plus for n in value.shape or ()
    )


def _passed(run: Trace, node: Node, i: int, seen: Seen, given: Shape, shape: Shape) -> Seen:
    """The field of a node's output through its input number i, which has the shape `given`."""
    if node.operator == "Transpose":
        perm = node.get("perm") or tuple(range(len(given)))[::-1]
        return seen._replace(axes=positions.permuted(seen.axes, perm))
    if node.operator in RESHAPING:
        axes = positions.reshaped(seen.axes, shape)
        return _lost(seen, given, shape) if axes is None else seen._replace(axes=axes)
    if node.operator.startswith(REDUCING):
        return _reduced(seen, _dims(run, node, len(given)), keepdim=bool(node.get("keepdims")))
    rule = RULES.get(node.operator, unchanged)
    axes = positions.broadcast(seen.axes, given, shape) if rule is unchanged else None
    if axes is not None:
        return seen._replace(axes=axes)
    sides, along = _in_space(seen, given)
    n, out = _plane(given), _plane(shape)
    reader = Reader(run.graph, node, i, given, shape)
    read = tuple(rule(reader, d, sides[side], n[d], out[d]) for side, d in enumerate(along))
    return Seen(read, positions.of_map(shape, along))


def _dims(run: Trace, node: Node, ndim: int) -> tuple[int, ...]:
    """The axes that a reduction is along."""
    if node.operator.startswith("Arg"):
        return (node.get("axis") % ndim,)
    axes = run.graph.array(node.inputs[1]) if len(node.inputs) > 1 else None
    return tuple(range(ndim)) if axes is None else tuple(int(a) % ndim for a in axes)


def _reduced(seen: Seen, dims: tuple[int, ...], keepdim: bool) -> Seen:
    """One position sees the union of all positions along `dims`."""
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


def _in_space(seen: Seen, shape: Shape) -> tuple[tuple[Axis, ...], tuple[int, ...]]:
    """The fields of the positions of a tensor's last two axes by rows and by columns, and which of
    the two axes runs along the rows and which along the columns.
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
    """The number of positions along one side."""
    return math.prod(f.size for axis in axes for f in axis if f.side == side)


def _lost(seen: Seen, given: Shape, shape: Shape) -> Seen:
    """Every position sees the whole image, because the positions can no longer be tracked."""
    sides, along = _in_space(seen, given)
    n, out = _plane(given), _plane(shape)
    jumps = [axis.jump * Fraction(n[d], out[d]) for axis, d in zip(sides, along, strict=True)]
    return Seen(tuple(map(everything, jumps)), positions.of_map(shape))


def _repeated(axis: Axis, own: int, n: int) -> Axis:
    """The field of n positions that all read the only position of a map, such as the average over
    the image in a squeeze-and-excitation gate.
    """
    return everything(Fraction(0)) if own == 1 < n else axis


def _united(met: list[Seen], shape: Shape) -> Seen:
    """The union of the fields of several inputs."""
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


def _plane(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[-2:] if len(shape) > 3 else (1, 1)
