"""The time of the operations between convolutions: python -m benchmarks.ops --help

Normalisation, pooling, activations, losses, resampling and optimizer steps, forward and backward,
in float32 and in shapes of networks. Our names are PyTorch's, so a row is one line of code for both
libraries. Times are the shortest of all turns after a warm-up. `ratio` is the median over turns of
our time divided by PyTorch's, `best` the ratio of the shortest times. Above 1, ours takes longer.
With --device cuda the same rows run on a GPU: see ops_gpu.py.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import minitorch_cnn as mt

from .gpu import refuse_without_gpu
from .timing import SPIN, geometric_mean, interleaved, machine, median_ratio, use_threads


class Op(NamedTuple):
    """A differentiable operation; make(library) is a module or function of a tensor (*shape)."""

    name: str
    shape: tuple[int, ...]
    make: Callable


class Update(NamedTuple):
    """The step of an optimizer for the parameters of a model; make(library, parameters)."""

    name: str
    model: str
    make: Callable


def _norm_relu(lib, channels: int):
    return lib.nn.Sequential(lib.nn.BatchNorm2d(channels), lib.nn.ReLU())


def _cross_entropy(lib, classes: int, shape: tuple[int, ...], **settings):
    target = lib.tensor(np.random.default_rng(2).integers(classes, size=shape))
    return lambda x: lib.nn.functional.cross_entropy(x, target, **settings)


def _bilinear(lib, factor: int):
    return lambda x: lib.nn.functional.interpolate(x, scale_factor=factor, mode="bilinear")


STEM, BLOCK, SMALL = (8, 64, 112, 112), (8, 256, 56, 56), (64, 16, 32, 32)

OPS = [
    Op("batch norm", (8, 64, 56, 56), lambda lib: lib.nn.BatchNorm2d(64)),
    Op("batch norm", (8, 512, 7, 7), lambda lib: lib.nn.BatchNorm2d(512)),
    Op("batch norm, relu", STEM, lambda lib: _norm_relu(lib, 64)),
    Op("batch norm, relu", SMALL, lambda lib: _norm_relu(lib, 16)),
    Op("max pool 3/2", STEM, lambda lib: lib.nn.MaxPool2d(3, 2, 1)),
    Op("max pool 3/2", (8, 192, 28, 28), lambda lib: lib.nn.MaxPool2d(3, 2, 1)),
    Op("max pool 2", (64, 6, 28, 28), lambda lib: lib.nn.MaxPool2d(2)),
    Op("max pool 2", (4, 64, 224, 224), lambda lib: lib.nn.MaxPool2d(2)),
    Op("average pool 3/1", (8, 192, 28, 28), lambda lib: lib.nn.AvgPool2d(3, 1, 1)),
    Op("average pool 2", (8, 128, 56, 56), lambda lib: lib.nn.AvgPool2d(2)),
    Op("average pool 2", (64, 6, 28, 28), lambda lib: lib.nn.AvgPool2d(2)),
    Op("global average", (8, 2048, 7, 7), lambda lib: lib.nn.AdaptiveAvgPool2d(1)),
    Op("relu", (64, 120), lambda lib: lib.nn.ReLU()),
    Op("relu", SMALL, lambda lib: lib.nn.ReLU()),
    Op("relu", BLOCK, lambda lib: lib.nn.ReLU()),
    Op("relu6", BLOCK, lambda lib: lib.nn.ReLU6()),
    Op("leaky relu", SMALL, lambda lib: lib.nn.LeakyReLU()),
    Op("elu", SMALL, lambda lib: lib.nn.ELU()),
    Op("prelu", SMALL, lambda lib: lib.nn.PReLU(16)),
    Op("sigmoid", SMALL, lambda lib: lib.nn.Sigmoid()),
    Op("tanh", SMALL, lambda lib: lib.nn.Tanh()),
    Op("gelu", SMALL, lambda lib: lib.nn.GELU()),
    Op("silu", SMALL, lambda lib: lib.nn.SiLU()),
    Op("hardswish", SMALL, lambda lib: lib.nn.Hardswish()),
    Op("cross entropy", (64, 10), lambda lib: _cross_entropy(lib, 10, (64,))),
    Op("cross entropy", (256, 1000), lambda lib: _cross_entropy(lib, 1000, (256,))),
    Op("  label smoothing", (256, 1000), lambda lib: _cross_entropy(lib, 1000, (256,),
                                                                    label_smoothing=0.1)),
    Op("  of pixels", (4, 21, 224, 224), lambda lib: _cross_entropy(lib, 21, (4, 224, 224))),
    Op("response norm", (8, 96, 55, 55), lambda lib: lib.nn.LocalResponseNorm(5)),
    Op("bilinear x2", (8, 64, 56, 56), lambda lib: _bilinear(lib, 2)),
    Op("bilinear x8", (1, 21, 64, 64), lambda lib: _bilinear(lib, 8)),
]  # fmt: skip

UPDATES = [
    Update("SGD", "resnet50", lambda lib, p: lib.optim.SGD(p, lr=0.1)),
    Update("SGD, momentum", "resnet50", lambda lib, p: lib.optim.SGD(p, lr=0.1, momentum=0.9)),
    Update("  Nesterov, decay", "resnet50", lambda lib, p: lib.optim.SGD(
        p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)),
    Update("RMSprop", "resnet50", lambda lib, p: lib.optim.RMSprop(p, momentum=0.9)),
    Update("Adam", "resnet50", lambda lib, p: lib.optim.Adam(p)),
    Update("AdamW", "resnet50", lambda lib, p: lib.optim.AdamW(p)),
    Update("Adam", "resnet20_cifar", lambda lib, p: lib.optim.Adam(p)),
]  # fmt: skip


def directions(op: Op, lib) -> dict[str, Callable]:
    """The op of a library, forward with recording and backward, as functions without arguments."""
    rng = np.random.default_rng(0)
    x = lib.tensor(rng.standard_normal(op.shape, dtype=np.float32), requires_grad=True)
    function = op.make(lib)
    if isinstance(function, lib.nn.Module):
        function.to(x.device)
    leaves = [x, *(function.parameters() if isinstance(function, lib.nn.Module) else ())]
    y = function(x)
    gy = lib.tensor(rng.standard_normal(tuple(y.shape)).astype(np.float32))

    def backward():
        return lib.autograd.grad(y, leaves, gy, retain_graph=True)

    return {"forward": lambda: function(x), "backward": backward}


def step(update: Update, lib) -> Callable:
    """A step of the optimizer of a library, for random parameters and gradients."""
    rng = np.random.default_rng(0)
    with mt.nn.shapes_only():
        shapes = [p.shape for p in mt.models.create_model(update.model).parameters()]
    params = []
    for shape in shapes:
        p = lib.tensor(rng.standard_normal(shape, dtype=np.float32), requires_grad=True)
        p.grad = lib.tensor(rng.standard_normal(shape, dtype=np.float32))
        params.append(p)
    return update.make(lib, params).step


def functions(row: Op | Update, lib) -> dict[str, Callable]:
    """The calls to time for a row: {direction: function without arguments}."""
    return directions(row, lib) if isinstance(row, Op) else {"step": step(row, lib)}


def measure(row: Op | Update, libraries: dict, repeats: int) -> list[dict]:
    """A record for each direction: milliseconds of each library, and the ratios."""
    each = {name: functions(row, lib) for name, lib in libraries.items()}
    size = "x".join(map(str, row.shape)) if isinstance(row, Op) else row.model
    records = []
    for direction in each["ours"]:
        fns = {name: found[direction] for name, found in each.items()}
        settle = SPIN if len(fns) > 1 else 0.0
        times = interleaved(fns, repeats, budget=3.0, settle=settle)
        record = {"op": row.name.strip(), "of": size, "direction": direction}
        record |= {f"{name} ms": min(seconds) * 1e3 for name, seconds in times.items()}
        if "torch" in times:
            record["ratio"] = median_ratio(times["ours"], times["torch"])
            record["best"] = record["ours ms"] / record["torch ms"]
        records.append(record)
        print_record(row.name, record)
    return records


def print_record(name: str, record: dict) -> None:
    numbers = [f"{value:10.3f}" for value in record.values() if isinstance(value, float)]
    print(f"{name:18} {record['of']:>14} {record['direction']:>9}", *numbers, flush=True)


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ops", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="ops, such as relu (default: all)")
    parser.add_argument("--vs", choices=["torch"], help="time PyTorch in turns with ours")
    parser.add_argument("--threads", type=int, help="threads of each library (default: all cores)")
    parser.add_argument("--repeats", type=int, default=20, help="turns per row (default: 20)")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="(default: cpu)")
    parser.add_argument("--json", metavar="FILE", help="also write the figures there")
    options = parser.parse_args(argv)
    rows = [*OPS, *UPDATES]
    known = list(dict.fromkeys(row.name.strip() for row in rows))
    for name in options.names:
        if name not in known:
            parser.error(f"NAME {name!r} must be one of {', '.join(known)}")
    if options.repeats < 1:
        parser.error(f"--repeats {options.repeats} must be at least 1")

    if options.device == "cuda":
        from . import ops_gpu

        refuse_without_gpu(parser)
        return ops_gpu.main(options)

    libraries = {"ours": mt}
    if options.vs:
        import torch

        libraries["torch"] = torch
    facts = machine() | {"threads": str(use_threads(options.threads, libraries.values()))}
    print("  ".join(f"{key} {value}" for key, value in facts.items()))
    heads = [f"{name} ms" for name in libraries] + ["ratio", "best"] * (len(libraries) > 1)
    print(f"{'op':18} {'of':>14} {'direction':>9}", *(f"{head:>10}" for head in heads))
    records = []
    for row in rows:
        if not options.names or row.name.strip() in options.names:
            records += measure(row, libraries, options.repeats)
    if options.vs:
        for key in ("ratio", "best"):
            mean = geometric_mean([record[key] for record in records])
            print(f"{key}: geometric mean {mean:.2f} x torch's time, {len(records)} rows")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"machine": facts, "rows": records}, file, indent=1)


if __name__ == "__main__":
    main()
