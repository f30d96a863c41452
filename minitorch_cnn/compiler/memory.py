"""The memory plan: one arena for all intermediate arrays, whose memory is reused."""

from __future__ import annotations

from typing import NamedTuple

LINE = 16  # elements: arrays begin at cache lines of 64 bytes, for float32


class Life(NamedTuple):
    """An array of `size` elements, from the step that writes it to the last that reads it."""

    name: str
    size: int
    first: int
    last: int


def planned(lives: list[Life]) -> tuple[dict[str, int], int]:
    """The offset of each array, and the size of the arena.

    Large arrays are placed first, each at the lowest offset where nobody lives at the same time.
    Source: Pisarchyk and Lee (2020), Efficient Memory Management for Deep Neural Net Inference
    (arXiv 2001.03288), greedy by size.
    """
    placed: list[tuple[int, int, Life]] = []
    offsets: dict[str, int] = {}
    for life in sorted(lives, key=lambda life: (-life.size, life.first, life.name)):
        size = -(-life.size // LINE) * LINE
        at = 0
        for start, end, other in sorted(placed, key=lambda row: row[:2]):
            if other.first <= life.last and life.first <= other.last:
                if at + size <= start:
                    break
                at = max(at, end)
        placed.append((at, at + size, life))
        offsets[life.name] = at
    return offsets, max((end for _, end, _ in placed), default=0)


def live_peak(lives: list[Life]) -> int:
    """The largest sum of the sizes of arrays that live at the same step."""
    steps = {life.first for life in lives}
    return max(
        (sum(life.size for life in lives if life.first <= step <= life.last) for step in steps),
        default=0,
    )
