"""A line search for LBFGS: a step along a direction that meets the strong Wolfe conditions.

Nocedal & Wright, Numerical Optimization (2006), algorithms 3.5 and 3.6, with the interpolation and
the safeguards of minFunc (Schmidt 2005), as in PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..tensor.types import Array


DECREASE, CURVATURE = 1e-4, 0.9  # c1 and c2


class Point(NamedTuple):
    """A step t with the loss, its gradient, and its slope along the direction."""

    t: float
    loss: float
    grad: Array
    slope: float


def strong_wolfe(
    at: Callable[[float], Point],
    start: Point,
    t: float,
    longest: float,
    limit: int,
    tolerance_change: float = 1e-9,
) -> tuple[Point, int]:
    """Search from the step t; return the point found and the number of calls of `at`.

    start: the point of step 0. longest: the largest element of the direction. limit: the number of
    calls of `at` allowed after the first.
    """
    search = _Search(at, start, longest, limit, tolerance_change)
    low, high = search.bracket(t)
    return (low if high is None else search.zoom(low, high)), search.calls


class _Search:
    def __init__(
        self,
        at: Callable[[float], Point],
        start: Point,
        longest: float,
        limit: int,
        tolerance_change: float,
    ):
        self.at, self.start, self.longest = at, start, longest
        self.tolerance_change, self.limit = tolerance_change, limit
        self.calls = 0

    def point(self, t: float) -> Point:
        self.calls += 1
        return self.at(t)

    def too_high(self, p: Point) -> bool:
        """Whether the loss has not decreased enough (3.6a)."""
        return p.loss > self.start.loss + DECREASE * p.t * self.start.slope

    def flat(self, p: Point) -> bool:
        """Whether the slope is small enough (3.7b)."""
        return abs(p.slope) <= -CURVATURE * self.start.slope

    def bracket(self, t: float) -> tuple[Point, Point | None]:
        """Two points around an acceptable one, or an acceptable one and None: algorithm 3.5."""
        before, here = self.start, self.point(t)
        while self.calls <= self.limit:
            if self.too_high(here) or (self.calls > 2 and here.loss >= before.loss):
                return before, here
            if self.flat(here):
                return here, None
            if here.slope >= 0:
                return before, here
            bounds = here.t + 0.01 * (here.t - before.t), here.t * 10
            t = interpolated(before, here, bounds)
            before, here = here, self.point(t)
        return self.start, here

    def zoom(self, a: Point, b: Point) -> Point:
        """Shrink the interval between two points; return its better end: algorithm 3.6."""
        low, high = (a, b) if a.loss <= b.loss else (b, a)
        stuck = False
        while self.calls <= self.limit and not self.small(low, high):
            left, right = sorted((low.t, high.t))
            t, stuck = safe(interpolated(a, b), left, right, stuck)
            here = self.point(t)
            if self.too_high(here) or here.loss >= low.loss:
                a, b = (a, here) if high is b else (here, b)
                low, high = (a, b) if a.loss <= b.loss else (b, a)
                continue
            if self.flat(here):
                return here
            new_high = low if here.slope * (high.t - low.t) >= 0 else high
            a, b = (here, new_high) if low is a else (new_high, here)
            low, high = here, new_high
        return low

    def small(self, low: Point, high: Point) -> bool:
        return abs(high.t - low.t) * self.longest < self.tolerance_change


def safe(t: float, left: float, right: float, stuck: bool) -> tuple[float, bool]:
    """Keep t away from the ends of [left, right] when it comes near them twice in a row. Returns t,
    and whether it is near them for the first time."""
    margin = 0.1 * (right - left)
    if min(right - t, t - left) >= margin:
        return t, False
    if not stuck and left < t < right:
        return t, True
    return (right - margin if abs(t - right) < abs(t - left) else left + margin), False


def interpolated(a: Point, b: Point, bounds: tuple[float, float] | None = None) -> float:
    """The minimum, within the bounds, of the cubic through two points with their slopes; the middle
    of the bounds if it has none (Nocedal & Wright, equation 3.59)."""
    a, b = (a, b) if a.t <= b.t else (b, a)
    low, high = (a.t, b.t) if bounds is None else bounds
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2
    d2 = math.sqrt(square)
    curvature = b.slope - a.slope + 2 * d2
    if curvature == 0:  # a straight line
        return (low + high) / 2
    t = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / curvature)
    return min(max(t, low), high)
