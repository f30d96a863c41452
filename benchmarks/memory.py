"""The peak memory of a training step.

    python -m benchmarks.memory --vs torch [NAME ...]       the nets of benchmarks.models, compared
    python -m benchmarks.memory [NAME ...] [--out FILE]     the deepest nets, and a limit for them

A network at full size in float32, on random images of the published size: loss, gradients and steps
of SGD with momentum. Memory is the peak of a separate process, including Python and the library,
with the allocator as the system sets it. In comparison with PyTorch there are two steps, and the
ratio is to the format that takes less; kernels must have been compiled before, as by
benchmarks.models, since compiling takes memory. Without it there is one, and the exit status is 1
if a net takes more than LIMIT. A network takes some seconds.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from typing import Any, NamedTuple

import minitorch_cnn as mt
from minitorch_cnn.models import create_model, model_entry

from . import models
from .allocator import restart
from .competitors import FORMATS, libraries, use_threads
from .peak import peak_memory
from .records import file_of, keep, machine, means
from .rivals import RIVALS
from .tables import Table

LIMIT = 12  # GiB
COLUMNS = {"net": "", "batch": "", "built GiB": ".2f", "peak GiB": ".2f", "seconds": ".1f"}


class Case(NamedTuple):
    """A registered model, the images of a batch, and the model's settings."""

    name: str
    batch: int
    settings: dict[str, Any]

    def __str__(self) -> str:
        settings = ", ".join(f"{key}={value}" for key, value in self.settings.items())
        return f"{self.name}({settings})" if settings else self.name


class Needs(NamedTuple):
    """GiB of a process after building the network and at the peak; seconds of the step."""

    built: float
    peak: float
    seconds: float


CASES = [
    Case("resnet110_cifar", 2, {}),
    Case("resnet1202_cifar", 2, {}),
    Case("preact_resnet1001_cifar", 2, {}),
    Case("stochastic_depth_resnet1202_cifar", 2, {}),
    Case("densenet_bc190_k40_cifar", 4, {}),
    Case("densenet_bc190_k40_cifar", 4, {"memory_efficient": True}),
]


def training_step(case: Case) -> Needs:
    """The needs of a step of the case, in a process that has done nothing else."""
    mt.manual_seed(0)
    model = create_model(case.name, **case.settings)
    optimizer = mt.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    images = mt.randn(case.batch, *model_entry(case.name).input_shape)
    built, started = peak_memory(), time.perf_counter()
    mt.functional.cross_entropy(model(images), mt.arange(case.batch)).backward()
    optimizer.step()
    return Needs(built, peak_memory(), time.perf_counter() - started)


def peak(name: str, case: models.Case) -> float:
    """The peak GiB of a process that has done only two training steps in one library."""
    lib = libraries([] if name == "ours" else ["torch"])[name]
    use_threads(None, [] if name == "ours" else ["torch"])
    net = create_model(case.name) if name == "ours" else RIVALS[case.name](lib.library)
    run = models.step(lib.module(net), lib, case, "training")
    for _ in range(2):
        run()
    return peak_memory()


def compare(cases: list[models.Case], publish: bool) -> None:
    """Print the peaks of each library and the ratios, and keep them."""
    names, rows = ("ours", *FORMATS["torch"]), []
    table = Table({"net": "", "batch": "", **{f"{n} GiB": ".2f" for n in names}, "ratio": ".2f"})
    threads = use_threads(None)
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for case in cases:
            found = {name: pool.apply(peak, (name, case)) for name in names}
            ratio = found["ours"] / min(found[name] for name in FORMATS["torch"])
            table.add(case.name, case.batch, *found.values(), ratio)
            row = {"model": case.name, "batch": case.batch, "threads": threads, "GiB": found}
            rows.append(row | {"ratio": {"torch": ratio}})
    print(*means(rows, [], unit="memory"), sep="\n")
    if publish:
        keep(file_of("memory"), machine(), rows)


def limited(cases: list[Case], out: str | None, names: list[str]) -> bool:
    """Print what the cases need; whether all are within the limit."""
    table, fit = Table(COLUMNS), True
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for case, needs in zip(cases, pool.imap(training_step, cases, 1), strict=True):
            table.add(str(case), case.batch, *needs)
            fit = fit and needs.peak <= LIMIT
    if out:
        table.save(out, "The memory of a training step", "python -m benchmarks.memory", names)
    return fit


def main(argv: list[str] | None = None) -> None:
    """Measure the cases of the nets named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory")
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="nets of CASES (default: all)")
    add("--vs", choices=["torch"], help="compare the nets of benchmarks.models with PyTorch's")
    add("--out", metavar="FILE", help="also write the table there, as Markdown; without --vs")
    text = "write the comparison to the file of this processor in benchmarks/results"
    add("--publish", action="store_true", help=text)
    options = parser.parse_args(argv)
    if (options.vs and options.out) or (options.publish and not options.vs):
        parser.error("--out goes without --vs torch, --publish with it")
    every = models.CASES if options.vs else CASES
    known = dict.fromkeys(case.name for case in every)
    for name in options.names:
        if name not in known:
            parser.error(f"NAME {name} must be one of {', '.join(known)}")
    cases = [case for case in every if case.name in (options.names or known)]
    if options.vs:
        compare(cases, options.publish)
    else:
        sys.exit(not limited(cases, options.out, options.names))


if __name__ == "__main__":
    restart({})  # the system's own allocator
    main()
