"""Whole networks on a GPU: python -m benchmarks.models --device cuda

Networks and steps are those of benchmarks.models, with 64 images. A step is timed from its first
Python line until the GPU is idle again, so launches count. `ratio` is our median over that of the
faster of PyTorch's two layouts. In training "ours graphed" repeats our step as a CUDA graph
(`mt.cuda.graphed`), `graphed ratio` is its. Memory is the peak of each library's pool. With --json,
rows are kept as by conv_gpu.py.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import minitorch_cnn as mt
from minitorch_cnn.models import create_model

from .competitors import Library, libraries
from .gpu import Kept, gpu_machine, row_goes_on, set_tf32
from .models import CASES, Case, nets, step
from .timing import geometric_mean

BATCH = 64
GRAPHED = "ours graphed"


def wall_times(
    fns: dict[str, Callable], synchronize: Callable, repeats: int
) -> dict[str, list[float]]:
    """Seconds of each call until the GPU is idle, in turns, after three untimed calls."""
    for fn in fns.values():
        for _ in range(3):
            fn()
    times = {name: [] for name in fns}
    for _ in range(repeats):
        for name, fn in fns.items():
            synchronize()
            before = time.perf_counter()
            fn()
            synchronize()
            times[name].append(time.perf_counter() - before)
    return times


def memory(torch) -> dict[str, float]:
    """GiB that each library's pool holds."""
    import cupy

    held = {"ours": cupy.get_default_memory_pool().total_bytes() / 2**30}
    if torch is not None:
        held["torch"] = torch.cuda.max_memory_reserved() / 2**30
    return held


def record(case: Case, mode: str, times: dict[str, list[float]]) -> dict:
    """Images per second of each library, and the ratio to the fastest of the others."""
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    row = {"model": case.name, "batch": case.batch, "mode": mode}
    row |= {f"{name} images/s": case.batch / seconds for name, seconds in medians.items()}
    rivals = [seconds for name, seconds in medians.items() if name not in ("ours", GRAPHED)]
    if rivals:
        row["ratio"] = medians["ours"] / min(rivals)
    if rivals and GRAPHED in medians:
        row["graphed ratio"] = medians[GRAPHED] / min(rivals)
    return row


def graphed_step(case: Case, lib: Library) -> Callable:
    """Our training step of another net with the same weights, repeated as a graph."""
    mt.manual_seed(0)
    net = lib.module(create_model(case.name))
    return mt.cuda.graphed(step(net, lib, case, "training"), warmup=1, device=lib.device)


def measure(case: Case, mode: str, libs: dict, repeats: int) -> dict:
    """The record of a network in one mode."""
    import cupy

    fns = {key: step(net, libs[key], case, mode) for key, net in nets(case, libs).items()}
    failed = {}
    if mode == "training":
        with row_goes_on(failed, GRAPHED):
            fns[GRAPHED] = graphed_step(case, libs["ours"])
            for _ in range(3):  # as usual, captured, repeated
                fns[GRAPHED]()
    for name in failed:
        fns.pop(name, None)
    row = record(case, mode, wall_times(fns, cupy.cuda.runtime.deviceSynchronize, repeats))
    return row | {f"{name} failed": found["failed"] for name, found in failed.items()}


def main(options) -> None:
    """Run the benchmark with the options of benchmarks.models."""
    import cupy

    torch = None
    if options.vs:
        import torch
    allowed = options.tf32 != "off"
    setting, facts = set_tf32(allowed, torch), gpu_machine(allowed)
    libs = libraries(options.vs, "cuda")
    print("  ".join(f"{key} {value}" for key, value in facts.items()))
    print(setting, flush=True)
    kept = Kept(options.json, {"machine": facts})
    for name in options.names or [case.name for case in CASES]:
        case = Case(name, BATCH)
        for mode in options.mode:
            row, failed = {"model": name, "mode": mode}, {}
            if kept.has(**row):
                continue
            with row_goes_on(failed, "row"):
                row = measure(case, mode, libs, options.repeats)
                row |= {f"{key} GiB": held for key, held in memory(torch).items()}
            row |= failed.get("row", {})
            kept.add(row)
            print("  ".join(f"{key} {value if isinstance(value, str) else round(value, 3)}"
                            for key, value in row.items()), flush=True)  # fmt: skip
            cupy.get_default_memory_pool().free_all_blocks()
            if torch is not None:
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
    for mode in options.mode:
        ratios = [row["ratio"] for row in kept.rows if row["mode"] == mode and "ratio" in row]
        if ratios:
            print(f"{mode}: geometric mean {geometric_mean(ratios):.2f} x torch's time")
