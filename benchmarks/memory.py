"""The memory of a training step of the deepest networks.

    OPENBLAS_NUM_THREADS=1 python -m benchmarks.memory [NAME ...] [--out FILE]

A network at full size in float32, on random images of the published size: loss, gradients and a
step of SGD with momentum. Memory is the peak of a separate process, including Python: after
building the network, and in all. The exit status is 1 if a network takes more than LIMIT. A network
takes some seconds.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from typing import Any, NamedTuple

import minitorch_cnn as mt
from minitorch_cnn.models import create_model, model_entry

from .full_size import peak_memory
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


def main(argv: list[str] | None = None) -> None:
    """Measure the cases of the nets named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory")
    parser.add_argument("names", nargs="*", metavar="NAME", help="nets of CASES (default: all)")
    parser.add_argument("--out", metavar="FILE", help="also write the table there, as Markdown")
    options = parser.parse_args(argv)
    known = dict.fromkeys(case.name for case in CASES)
    for name in options.names:
        if name not in known:
            parser.error(f"NAME {name} must be one of {', '.join(known)}")
    cases = [case for case in CASES if case.name in (options.names or known)]
    table, fit = Table(COLUMNS), True
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for case, needs in zip(cases, pool.imap(training_step, cases, 1), strict=True):
            table.add(str(case), case.batch, *needs)
            fit = fit and needs.peak <= LIMIT
    if options.out:
        title = "The memory of a training step"
        table.save(options.out, title, "python -m benchmarks.memory", options.names)
    sys.exit(not fit)


if __name__ == "__main__":
    main()
