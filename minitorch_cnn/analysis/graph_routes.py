"""Route the arrows of a drawn graph downwards between the boxes, never through one.

Boxes stand in rows with free stripes between them. An arrow leaves its box at the bottom and
changes its column within the stripe below. If the rows on the way block its end's column, it runs
down a lane between their boxes and changes to that column in the stripe above its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

CLEAR, APART, TIPS = 13, 7, 16  # pixels between a lane and a box, two lanes, and two tips
EDGE = 6  # the first lane from the left


class Spot(NamedTuple):
    """The centre of a box, and its width and height, in pixels."""

    x: float
    y: float
    width: float
    height: float


class Lane(NamedTuple):
    """A vertical path, and the box at which it starts."""

    x: float
    top: float
    bottom: float
    source: int


class Rows(NamedTuple):
    """The rows: the middle of each, and the left and right ends of its boxes with their leaves."""

    middles: list[float]
    blocks: dict[float, list[tuple[float, float]]]

    def between(self, start: Spot, end: Spot) -> list[tuple[float, float]]:
        """The blocks of the rows that an arrow passes."""
        first, last = self.middles.index(start.y), self.middles.index(end.y)
        return [block for y in self.middles[first + 1 : last] for block in self.blocks[y]]


def rows_of(spots: list[Spot], beside: dict[int, list[int]]) -> Rows:
    """The rows of boxes; beside: the leaves drawn on the left of a box."""
    leaves = {leaf for group in beside.values() for leaf in group}
    blocks: dict[float, list[tuple[float, float]]] = {}
    for k, spot in enumerate(spots):
        if k not in leaves:
            left = min(spots[i].x - spots[i].width / 2 for i in [k, *beside.get(k, [])])
            blocks.setdefault(spot.y, []).append((left, spot.x + spot.width / 2))
    return Rows(sorted(blocks), blocks)


def routes(
    spots: list[Spot],
    beside: dict[int, list[int]],
    edges: Iterable[tuple[int, int]],
    stripe: float,
) -> dict[tuple[int, int], list[tuple[float, float]]]:
    """The corners of the arrow of each edge (source, user), from box to box.

    edges: without those of leaves beside; stripe: the free height between rows. From the second
    corner on, each pair of corners in different columns spans a stripe.
    """
    rows = rows_of(spots, beside)
    half = (rows.middles[1] - rows.middles[0] - stripe) / 2 if len(rows.middles) > 1 else 0.0
    lanes: list[Lane] = []
    columns: dict[tuple[int, int], float] = {}
    for source, user in sorted(edges, key=lambda edge: spots[edge[1]].y - spots[edge[0]].y):
        start, end = spots[source], spots[user]
        blocks = rows.between(start, end)
        lane = Lane(start.x, start.y + half, end.y - half, source)
        if blocks:
            lane = lane._replace(x=_column(lane, end.x, blocks, lanes))
            lanes.append(lane)
        columns[source, user] = lane.x
    tips = _tips(spots, columns)
    found = {}
    for (source, user), x in columns.items():
        start, end, tip = spots[source], spots[user], tips[source, user]
        top, bottom = start.y + half, end.y - half
        corners = [(start.x, start.y + start.height / 2), (start.x, top)]
        if bottom - top > 1.5 * stripe:  # the arrow passes a row
            corners += [(x, top + stripe), (x, bottom - stripe)]
        corners += [(tip, bottom), (tip, end.y - end.height / 2)]
        found[source, user] = corners
    return found


def _column(lane: Lane, end: float, blocks: list[tuple[float, float]], lanes: list[Lane]) -> float:
    """The column of a lane: the one nearest to both ends that no block or other lane occupies.
    """
    free, left = [], float(EDGE)
    for a, b in sorted((a - CLEAR, b + CLEAR) for a, b in blocks):
        if a > left:
            free.append((left, a))
        left = max(left, b)
    free.append((left, float("inf")))
    taken = [
        other.x
        for other in lanes
        if other.source != lane.source and other.top < lane.bottom and lane.top < other.bottom
    ]

    def nearest(wish: float, step: int, low: float, high: float) -> float | None:
        """The first free position, in steps from the wanted one."""
        x = min(max(wish, low), high)
        while low <= x <= high:
            if all(abs(x - other) >= APART for other in taken):
                return x
            x += step
        return None

    found = [
        x
        for low, high in free
        for wish in {lane.x, end}
        for step in (1, -1)
        if (x := nearest(wish, step, low, high)) is not None
    ]
    return min(found, key=lambda x: (abs(x - lane.x) + abs(x - end), -x))


def _tips(spots: list[Spot], columns: dict[tuple[int, int], float]) -> dict[tuple[int, int], float]:
    """The position of each arrow's end on its box: side by side, in the order of their columns."""
    into: dict[int, list[tuple[int, int]]] = {}
    for edge in columns:
        into.setdefault(edge[1], []).append(edge)
    found = {}
    for user, edges in into.items():
        edges.sort(key=lambda edge: columns[edge])
        apart = min(TIPS, 0.8 * spots[user].width / len(edges))
        for k, edge in enumerate(edges):
            found[edge] = spots[user].x + (k - (len(edges) - 1) / 2) * apart
    return found
