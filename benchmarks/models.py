"""The speed of training and inference of whole networks: python -m benchmarks.models --help

Each network has its full size in float32. A training step is forward, cross-entropy, backward and
SGD with momentum and weight decay; inference is a forward in eval mode without recording. Images
per second are the median of all turns. The ratio is the median over turns of our time divided by
that of the same network in PyTorch's layers (rivals.py), in the faster of its two formats. The
first call, which compiles, is shown apart. How the others are run: docs/guide/speed.md; the memory
of a step: benchmarks.memory. With --device cuda the same networks run on a GPU: see models_gpu.py.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import minitorch_cnn as mt
from minitorch_cnn.models import create_model, model_entry

from .allocator import restart
from .arguments import add_arguments, finish, parse
from .competitors import Library, libraries, ratios, use_threads
from .records import machine
from .rivals import RIVALS, copy_weights
from .timing import interleaved, warm_up

MODES = ("training", "inference")
BY = (["mode"],)  # groups with a mean


class Case(NamedTuple):
    """A registered model and the batch size of a step."""

    name: str
    batch: int


CASES = [
    Case("lenet5_relu", 64),
    Case("resnet20_cifar", 64),
    Case("mobilenet_v1_100", 8),
    Case("mobilenet_v2", 8),
    Case("resnet50", 8),
    Case("densenet121", 8),
    Case("vgg16", 4),
]


def nets(case: Case, libs: dict[str, Library]) -> dict[str, Any]:
    """The same network in each library, with the same weights."""
    mt.manual_seed(0)
    found = {"ours": create_model(case.name)}
    for name, lib in libs.items():
        if name != "ours":
            found[name] = RIVALS[case.name](lib.library)
            copy_weights(found["ours"], found[name])
    return {name: libs[name].module(net) for name, net in found.items()}


def step(net, lib, case: Case, mode: str) -> Callable:
    """A training step or an inference of a library's network, as a function without arguments."""
    rng = np.random.default_rng(0)
    shape = (case.batch, *model_entry(case.name).input_shape)
    images = lib.tensor(rng.standard_normal(shape, dtype=np.float32))
    target = lib.tensor(rng.integers(10, size=case.batch))
    optimizer = lib.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)

    def train():
        loss = lib.nn.functional.cross_entropy(net(images), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def infer():
        with lib.inference_mode():
            net(images)

    net.train(mode == "training")
    return train if mode == "training" else infer


def measure(case: Case, mode: str, libs: dict[str, Library], options, threads: int) -> dict:
    """One row: "ms" of a step, "first ms" of the first one, and "ratio" to each library."""
    found = nets(case, libs)
    fns = {name: step(found[name], lib, case, mode) for name, lib in libs.items()}
    first = warm_up(fns)
    times = interleaved(fns, options.repeats, options.budget)
    return {
        "model": case.name,
        "batch": case.batch,
        "mode": mode,
        "threads": threads,
        "ms": {name: statistics.median(seconds) * 1e3 for name, seconds in times.items()},
        "first ms": {name: seconds * 1e3 for name, seconds in first.items()},
        "ratio": ratios(times, "ours"),
    }


def line(row: dict) -> str:
    """A row as text: images per second of each library, ratios, our first call."""
    text = f"{row['model']:18} {row['batch']:5} {row['mode']:>9} {row['threads']:>7}"
    rates = (f"{row['batch'] / ms * 1e3:19.2f}" for ms in row["ms"].values())
    ratios = (f"{value:8.2f}" for value in row["ratio"].values())
    return " ".join([text, *rates, *ratios, f"{row['first ms']['ours'] / 1e3:13.1f}"])


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models", description=__doc__)
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="nets of CASES (default: all)")
    add("--mode", choices=MODES, nargs="+", default=MODES, help="(default: both)")
    text = "seconds after which a row of three turns ends (default: 15)"
    add("--budget", type=float, default=15.0, help=text)
    add("--tf32", choices=["on", "off"], help="on a GPU: whether convolutions may use it (on)")
    add_arguments(parser, repeats=15)
    options = parse(parser, argv)
    known = [case.name for case in CASES]
    for name in options.names:
        if name not in known:
            parser.error(f"NAME {name!r} must be one of {', '.join(known)}")
    if options.device == "cuda":
        from . import models_gpu

        return models_gpu.main(options)
    if options.tf32:
        parser.error("--tf32 goes with --device cuda")
    run(options, [case for case in CASES if case.name in (options.names or known)])


def run(options: argparse.Namespace, cases: list[Case]) -> None:
    """Measure the cases with each number of threads, print the rows and keep them."""
    facts, libs = machine(), libraries(options.vs)
    print("  ".join(f"{key} {value}" for key, value in facts.items()))
    heads = [f"{name} images/s" for name in libs]
    text = f"{'model':18} batch {'mode':>9} threads"
    print(text, *(f"{head:>19}" for head in heads), *(f"x {name:>6}" for name in options.vs),
          f"{'first call s':>13}")  # fmt: skip
    rows = []
    for count in options.threads:
        threads = use_threads(count, options.vs)
        for case in cases:
            for mode in options.mode:
                rows.append(measure(case, mode, libs, options, threads))
                print(line(rows[-1]), flush=True)
    finish("models", options, facts, rows, BY)


if __name__ == "__main__":
    restart()
    main()
