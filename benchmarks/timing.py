"""Timing on a noisy machine: competitors take turns, and results are medians of ratios."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

# Seconds of untimed calls before a timed one. The threads of the library before keep spinning for a
# while, and this one's own sleep: the first calls of a turn are slower.
SETTLE = 0.03
SETTLE_BEHIND = {"onnxruntime": 0.1}  # whose threads spin for 40 milliseconds
LEAST_TURNS = 3
MOST_TRIES = 3  # of a measurement that other programs disturb


def warm_up(fns: dict[str, Callable]) -> dict[str, float]:
    """Call each function once: seconds, which include compilation and the choice of algorithms."""
    seconds = {}
    for name, fn in fns.items():
        before = time.perf_counter()
        fn()
        seconds[name] = time.perf_counter() - before
    return seconds


def interleaved(
    fns: dict[str, Callable], repeats: int, budget: float, settle: float | None = None
) -> dict[str, list[float]]:
    """Seconds of a call of each function per turn: A B A B ...

    There are `repeats` turns, or fewer (at least three) if they take more than `budget` seconds.
    Before each timed call the same function runs untimed, at least once, for `settle` seconds (by
    default for SETTLE, or what the library before needs). If other programs disturbed the turns, so
    that a median is above twice the shortest time, all are taken again, at most twice.
    """
    for _ in range(MOST_TRIES):
        times = _turns(fns, repeats, budget, settle)
        if all(statistics.median(seconds) <= 2 * min(seconds) for seconds in times.values()):
            break
    return times


def _turns(
    fns: dict[str, Callable], repeats: int, budget: float, settle: float | None
) -> dict[str, list[float]]:
    before_each = [list(fns)[-1], *fns]
    times = {name: [] for name in fns}
    start = time.perf_counter()
    for turn in range(repeats):
        if turn >= LEAST_TURNS and time.perf_counter() - start > budget:
            break
        for (name, fn), previous in zip(fns.items(), before_each, strict=False):
            wait = SETTLE_BEHIND.get(previous, SETTLE) if settle is None else settle
            ready = time.perf_counter() + wait
            fn()
            while time.perf_counter() < ready:
                fn()
            before = time.perf_counter()
            fn()
            times[name].append(time.perf_counter() - before)
    return times


def median_ratio(ours: list[float], theirs: list[float]) -> float:
    """The median over turns of our time divided by theirs."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def ratio_to_fastest(times: dict[str, list[float]], ours: str, rivals: list[str]) -> float:
    """The median ratio of `ours` to the rival with the lowest median."""
    fastest = min(rivals, key=lambda name: statistics.median(times[name]))
    return median_ratio(times[ours], times[fastest])


def geometric_mean(values: list[float]) -> float:
    """The geometric mean of ratios: twice as fast and twice as slow cancel out."""
    return statistics.geometric_mean(values)
