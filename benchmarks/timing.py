"""Timing on a noisy machine: competitors take turns, and results are medians of ratios."""

from __future__ import annotations

import datetime
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable
from types import ModuleType

# Seconds for which the threads of BLAS or OpenMP keep spinning after their last work. A competitor
# that is timed before they sleep shares the cores with them, and may seem ten times slower.
SPIN = 0.15


def interleaved(
    fns: dict[str, Callable], repeats: int, budget: float, settle: float = 0.0
) -> dict[str, list[float]]:
    """Seconds of each call of each function: one untimed call, then turns A B A B ...

    There are `repeats` turns, or fewer (at least two) if they take more than `budget` seconds.
    Before each timed call the function runs untimed for `settle` seconds.
    """
    for fn in fns.values():
        fn()
    times = {name: [] for name in fns}
    start = time.perf_counter()
    for turn in range(repeats):
        if turn >= 2 and time.perf_counter() - start > budget:
            break
        for name, fn in fns.items():
            ready = time.perf_counter() + settle
            while time.perf_counter() < ready:
                fn()
            before = time.perf_counter()
            fn()
            times[name].append(time.perf_counter() - before)
    return times


def median_ratio(ours: list[float], theirs: list[float]) -> float:
    """The median over turns of our time divided by theirs."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def geometric_mean(values: list[float]) -> float:
    """The geometric mean of ratios: twice as fast and twice as slow cancel out."""
    return statistics.geometric_mean(values)


def use_threads(count: int | None, libraries: Iterable[ModuleType]) -> int:
    """Let each library use `count` threads, by default one per core; return the number."""
    import minitorch_cnn as mt

    count = mt.get_num_threads() if count is None else count
    for library in libraries:
        library.set_num_threads(count)
    return count


def machine() -> dict[str, str]:
    """The hardware and software of the measurements."""
    import numpy as np

    facts = {
        "date": datetime.date.today().isoformat(),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    try:
        import torch

        facts["torch"] = torch.__version__
    except ImportError:
        pass
    return facts


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
