"""Operations between convolutions, timed on a GPU: python -m benchmarks.ops --device cuda

Rows are those of benchmarks.ops, with as many samples as make the input or the output 128 MiB or
more: smaller ones measure the start of a launch. Times are medians of CUDA events, apart from the
host's. `needed` is the minimum time over the measured one: reading the input and writing the output
once (backward: reading gy and the input, writing gx), and reading targets, at the bandwidth of a
copy. `moved` is the same for the bytes that our kernels have to move, where a sum must be known
before the second pass begins. `ratio` is our time over that of the faster of PyTorch's two layouts.
With --json, rows are kept as by conv_gpu.py.
"""

from __future__ import annotations

import math
import statistics

from .competitors import libraries
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
from .ops import OPS, UPDATES, Op, Update, functions
from .timing import geometric_mean

FLOAT = 4  # bytes
LEAST = 2**25  # numbers of an input or output
GROWTH = {"bilinear x2": 4, "bilinear x8": 64}  # outputs for each input
TARGET = 8  # bytes of a class
WITH_TARGETS = ("cross entropy", "label smoothing", "of pixels")
# Passes over arrays of x's size in our kernels, forward and backward, where these are more.
PASSES = {"batch norm": (3, 5), "batch norm, relu": (3, 5)}


def traffic(op: Op, outputs: int, direction: str) -> int:
    """The minimum number of bytes moved: x and y forward; gy, x and gx backward; targets."""
    x = math.prod(op.shape)
    targets = x // op.shape[1] if op.name.strip() in WITH_TARGETS else 0
    arrays = x + outputs if direction == "forward" else outputs + 2 * x
    return FLOAT * arrays + TARGET * targets


def moved(op: Op, outputs: int, direction: str) -> int:
    """The number of bytes that our kernels move."""
    passes = PASSES.get(op.name.strip())
    if passes is None:
        return traffic(op, outputs, direction)
    return FLOAT * math.prod(op.shape) * passes[direction == "backward"]


def enlarged(row: Op | Update) -> Op | Update:
    """The row with so many samples that its input or output has at least LEAST numbers."""
    if not isinstance(row, Op):
        return row
    factor = -(-LEAST // (math.prod(row.shape) * GROWTH.get(row.name.strip(), 1)))
    return row._replace(shape=(row.shape[0] * factor, *row.shape[1:]))


def named(row: Op | Update) -> dict[str, str]:
    """What names a row."""
    size = "x".join(map(str, row.shape)) if isinstance(row, Op) else row.model
    return {"op": row.name.strip(), "of": size}


def measure(row: Op | Update, libs: dict, ceiling: Ceilings, repeats: int) -> list[dict]:
    """A record for each direction."""
    count = sets_beyond_cache(FLOAT * math.prod(row.shape)) if isinstance(row, Op) else 1
    each = {name: [functions(row, lib) for _ in range(count)] for name, lib in libs.items()}
    records = []
    for direction, first in each["ours"][0].items():
        fns = {name: [found[direction] for found in sets] for name, sets in each.items()}
        times = event_times(fns, repeats, host := {})
        medians = {name: statistics.median(t) for name, t in times.items()}
        record = named(row) | {"direction": direction}
        record |= {f"{name} ms": seconds * 1e3 for name, seconds in medians.items()}
        if isinstance(row, Op):
            outputs = (first if direction == "forward" else each["ours"][0]["forward"])().numel()
            for head, count in (("needed", traffic), ("moved", moved)):
                size = count(row, outputs, direction)
                record[head] = ceiling.share(medians["ours"], size, 0)
        record["host ms"] = statistics.median(host["ours"]) * 1e3
        rivals = [seconds for name, seconds in medians.items() if name != "ours"]
        if rivals:
            record["ratio"] = medians["ours"] / min(rivals)
        records.append(record)
    return records


def main(options) -> None:
    """Run the benchmark with the options of benchmarks.ops."""
    libs = libraries(options.vs, "cuda")
    setting, facts = set_tf32(True, libs.get("torch")), gpu_machine(True)
    ceiling = ceilings(True)
    print("  ".join(f"{key} {value}" for key, value in facts.items()))
    print(f"copy {ceiling.bandwidth / 1e12:.2f} TB/s, {setting}\n")
    heads = [*(f"{name} ms" for name in libs), "needed", "moved", "host ms"]
    heads += ["ratio"] * bool(options.vs)
    print(f"{'op':18} {'of':>16} {'direction':>9}", *(f"{head:>13}" for head in heads), flush=True)
    kept = Kept(options.json, {"machine": facts, "ceilings": ceiling._asdict()})
    for row in map(enlarged, (*OPS, *UPDATES)):
        wanted = not options.names or row.name.strip() in options.names
        if not wanted or kept.has(**named(row)):
            continue
        failed, found = {}, []
        with row_goes_on(failed, "row"):
            found = measure(row, libs, ceiling, options.repeats)
        kept.add(*(found or [named(row) | failed["row"]]))
        print(*(line(record, heads) for record in found or kept.rows[-1:]), sep="\n", flush=True)
    ratios = [record["ratio"] for record in kept.rows if "ratio" in record]
    if ratios:
        print(f"ratio: geometric mean {geometric_mean(ratios):.2f} x torch's, {len(ratios)} rows")


def line(record: dict, heads: list[str]) -> str:
    """A record as text."""
    text = f"{record['op']:18} {record['of']:>16}"
    if "failed" in record:
        return f"{text} failed: {record['failed']}"
    figures = (f"{record[head]:13.4f}" if head in record else " " * 13 for head in heads)
    return " ".join([text, f"{record['direction']:>9}", *figures])
