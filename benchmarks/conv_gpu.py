"""The speed of each convolution implementation on a GPU: benchmarks.conv --device cuda --help

Rows are those of benchmarks.conv. The columns of an implementation are the median milliseconds, the
share of the roofline, the largest error at sampled elements, and the time over that of the faster
of PyTorch's two layouts, "torch" (NCHW) and "torch nhwc" (channels last). The roofline is the
minimum time at the measured ceilings: of moving x, w and y once, or of the multiply-adds, whichever
is longer. A row is printed, and written to the file of --json, when it has been measured; rows that
are in the file are not measured again.
"""

from __future__ import annotations

import statistics

from minitorch_cnn.kernels import dispatch

from .competitors import FORMATS
from .gpu import (
    Ceilings,
    Kept,
    ceilings,
    event_times,
    gpu_machine,
    row_goes_on,
    set_tf32,
    sets_beyond_cache,
)
from .problem import Problem, torch_call
from .suites import Layer
from .timing import geometric_mean

IMPLEMENTATIONS = ("numba_cuda", "cuda")
RIVALS = FORMATS["torch"]
SAMPLES = 16  # of a result, compared with the definition


class GpuProblem(Problem):
    """A Problem with copies of its arrays on the GPU, in several sets to rotate through."""

    def __init__(self, layer: Layer, batch: int):
        import cupy

        super().__init__(layer, batch)
        self.host = dict(zip(("x", "w", "gy"), self.arrays(), strict=True))
        self.bytes = sum(array.nbytes for array in self.host.values())
        count = sets_beyond_cache(self.bytes)
        self.sets = [
            {name: cupy.asarray(array) for name, array in self.host.items()} for _ in range(count)
        ]

    def calls(self, direction: str, implementation: str) -> list:
        """The direction by one of our implementations, on each set."""

        def call(arrays):
            problem = object.__new__(Problem)
            problem.__dict__.update(arrays, layer=self.layer, batch=self.batch)

            def run():
                with dispatch.use(implementation):
                    return problem.ours(direction)

            return run

        return [call(arrays) for arrays in self.sets]

    def rival_calls(self, direction: str, nhwc: bool) -> list:
        """The direction in PyTorch, on each set, its images in one of two layouts."""
        import torch

        tensors = ([torch.from_dlpack(arrays[name]) for name in arrays] for arrays in self.sets)
        return [torch_call(self.layer, direction, nhwc, found) for found in tensors]


def columns(options) -> list[str]:
    """Our implementations and the rivals that are timed."""
    ours = IMPLEMENTATIONS[-1:] if options.chosen else IMPLEMENTATIONS
    ours = [name for name in ours if name in dispatch.available("conv2d")]
    return [*ours, *(RIVALS if options.vs else ())]


def measure(
    problem: GpuProblem, direction: str, ceiling: Ceilings, names: list[str], repeats: int
) -> dict:
    """One row: {implementation or rival: figures, or {"failed": reason} if it cannot run}."""
    fns, errors, failed = {}, {}, {}
    for implementation in (name for name in names if name not in RIVALS):
        calls = problem.calls(direction, implementation)
        with row_goes_on(failed, implementation):
            errors[implementation] = problem.error(direction, calls[0]().get(), SAMPLES)
            fns[implementation] = calls
    for name in (name for name in names if name in RIVALS):
        with row_goes_on(failed, name):
            calls = problem.rival_calls(direction, nhwc=name.endswith("nhwc"))
            calls[0]()
            fns[name] = calls
    operations = 2 * problem.layer.macs(problem.batch)
    times = event_times(fns, repeats, host := {})
    row = figures_of(times, errors, ceiling, problem.bytes, operations)
    for name, seconds in host.items():
        row[name]["host ms"] = statistics.median(seconds) * 1e3
    return row | failed


def figures_of(times: dict, errors: dict, ceiling: Ceilings, size: int, operations: int) -> dict:
    """The figures of a row from the seconds of all turns."""
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    best = min((medians[name] for name in RIVALS if name in medians), default=None)
    row = {}
    for name, seconds in medians.items():
        row[name] = {"ms": seconds * 1e3, "roofline": ceiling.share(seconds, size, operations)}
        if name in errors:
            row[name]["error"] = errors[name]
            if best is not None:
                row[name]["ratio"] = seconds / best
    return row


def head(names: list[str]) -> str:
    """The head of the table: a group of columns per implementation and rival."""
    groups = (
        f"{name + ' ms':>14} {'roof':>5}"
        + ("" if name in RIVALS else f" {'error':>7} {'ratio':>6}")
        for name in names
    )
    return "  ".join([f"{'suite':10} {'layer':18} {'direction':9}", *groups])


def line(row: dict, names: list[str]) -> str:
    """A row of the table."""
    cells = [f"{row['suite']:10} {row['layer']:18} {row['direction']:9}"]
    for name in names:
        found = row["figures"].get(name)
        text = "" if found is None else f"{'failed':>14}"
        if found is not None and "ms" in found:
            text = f"{found['ms']:14.4f} {found['roofline']:5.0%}"
        if found is not None and "error" in found:
            text += f" {found['error']:7.0e}"
        if found is not None and "ratio" in found:
            text += f" {found['ratio']:6.2f}"
        cells.append(text.ljust(20 if name in RIVALS else 35))
    return "  ".join(cells).rstrip()


def failures(rows: list[dict]) -> list[str]:
    """A line for each implementation or rival that could not run in a row, with the reason."""
    return [
        f"{row['suite']} {row['layer']} {row['direction']}: {name} failed: {found['failed']}"
        for row in rows
        for name, found in row["figures"].items()
        if "failed" in found
    ]


def means(rows: list[dict]) -> list[str]:
    """The geometric means of the ratios, per suite, direction and implementation."""
    ratios = {}
    for row in rows:
        for name, found in row["figures"].items():
            if "ratio" in found:
                key = row["suite"], row["direction"], name
                ratios.setdefault(key, []).append(found["ratio"])
    return [
        f"{suite:10} {direction:9} {name:10} geometric mean {geometric_mean(values):.2f} x the "
        f"faster of torch's layouts, worst {max(values):.2f}, {len(values)} layers"
        for (suite, direction, name), values in ratios.items()
    ]


def main(options, layers: list[tuple[str, Layer]]) -> None:
    """Run the benchmark with the options and selected layers of benchmarks.conv."""
    torch = None
    if options.vs:
        import torch
    allowed = options.tf32 != "off"
    setting, facts = set_tf32(allowed, torch), gpu_machine(allowed)
    ceiling = ceilings(allowed)
    print("  ".join(f"{key} {value}" for key, value in facts.items()))
    print(
        f"copy {ceiling.bandwidth / 1e12:.2f} TB/s, matrix product "
        f"{ceiling.arithmetic / 1e12:.1f} TFLOP/s, batch {options.batch}, float32, {setting}\n"
    )
    names = columns(options)
    facts = {"machine": facts, "ceilings": ceiling._asdict(), "batch": options.batch}
    kept = Kept(options.json, facts)
    print(head(names), flush=True)
    for suite, layer in layers:
        which = [{"suite": suite, "layer": layer.name, "direction": d} for d in options.directions]
        which = [row for row in which if not kept.has(**row)]
        lost, problem = {}, None
        with row_goes_on(lost, "arrays"):
            problem = GpuProblem(layer, options.batch) if which else None
        for row in which:
            found = dict(lost)
            if problem is not None:
                with row_goes_on(found, "row"):
                    direction = row["direction"]
                    found = measure(problem, direction, ceiling, names, options.repeats)
            kept.add(row | {"figures": found})
            print(line(kept.rows[-1], names), *failures(kept.rows[-1:]), sep="\n", flush=True)
    if options.vs:
        print("", *means(kept.rows), sep="\n")
