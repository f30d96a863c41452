"""The first call of a network, before its kernels are compiled: python -m benchmarks.first_call

Each figure is of a new process: it imports minitorch_cnn, makes the network of benchmarks.models
and calls it twice. The cache of compiled kernels is empty at first, with and without a second
process that compiles the backward pass ahead (minitorch_cnn/kernels/ahead.py); then it is full. The
user's own cache is neither read nor written.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from .models import CASES, MODES, Case
from .tables import Table

NETS = ("lenet5_relu", "resnet20_cifar")
ROOT = Path(__file__).parents[1]
COLUMNS = {
    "net": "", "batch": "", "call": "", "cache": "", "processes": "",
    "import s": ".2f", "first s": ".2f", "second s": ".3f",
}  # fmt: skip

PROCESS = """if True:
    import sys, time

    times = [time.perf_counter()]
    import minitorch_cnn
    times.append(time.perf_counter())
    from benchmarks import models
    from benchmarks.competitors import libraries

    if "alone" in sys.argv:
        from minitorch_cnn.kernels import ahead
        ahead.decline()
    case, mode = models.Case(sys.argv[1], int(sys.argv[2])), sys.argv[3]
    libs = libraries([])
    step = models.step(models.nets(case, libs)["ours"], libs["ours"], case, mode)
    for _ in range(2):
        times.append(time.perf_counter())
        step()
        times.append(time.perf_counter())
    print([end - start for start, end in zip(times[::2], times[1::2])])
"""


class Times(NamedTuple):
    """The seconds of a process: import, first and second call."""

    imported: float
    first: float
    second: float


def call(case: Case, mode: str, cache: str | Path, alone: bool = False) -> Times:
    """Time a new process that keeps compiled kernels in the folder `cache`.

    alone: without a second process that compiles ahead.
    Raises RuntimeError with its errors where it fails.
    """
    command = [sys.executable, "-c", PROCESS, case.name, str(case.batch), mode]
    done = subprocess.run(
        command + ["alone"] * alone,
        cwd=ROOT,
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"call: {case.name}, {mode}: {done.stderr}")
    return Times(*json.loads(done.stdout))


def measure(case: Case, mode: str, repeats: int) -> dict[tuple[str, int], Times]:
    """{(state of the cache, processes that compile): the median of each time}."""
    found: dict[tuple[str, int], list[Times]] = {}
    for _ in range(repeats):
        for processes in (2, 1):
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:
                empty = call(case, mode, cache, alone=processes == 1)
                found.setdefault(("empty", processes), []).append(empty)
                if processes == 1:  # the other may still have been at work
                    found.setdefault(("full", 0), []).append(call(case, mode, cache))
    return {
        state: Times(*map(statistics.median, zip(*times, strict=True)))
        for state, times in found.items()
    }


def main(argv: list[str] | None = None) -> None:
    """Measure the nets named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_call", description=__doc__)
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help=f"of {', '.join(NETS)} (default: both)")
    add("--mode", choices=MODES, nargs="+", default=MODES, help="(default: both)")
    add("--repeats", type=int, default=3, help="processes per figure, a median (default: 3)")
    add("--out", metavar="FILE", help="also write the table there, as Markdown")
    options = parser.parse_args(argv)
    for name in options.names:
        if name not in NETS:
            parser.error(f"NAME {name!r} must be one of {', '.join(NETS)}")
    if options.repeats < 1:
        parser.error(f"--repeats {options.repeats} must be at least 1")
    table = Table(COLUMNS)
    for case in CASES:
        if case.name in (options.names or NETS):
            for mode in options.mode:
                for (cache, processes), times in measure(case, mode, options.repeats).items():
                    table.add(case.name, case.batch, mode, cache, processes, *times)
    if options.out:
        command = "python -m benchmarks.first_call"
        table.save(options.out, "The first call of a network", command, options.names)


if __name__ == "__main__":
    main()
