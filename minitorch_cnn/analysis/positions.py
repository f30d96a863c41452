"""Track which axes of a tensor run along the image after permutations and reshapes.

Each axis of a tensor is a product of factors, the slowest first, as reshape splits and joins them.
A factor belongs to the rows of a map (0), to its columns (1) or to neither (None); one step along
it moves `step` positions of that map. The output of a spatial operation has the factors

    (N, None) (C, None) (H, rows, step 1) (W, columns, step 1)

and pixel_shuffle, for example, turns its height into (H, rows, 1) (r, None, 0): output o reads row
o // r of its input.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

BATCH = 1_000_003  # stands for an empty batch: a prime that divides no other size


class Factor(NamedTuple):
    """`size` indices, each `step` positions apart along `side` (0: rows, 1: columns) of a map."""

    size: int
    side: int | None = None
    step: int = 0


Axes = tuple[tuple[Factor, ...], ...]  # the factors of each axis of a tensor


class Walk(NamedTuple):
    """The positions of a map's side along one axis of a tensor.

    Index o of the axis reads positions first(o) to first(o) + extra; index o + outputs reads the
    same range shifted by `inputs`. along: the axis, counted from the tensor's last two; None if no
    index moves along the side.
    """

    along: int | None
    first: Callable[[int], int]
    extra: int
    outputs: int
    inputs: int


def of_map(shape: Sequence[int], sides: tuple[int, ...] = (0, 1)) -> Axes:
    """The axes of a tensor whose last two run along the `sides` of maps; a vector has none."""
    axes = [(Factor(n or BATCH),) for n in shape]
    if len(shape) > 3:
        axes[-2:] = [
            (Factor(n or BATCH, side, 1),) for n, side in zip(shape[-2:], sides, strict=True)
        ]
    return tuple(axes)


def permuted(axes: Axes, dims: Sequence[int]) -> Axes:
    """The axes in another order."""
    return tuple(axes[d] for d in dims)


def broadcast(axes: Axes, shape: Sequence[int], to: Sequence[int]) -> Axes | None:
    """The axes of a tensor broadcast from `shape` to another; None if the shapes do not broadcast,
    or if a side of the map is repeated.
    """
    lead = len(to) - len(shape)
    result: list[tuple[Factor, ...]] = [(Factor(n or BATCH),) for n in to[: max(lead, 0)]]
    for axis, n, m in zip(axes, shape, to[max(lead, 0) :], strict=False):
        if n != m and (n != 1 or any(f.side is not None for f in axis)):
            return None
        result.append(axis if n == m else (Factor(m),))
    return tuple(result) if lead >= 0 else None


def reshaped(axes: Axes, shape: Sequence[int]) -> Axes | None:
    """The factors redistributed to the axes of `shape`; None if a factor would have to be split
    unevenly.
    """
    left = [f for axis in axes for f in axis if f.size > 1][::-1]
    result = []
    for size in shape:
        need, axis = size or BATCH, []
        while need > 1:
            if not left:
                return None
            factor = left.pop()
            if need % factor.size == 0:
                axis.append(factor)
                need //= factor.size
            elif factor.size % need == 0:
                inner = factor.size // need
                axis.append(factor._replace(size=need, step=factor.step * inner))
                left.append(factor._replace(size=inner))
                need = 1
            else:
                return None
        result.append(tuple(axis))
    return None if left else tuple(result)


def extent(axes: Axes, side: int) -> int:
    """The distance from the first to the last position that a tensor has along a side."""
    return sum(f.step * (f.size - 1) for axis in axes for f in axis if f.side == side)


def walk(axes: Axes, side: int) -> Walk | None:
    """How the last two axes of a tensor run along a side of its map; None if not regularly.

    Positions of the side along other axes, such as pixel_unshuffle's channels, are seen by every
    index.
    """
    spatial = dict(enumerate(axes[-2:])) if len(axes) > 3 else {}
    holders = [d for d, axis in spatial.items() if any(f.side == side for f in axis)]
    held = [f for d in holders for f in spatial[d] if f.side == side]
    extra = extent(axes, side) - sum(f.step * (f.size - 1) for f in held)
    if not holders:
        return Walk(None, lambda o: 0, extra, 1, extra + 1)
    axis = _joined(spatial[holders[0]])
    if len(holders) > 1 or axis[0].side != side or not _slow_to_fast(axis, side):
        return None
    sizes = [f.size for f in axis]
    inner = math.prod(sizes[1:])

    def first(o: int) -> int:
        position, rest = o // inner * axis[0].step, o % inner
        for factor in axis[:0:-1]:
            rest, index = divmod(rest, factor.size)
            position += index * factor.step * (factor.side == side)
        return position

    return Walk(holders[0], first, extra, inner, axis[0].step)


def _joined(axis: Sequence[Factor]) -> list[Factor]:
    """Merge neighbouring factors where one continues the other."""
    joined: list[Factor] = []
    for factor in axis:
        last = joined[-1] if joined else None
        if last and last.side == factor.side and last.step == factor.step * factor.size:
            joined[-1] = factor._replace(size=last.size * factor.size)
        else:
            joined.append(factor)
    return joined


def _slow_to_fast(axis: Sequence[Factor], side: int) -> bool:
    """Whether a larger index never reads an earlier position."""
    own = [f for f in axis if f.side == side]
    return all(a.step >= b.step * (b.size - 1) for a, b in itertools.pairwise(own))
