"""The speed of each convolution implementation, layer by layer: python -m benchmarks.conv --help

Every row is one layer of a suite in one direction: forward, input gradient (gx) or weight gradient
(gw). The columns of an implementation are the median milliseconds, GFLOP/s (two operations per
multiply-add), the share of the measured peak, and the largest error at sampled elements, compared
with the definition in float64 and relative to the largest of them. The last columns are the median
over turns of our time divided by that of the faster of PyTorch's formats, and by ONNX Runtime's.
How the others are run: docs/guide/speed.md. With --device cuda the same layers run on a GPU: see
conv_gpu.py.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator

import numpy as np

from minitorch_cnn.analysis import Roof, measured_roof
from minitorch_cnn.kernels import conv2d as operator
from minitorch_cnn.kernels import dispatch

from .allocator import restart
from .arguments import add_arguments, finish, parse
from .competitors import FORMATS, ratios, use_threads
from .problem import DIRECTIONS, Problem
from .records import machine
from .roofline import plot
from .suites import SUITES, Layer
from .timing import interleaved, warm_up

BY = (["direction"], ["suite", "direction"], ["chosen", "direction"])  # groups with a mean
DEVICE_IMPLEMENTATIONS = ("emulator", "numba_cuda", "cuda")  # for a GPU, or not made for speed
LOOPS_LIMIT = 300_000  # multiply-adds: the loops take about a microsecond each


def chosen_implementation(layer: Layer, batch: int, direction: str) -> str:
    """The implementation that runs unless another one is forced."""
    function = {"forward": "forward", "gx": "input_grad", "gw": "weight_grad"}[direction]
    arrays = np.ndarray, np.dtype(np.float32), (batch, layer.C, layer.H, layer.H), layer.weight
    case = operator.Case(f"conv2d_{function}", *arrays, layer.window, layer.groups)
    return operator.OPERATOR.preferred(case).name


def ours(problem: Problem, direction: str, names: dict[str, str]) -> tuple[dict, dict]:
    """The implementations that can compute a direction, as functions, and their errors.

    names: {column: implementation}
    """
    fns, errors = {}, {}
    for column, name in names.items():
        too_slow = name == "loops" and problem.layer.macs(problem.batch) > LOOPS_LIMIT
        if name in DEVICE_IMPLEMENTATIONS or too_slow:
            continue

        def run(name=name):
            with dispatch.use(name):
                return problem.ours(direction)

        try:
            errors[column] = problem.error(direction, run())
        except RuntimeError:  # this implementation cannot compute this layer
            continue
        fns[column] = run
    return fns, errors


def rivals(problem: Problem, direction: str, vs: list[str], threads: int) -> dict:
    """The direction in the other libraries, as functions."""
    fns = {}
    if "torch" in vs:
        for name in FORMATS["torch"]:
            fns[name] = problem.torch(direction, nhwc=name.endswith("nhwc"))
    if "onnxruntime" in vs and direction == "forward":  # the engine does not train
        fns["onnxruntime"] = problem.onnxruntime(threads)
    return fns


def measure(problem: Problem, direction: str, options, threads: int, peak: float) -> dict:
    """One row: "ms" and "error" of each implementation, "ratio" of the chosen to each library.

    Where only the chosen implementation runs, its column is "ours".
    """
    layer = problem.layer
    chosen = chosen_implementation(layer, options.batch, direction)
    names = {"ours": chosen}
    if not options.chosen:
        names = {name: name for name in dispatch.available("conv2d")}
    fns, errors = ours(problem, direction, names)
    fns |= rivals(problem, direction, options.vs, threads)
    warm_up(fns)
    times = interleaved(fns, options.repeats, budget=options.budget)
    ms = {name: statistics.median(seconds) * 1e3 for name, seconds in times.items()}
    flops = 2 * layer.macs(options.batch)
    return {
        "layer": layer.name,
        "batch": options.batch,
        "direction": direction,
        "threads": threads,
        "chosen": chosen,
        "gflop": flops / 1e9,
        "peak": peak / 1e9,  # GFLOP/s
        "ms": ms,
        "error": errors,
        "ratio": ratios(times, "ours" if options.chosen else chosen),
    }


def cells(row: dict, name: str) -> str:
    """The columns of an implementation or library in a row."""
    gflops = row["gflop"] / row["ms"][name] * 1e3
    text = f"{row['ms'][name]:9.3f} {gflops:8.1f} {gflops / row['peak']:5.0%}"
    return text + (f" {row['error'][name]:7.0e}" if name in row["error"] else "")


def table(rows: list[dict]) -> Iterator[str]:
    """The rows as text, a group of columns per implementation and library that ran."""
    names = list(dict.fromkeys(name for row in rows for name in row["ms"]))
    ours = {name for row in rows for name in row["error"]}
    widths = {name: 32 if name in ours else 24 for name in names}
    compared = list(dict.fromkeys(name for row in rows for name in row["ratio"]))
    head = [f"{'suite':10} {'layer':18} {'direction':9} {'chosen':9}"]
    for name in names:
        text = f"{name + ' ms':>9} GFLOP/s  peak" + "   error" * (name in ours)
        head.append(text.rjust(widths[name]))
    yield "  ".join([*head, *(f"x {name}" for name in compared)])
    for row in rows:
        line = [f"{row['suite']:10} {row['layer']:18} {row['direction']:9} {row['chosen']:9}"]
        for name, width in widths.items():
            line.append((cells(row, name) if name in row["ms"] else "").rjust(width))
        for name in compared:
            text = f"{row['ratio'][name]:.2f}" if name in row["ratio"] else ""
            line.append(text.rjust(len(name) + 2))
        yield "  ".join(line).rstrip()


def selected(suites: list[str], parts: list[str]) -> list[tuple[str, Layer]]:
    """The layers of some suites; with `parts`, those whose names contain one of these."""
    layers = [(suite, layer) for suite in suites for layer in SUITES[suite]]
    return [row for row in layers if not parts or any(part in row[1].name for part in parts)]


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conv", description=__doc__)
    add = parser.add_argument
    text = f"suites to run, of {', '.join(SUITES)} (default: all)"
    add("--suite", choices=SUITES, nargs="+", default=list(SUITES), metavar="NAME", help=text)
    text = "only layers whose names contain one of these, such as 1x1 dw"
    add("--rows", nargs="+", default=[], metavar="PART", help=text)
    text = "(default: all three)"
    add("--directions", choices=DIRECTIONS, nargs="+", default=DIRECTIONS, help=text)
    add("--batch", type=int, help="images in a batch (default: 1, on a GPU 64)")
    add("--chosen", action="store_true", help="only the implementation that runs unless forced")
    text = "seconds after which a row of three turns ends (default: 0.5)"
    add("--budget", type=float, default=0.5, help=text)
    add("--tf32", choices=["on", "off"], help="on a GPU: whether convolutions may use it (on)")
    add("--plot", metavar="FILE", help="also draw the roofline there (matplotlib)")
    add_arguments(parser, repeats=5, engines=["onnxruntime"])
    options = parse(parser, argv)
    if options.batch is None:
        options.batch = 64 if options.device == "cuda" else 1
    if options.batch < 1:
        parser.error(f"--batch {options.batch} must be at least 1")
    layers = selected(options.suite, options.rows)
    if not layers:
        parser.error(f"--rows {' '.join(options.rows)} is in no layer's name")
    if options.device == "cuda":
        from . import conv_gpu

        if options.plot:
            parser.error("--plot draws figures of the CPU")
        return conv_gpu.main(options, layers)
    if options.tf32:
        parser.error("--tf32 goes with --device cuda")
    run(options, layers)


def run(options: argparse.Namespace, layers: list[tuple[str, Layer]]) -> None:
    """Measure the layers with each number of threads, print the rows and keep them."""
    facts = machine()
    print("  ".join(f"{key} {value}" for key, value in facts.items()))
    everything = []
    for count in options.threads:
        threads = use_threads(count, options.vs)
        roof: Roof = measured_roof()
        print(
            f"\nthreads {threads}, peak {roof.flops / 1e9:.0f} GFLOP/s, memory "
            f"{roof.bandwidth / 1e9:.1f} GB/s, batch {options.batch}, float32\n"
        )
        rows = []
        for suite, layer in layers:
            problem = Problem(layer, options.batch)
            for direction in options.directions:
                row = measure(problem, direction, options, threads, roof.flops)
                rows.append({"suite": suite} | row)
        print(*table(rows), sep="\n")
        everything += rows
    finish("conv", options, facts, everything, BY)
    if options.plot:
        shapes = {(suite, layer.name): layer for suite, layer in layers}
        plot(rows, shapes, roof, options.plot)


if __name__ == "__main__":
    restart()
    main()
