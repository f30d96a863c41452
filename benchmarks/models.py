"""The speed of training and inference of whole networks: python -m benchmarks.models --help

Each network has its full size in float32. A training step is forward, cross-entropy, backward and
SGD with momentum and weight decay; inference is a forward in eval mode without recording. Images
per second are the median of all turns after a warm-up. `ratio` is the median over turns of our time
divided by that of the same network in PyTorch's layers (rivals.py). Memory is the peak of a
separate process after three steps, including Python and the library. With --device cuda the same
networks run on a GPU: see models_gpu.py.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import minitorch_cnn as mt
from minitorch_cnn.models import create_model, model_entry

from .full_size import peak_memory
from .gpu import refuse_without_gpu
from .rivals import RIVALS, copy_weights
from .timing import SPIN, geometric_mean, interleaved, machine, median_ratio, use_threads

MODES = ("training", "inference")


class Case(NamedTuple):
    """A registered model and the batch size of a step."""

    name: str
    batch: int


CASES = [
    Case("lenet5_relu", 64),
    Case("resnet20_cifar", 64),
    Case("mobilenet_v1_100", 8),
    Case("resnet50", 8),
    Case("vgg16", 4),
]


def nets(case: Case, libraries: dict) -> dict:
    """The same network in each library, with the same weights."""
    mt.manual_seed(0)
    ours = create_model(case.name)
    found = {"ours": ours}
    if "torch" in libraries:
        found["torch"] = RIVALS[case.name](libraries["torch"])
        copy_weights(ours, found["torch"])
    return found


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
        with lib.no_grad():
            net(images)

    net.train(mode == "training")
    return train if mode == "training" else infer


def speed(case: Case, mode: str, libraries: dict, repeats: int) -> dict[str, list[float]]:
    """Seconds of each step of each library, in turns."""
    found = nets(case, libraries)
    fns = {name: step(found[name], lib, case, mode) for name, lib in libraries.items()}
    return interleaved(fns, repeats, budget=60.0, settle=SPIN if len(fns) > 1 else 0.0)


def memory(name: str, case: Case, mode: str, threads: int) -> float:
    """The peak GiB of a process that has done only three steps in one library."""
    if name == "torch":
        import torch as lib

        net = RIVALS[case.name](lib)
    else:
        lib, net = mt, create_model(case.name)
    use_threads(threads, [lib])
    run = step(net, lib, case, mode)
    for _ in range(3):
        run()
    return peak_memory()


def measure(case: Case, mode: str, libraries: dict, repeats: int, threads: int) -> dict:
    """A record of one row: images per second and GiB of each library, and the ratios."""
    times = speed(case, mode, libraries, repeats)
    record = {"model": case.name, "batch": case.batch, "mode": mode}
    for name, seconds in times.items():
        record[f"{name} images/s"] = case.batch / statistics.median(seconds)
    if "torch" in times:
        record["ratio"] = median_ratio(times["ours"], times["torch"])
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for name in libraries:
            record[f"{name} GiB"] = pool.apply(memory, (name, case, mode, threads))
    if "torch" in times:
        record["memory"] = record["ours GiB"] / record["torch GiB"]
    numbers = [f"{value:14.2f}" for value in record.values() if isinstance(value, float)]
    print(f"{case.name:18} {case.batch:5} {mode:>9}", *numbers, flush=True)
    return record


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="nets of CASES (default: all)")
    parser.add_argument("--mode", choices=MODES, nargs="+", default=MODES, help="(default: both)")
    parser.add_argument("--vs", choices=["torch"], help="time PyTorch in turns with ours")
    parser.add_argument("--threads", type=int, help="threads of each library (default: all cores)")
    parser.add_argument("--repeats", type=int, default=15, help="turns per row (default: 15)")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="(default: cpu)")
    parser.add_argument(
        "--tf32", choices=["on", "off"], help="on a GPU: whether convolutions may use it (on)"
    )
    parser.add_argument("--json", metavar="FILE", help="also write the figures there")
    options = parser.parse_args(argv)
    known = [case.name for case in CASES]
    for name in options.names:
        if name not in known:
            parser.error(f"NAME {name!r} must be one of {', '.join(known)}")
    if options.repeats < 1:
        parser.error(f"--repeats {options.repeats} must be at least 1")
    if options.device == "cuda":
        from . import models_gpu

        refuse_without_gpu(parser)
        return models_gpu.main(options)
    if options.tf32:
        parser.error("--tf32 goes with --device cuda")

    libraries = {"ours": mt}
    if options.vs:
        import torch

        libraries["torch"] = torch
    threads = use_threads(options.threads, libraries.values())
    facts = machine() | {"threads": str(threads)}
    print("  ".join(f"{key} {value}" for key, value in facts.items()))
    heads = [f"{name} images/s" for name in libraries] + ["ratio"] * bool(options.vs)
    heads += [f"{name} GiB" for name in libraries] + ["ratio"] * bool(options.vs)
    print(f"{'model':18} {'batch':>5} {'mode':>9}", *(f"{head:>14}" for head in heads))
    records = [
        measure(case, mode, libraries, options.repeats, threads)
        for case in CASES
        for mode in options.mode
        if case.name in (options.names or known)
    ]
    if options.vs:
        for mode in options.mode:
            ratios = [record["ratio"] for record in records if record["mode"] == mode]
            print(f"{mode}: geometric mean {geometric_mean(ratios):.2f} x torch's time")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"machine": facts, "rows": records}, file, indent=1)


if __name__ == "__main__":
    main()
