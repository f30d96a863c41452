"""The speed of inference: python -m benchmarks.inference --help

Networks in float32, eager and compiled by mt.compile, beside PyTorch, ONNX Runtime and OpenVINO.
The ratio is the median over turns of our time divided by the other's, in PyTorch's case in the
faster of its two formats. All sides take turns in one process, each after untimed calls of its own:
the threads of an engine keep spinning after a call. The outputs must agree before anything is
timed.

Peak memory is that of a process that has only one side, from the built network on, with the
library; anonymous memory is that without the pages of files, which are the code of libraries. The
first call is measured there, too: capture, passes and packing of a compiled net, or what an engine
does to its file. Kernels must have been compiled before, as the measurement of times does. How the
others are run: docs/guide/speed.md.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import minitorch_cnn as mt

from .allocator import KEEP, restart
from .arguments import add_arguments, finish, parse
from .competitors import FORMATS, ratios, use_threads
from .engines import SIDES, Subject, first_output, our_network
from .records import machine
from .timing import interleaved, warm_up

MODES = {"eager": "ours", "compiled": "compiled"}  # the side of each
BATCHES = (1, 8)
SETTLE = 0.12  # seconds of untimed calls: the threads of the engines spin for as long
BY = (["measure", "mode"], ["measure", "mode", "batch"])  # groups with a mean
TOLERANCE = 1e-3  # of the largest output
CASES = (
    "lenet5_relu",
    "resnet20_cifar",
    "mobilenet_v1_100",
    "mobilenet_v2",
    "resnet50",
    "vgg16",
    "densenet121",
    "squeezenet1_0",
    "googlenet",
)


def subject_of(name: str, batch: int, threads: int, shape, folder: Path) -> Subject:
    """A registered model, written as an ONNX file of fixed sizes, or an ONNX file.

    shape: (C, H, W) of images, or None.
    Raises: ValueError for a file that does not say its sizes or has another batch.
    """
    if name.endswith(".onnx"):
        sizes = [(value, value.shape) for value in mt.onnx.load(name).graph.inputs]
        inputs = {v.name: (str(v.dtype), _sizes(name, v, batch, shape)) for v, _ in sizes}
        return Subject(name, name, inputs, threads)
    shape = (batch, *(shape or mt.models.model_entry(name).input_shape))
    subject = Subject(name, str(folder / f"{name}.onnx"), {"x": ("float32", list(shape))}, threads)
    model = our_network(subject)
    mt.onnx.export(model, mt.zeros(shape), subject.file, input_names=["x"])
    return subject


def _sizes(name: str, value, batch: int, shape) -> list[int]:
    """The sizes of an input of a file, its free ones chosen."""
    wanted = (batch, *(shape or ()))
    if value.shape is None or (len(value.shape) != len(wanted) and shape):
        raise ValueError(f"{name}: its input {value.name!r} is no batch of images")
    found = []
    for axis, size in enumerate(value.shape):
        given = wanted[axis] if axis < len(wanted) else None
        if not isinstance(size, int) and given is None:
            raise ValueError(f"{name}: --input-shape must say the sizes of {value.name!r}")
        if isinstance(size, int) and given not in (None, size):
            option = "--input-shape" if axis else "--batch"
            raise ValueError(f"{name}: {option} {given} must be the size {size} of {value.name!r}")
        found.append(size if isinstance(size, int) else int(given))
    return found


def sides_of(options: argparse.Namespace) -> dict[str, str]:
    """The sides to measure, and their columns; ours are one column in rows of their own."""
    found = {MODES[mode]: mode for mode in options.mode}
    return found | {side: side for lib in options.vs for side in FORMATS[lib]}


def rows_of(
    subject: Subject, measure: str, batch: int, measured: dict[str, dict], options
) -> list[dict]:
    """A row for each mode: ours under "ours" and the other sides under their own names."""
    rows = []
    for mode in options.mode:
        mine = {"ours" if name == MODES[mode] else name: found for name, found in measured.items()
                if name not in MODES.values() or name == MODES[mode]}  # fmt: skip
        row = {"model": subject.name, "batch": batch, "mode": mode, "measure": measure}
        row["threads"] = subject.threads
        for key in mine["ours"]:
            row[key] = {side: found[key] for side, found in mine.items()}
        rows.append(row)
    return rows


def time_of(subject: Subject, batch: int, options) -> list[dict]:
    """Rows with "ms" and "ratio". Raises: RuntimeError if the sides' outputs do not agree."""
    fns = {side: SIDES[side](subject)() for side in sides_of(options)}
    warm_up(fns)
    outputs = {side: first_output(fn()) for side, fn in fns.items()}
    wanted = next(iter(outputs.values()))
    for side, y in outputs.items():
        if not np.abs(y - wanted).max() <= TOLERANCE * np.abs(wanted).max():
            raise RuntimeError(f"{subject.name}: the output of {side} differs from the others")
    times = interleaved(fns, options.repeats, options.budget, settle=SETTLE)
    measured = {side: {"ms": statistics.median(each) * 1e3} for side, each in times.items()}
    rows = rows_of(subject, "time", batch, measured, options)
    for row in rows:
        row["ratio"] = ratios(times, MODES[row["mode"]])
    return rows


def memory_of(subject: Subject, batch: int, options) -> list[dict]:
    """Rows with "MiB" and the "ratio" of memory, to the format that takes less.

    Those of all memory also have "first ms"; others are of anonymous memory, where it is known.
    """
    measured = {}
    environment = {k: v for k, v in os.environ.items() if k not in KEEP}  # the system's allocator
    for side in sides_of(options):
        command = [sys.executable, "-m", "benchmarks.engines", side, json.dumps(subject)]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
        measured[side] = json.loads(done.stdout.splitlines()[-1])
    known = all("anonymous MiB" in found for found in measured.values())
    anonymous = {side: {"MiB": found.pop("anonymous MiB", 0.0)} for side, found in measured.items()}
    rows = rows_of(subject, "memory", batch, measured, options)
    if known:
        rows += rows_of(subject, "anonymous memory", batch, anonymous, options)
    for row in rows:
        peaks = row["MiB"]
        row["ratio"] = {
            lib: peaks["ours"] / min(peaks[side] for side in FORMATS[lib]) for lib in options.vs
        }
    return rows


MEASURERS = {"time": time_of, "memory": memory_of}
HEADS = {"time": "ms", "memory": "MiB"}


def head(measure: str, sides: list[str], options) -> str:
    """The names of the columns."""
    columns = [f"{side} {HEADS[measure]}" for side in sides]
    texts = [
        f"{'model':18} batch {'mode':>8} {'measure':>16} threads",
        *(f"{text:>16}" for text in columns),
    ]
    texts += [f"x {lib:>11}" for lib in options.vs]
    if measure == "memory":
        texts += [f"{side + ' first s':>20}" for side in sides]
    return " ".join(texts)


def line(measure: str, row: dict) -> str:
    """A row as text."""
    text = f"{row['model'][-18:]:18} {row['batch']:5} {row['mode']:>8} {row['measure']:>16}"
    text += f" {row['threads']:>7}"
    texts = [text, *(f"{value:16.2f}" for value in row[HEADS[measure]].values())]
    texts += [f"{value:13.2f}" for value in row["ratio"].values()]
    if measure == "memory":
        texts += [f"{value / 1e3:20.2f}" for value in row.get("first ms", {}).values()]
    return " ".join(texts)


def image_shape(text: str) -> tuple[int, ...]:
    """The channels, height and width in a text such as 3x224x224."""
    shape = tuple(map(int, text.split("x")))
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"image_shape: {text!r} must be CHANNELSxHEIGHTxWIDTH")
    return shape


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inference", description=__doc__)
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="nets of CASES (default: all), or FILE.onnx")
    add("--batch", type=int, nargs="+", default=BATCHES, metavar="N", help="images (default: 1 8)")
    add("--mode", choices=MODES, nargs="+", default=list(MODES), help="ours (default: both)")
    add("--measure", choices=MEASURERS, nargs="+", default=list(MEASURERS), help="(default: both)")
    text = "seconds after which a row of three turns ends (default: 15)"
    add("--budget", type=float, default=15.0, help=text)
    text = "channels, height and width of images, where FILE.onnx leaves them free"
    add("--input-shape", type=image_shape, metavar="CxHxW", help=text)
    add_arguments(parser, repeats=15, engines=["onnxruntime", "openvino"])
    options = parse(parser, argv)
    files = [name for name in options.names if name.endswith(".onnx")]
    for name in options.names:
        if name not in (*CASES, *files):
            parser.error(f"NAME {name!r} must be FILE.onnx or one of {', '.join(CASES)}")
    if min(options.batch) < 1:
        parser.error(f"--batch {min(options.batch)} must be at least 1")
    if options.device == "cuda":
        parser.error("--device cuda goes with benchmarks.models")
    if files and (options.publish or "torch" in options.vs):
        parser.error("--publish and --vs torch do not go with FILE.onnx")
    if options.input_shape and (options.publish or len(files) < len(options.names or CASES)):
        parser.error("--input-shape goes with FILE.onnx")
    try:
        run(options, list(options.names or CASES))
    except (ValueError, OSError, RuntimeError) as error:
        parser.error(str(error).removeprefix("load: "))


def run(options: argparse.Namespace, names: list[str]) -> None:
    """Measure the networks with each number of threads, print the rows and keep them."""
    facts = machine()
    print("  ".join(f"{key} {value}" for key, value in facts.items()))
    sides = ["ours", *(side for side in sides_of(options) if side not in MODES.values())]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for measure in options.measure:
            print("", head(measure, sides, options), sep="\n")
            for count in options.threads:
                for name, batch in itertools.product(names, options.batch):
                    sizes = batch, use_threads(count), options.input_shape
                    subject = subject_of(name, *sizes, Path(folder))
                    found = MEASURERS[measure](subject, batch, options)
                    print(*(line(measure, row) for row in found), sep="\n", flush=True)
                    rows += found
    finish("inference", options, facts, rows, BY, "cost")


if __name__ == "__main__":
    restart()
    main()
