"""The arguments that the benchmarks of speed have in common, and the end of each."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from .competitors import chosen
from .gpu import refuse_without_gpu
from .instructions import UNRESTRICTED, VARIABLE, restrictions
from .records import file_of, keep, means, scaling

GPU_REPEATS = 30


def add_arguments(
    parser: argparse.ArgumentParser, repeats: int, engines: Sequence[str] = ()
) -> None:
    """Add --vs, --threads, --repeats, --device, --json and --publish.

    engines: the libraries other than torch that --vs may name.
    """
    add = parser.add_argument
    text = f"time others in turns with ours: {','.join(['torch', *engines])}"
    add("--vs", type=chosen, default=[], metavar="LIBRARIES", help=text)
    text = "threads of each library, such as 1 2 4 (default: one per core)"
    add("--threads", type=int, nargs="+", default=[None], metavar="N", help=text)
    text = f"turns per row (default: {repeats}, on a GPU {GPU_REPEATS})"
    add("--repeats", type=int, help=text)
    add("--device", choices=["cpu", "cuda"], default="cpu", help="(default: cpu)")
    add("--json", metavar="FILE", help="write the rows there, beside rows of earlier runs")
    text = "write the rows to the file of this processor in benchmarks/results"
    add("--publish", action="store_true", help=text)
    parser.set_defaults(cpu_repeats=repeats, engines=engines)


def parse(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments of the command line; exits with one sentence if they do not go together."""
    options = parser.parse_args(argv)
    if options.repeats is None:
        options.repeats = GPU_REPEATS if options.device == "cuda" else options.cpu_repeats
    if options.repeats < 1:
        parser.error(f"--repeats {options.repeats} must be at least 1")
    for threads in options.threads:
        if threads is not None and threads < 1:
            parser.error(f"--threads {threads} must be at least 1")
    for name in options.vs:
        if name != "torch" and name not in options.engines:
            parser.error(f"--vs {name} goes with benchmarks.inference")
        if name in UNRESTRICTED and restrictions():
            parser.error(f"--vs {name} cannot be restricted to the instructions of {VARIABLE}")
    if options.device == "cuda":
        refuse_without_gpu(parser)
        if options.publish or set(options.vs) & set(options.engines):
            parser.error("--publish and --vs onnxruntime do not go with --device cuda")
    return options


def finish(
    benchmark: str,
    options: argparse.Namespace,
    facts: dict[str, Any],
    rows: list[dict],
    by: Sequence[Sequence[str]],
    unit: str = "time",
) -> None:
    """Print the means of the groups, how the speed grows with threads, and write the rows.

    unit: what the ratios are of.
    """
    several = len(options.threads) > 1
    if options.vs:
        for fields in by:
            print("", *means(rows, ["threads"] * several + [*fields], unit), sep="\n")
    if several:
        print("", *scaling(rows), sep="\n")
    for path in (options.json, file_of(benchmark) if options.publish else None):
        if path:
            keep(path, facts, rows)
