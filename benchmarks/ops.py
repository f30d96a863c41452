"""The time of the operations between convolutions: python -m benchmarks.ops --help

Normalisation, pooling, activations, losses, resampling and optimizer steps, forward and backward,
in float32 and in shapes of networks. Our names are PyTorch's, so a row is one line of code for both
libraries. Times are medians of all turns. The ratio is the median over turns of our time divided by
PyTorch's, in the faster of its two formats. Above 1, ours takes longer. How PyTorch is run:
docs/guide/speed.md. With --device cuda the same rows run on a GPU: see ops_gpu.py.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import minitorch_cnn as mt

from .allocator import restart
from .arguments import add_arguments, finish, parse
from .competitors import Library, libraries, ratios, use_threads
from .problem import numbers
from .records import machine
from .timing import interleaved, warm_up

BY = ([], ["direction"])  # groups with a mean


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
    return lib.nn.Sequential(lib.nn.BatchNorm2d(channels), lib.nn.ReLU(inplace=True))


def _cross_entropy(lib, **settings):
    targets = {}

    def loss(x):
        shape = (x.shape[0], *x.shape[2:])
        if shape not in targets:
            classes = np.random.default_rng(2).integers(x.shape[1], size=shape)
            targets[shape] = lib.tensor(classes)
        return lib.nn.functional.cross_entropy(x, targets[shape], **settings)

    return loss


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
    Op("cross entropy", (64, 10), lambda lib: _cross_entropy(lib)),
    Op("cross entropy", (256, 1000), lambda lib: _cross_entropy(lib)),
    Op("  label smoothing", (256, 1000), lambda lib: _cross_entropy(lib, label_smoothing=0.1)),
    Op("  of pixels", (4, 21, 224, 224), lambda lib: _cross_entropy(lib)),
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
    x = lib.tensor(numbers(op.shape), requires_grad=True)
    function = op.make(lib)
    if isinstance(function, lib.nn.Module):
        function.to(x.device)
    leaves = [x, *(function.parameters() if isinstance(function, lib.nn.Module) else ())]
    y = function(x)
    gy = lib.tensor(numbers(tuple(y.shape), 1))

    def backward():
        return lib.autograd.grad(y, leaves, gy, retain_graph=True)

    return {"forward": lambda: function(x), "backward": backward}


def step(update: Update, lib) -> Callable:
    """A step of the optimizer of a library, for random parameters and gradients."""
    with mt.nn.shapes_only():
        shapes = [p.shape for p in mt.models.create_model(update.model).parameters()]
    params = []
    for i, shape in enumerate(shapes):
        p = lib.tensor(numbers(shape, 2 * i), requires_grad=True)
        p.grad = lib.tensor(numbers(shape, 2 * i + 1))
        params.append(p)
    return update.make(lib, params).step


def functions(row: Op | Update, lib) -> dict[str, Callable]:
    """The calls to time for a row: {direction: function without arguments}."""
    return directions(row, lib) if isinstance(row, Op) else {"step": step(row, lib)}


def measure(
    row: Op | Update, libs: dict[str, Library], options: argparse.Namespace, threads: int
) -> list[dict]:
    """A record for each direction: "ms" of each library, and the "ratio"."""
    has_formats = isinstance(row, Op) and len(row.shape) == 4
    each = {name: functions(row, lib) for name, lib in libs.items() if has_formats or not lib.nhwc}
    size = "x".join(map(str, row.shape)) if isinstance(row, Op) else row.model
    records = []
    for direction in each["ours"]:
        fns = {name: found[direction] for name, found in each.items()}
        warm_up(fns)
        times = interleaved(fns, options.repeats, options.budget)
        ms = {name: statistics.median(seconds) * 1e3 for name, seconds in times.items()}
        record = {"op": row.name.strip(), "of": size, "direction": direction, "threads": threads}
        records.append(record | {"ms": ms, "ratio": ratios(times, "ours")})
    return records


def line(record: dict, columns: list[str]) -> str:
    """A record as text."""
    text = f"{record['op']:18} {record['of']:>14} {record['direction']:>9} {record['threads']:>7}"
    times = (f"{record['ms'][name]:14.3f}" if name in record["ms"] else " " * 14
             for name in columns)  # fmt: skip
    return " ".join([text, *times, *(f"{value:7.2f}" for value in record["ratio"].values())])


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ops", description=__doc__)
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="ops, such as relu (default: all)")
    text = "seconds after which a row of three turns ends (default: 0.5)"
    add("--budget", type=float, default=0.5, help=text)
    add_arguments(parser, repeats=5)
    options = parse(parser, argv)
    rows = [*OPS, *UPDATES]
    known = list(dict.fromkeys(row.name.strip() for row in rows))
    for name in options.names:
        if name not in known:
            parser.error(f"NAME {name!r} must be one of {', '.join(known)}")
    if options.device == "cuda":
        from . import ops_gpu

        return ops_gpu.main(options)
    run(options, [row for row in rows if row.name.strip() in (options.names or known)])


def run(options: argparse.Namespace, rows: list[Op | Update]) -> None:
    """Measure the rows with each number of threads, print the records and keep them."""
    facts, libs = machine(), libraries(options.vs)
    print("  ".join(f"{key} {value}" for key, value in facts.items()))
    heads = [f"{name + ' ms':>14}" for name in libs] + ["x torch"] * len(options.vs)
    print(f"{'op':18} {'of':>14} {'direction':>9} threads", *heads)
    records = []
    for count in options.threads:
        threads = use_threads(count, options.vs)
        for row in rows:
            found = measure(row, libs, options, threads)
            print(*(line(record, list(libs)) for record in found), sep="\n", flush=True)
            records += found
    finish("ops", options, facts, records, BY)


if __name__ == "__main__":
    restart()
    main()
