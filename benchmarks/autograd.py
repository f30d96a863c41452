"""The overhead of autograd, on graphs so small that arithmetic takes little time.

python -m benchmarks.autograd --help

Each row is one micro-graph of 4x4 float32 tensors: microseconds per operation without recording,
with recording, and for forward and backward together. Where PyTorch is installed, it is timed in
turns on one thread. A ratio above 1 means that ours takes longer.
"""

from __future__ import annotations

import argparse
import json
import statistics

import numpy as np

import minitorch_cnn as mt

from .timing import geometric_mean, interleaved, machine, median_ratio

CHAIN = 100  # ops in a graph

# name: (inputs that require grad, the graph as a function of them, ops in it)
GRAPHS = {
    "add": (2, lambda a, b: _repeat(lambda y: y + b, a), CHAIN),
    "add a number": (1, lambda a: _repeat(lambda y: y + 1.0, a), CHAIN),
    "multiply": (2, lambda a, b: _repeat(lambda y: y * b, a), CHAIN),
    "matrix product": (2, lambda a, b: _repeat(lambda y: y @ b, a), CHAIN),
    "relu": (1, lambda a: _repeat(lambda y: y.relu(), a), CHAIN),
    "tanh": (1, lambda a: _repeat(lambda y: y.tanh(), a), CHAIN),
    "reshape": (1, lambda a: _repeat(lambda y: y.reshape(16), a), CHAIN),
    "transpose": (1, lambda a: _repeat(lambda y: y.transpose(0, 1), a), CHAIN),
    "sum along an axis": (1, lambda a: _repeat(lambda y: y.sum(1, keepdim=True) + a, a), 2 * CHAIN),
    "index": (1, lambda a: sum((a[i % 4] for i in range(1, CHAIN)), a[0]), 2 * CHAIN - 1),
    "fan-out and fan-in": (1, lambda a: _repeat(lambda y: y * a + y, a), 2 * CHAIN),
}


def _repeat(op, y):
    for _ in range(CHAIN):
        y = op(y)
    return y


def _ours(name: str, mode: str):
    count, graph, _ = GRAPHS[name]
    inputs = [mt.tensor(array, requires_grad=mode != "plain") for array in _arrays(count)]
    return _timed(graph, inputs, mode)


def _torchs(name: str, mode: str):
    import torch

    torch.set_num_threads(1)
    count, graph, _ = GRAPHS[name]
    inputs = [torch.tensor(array, requires_grad=mode != "plain") for array in _arrays(count)]
    return _timed(graph, inputs, mode)


def _arrays(count: int):
    rng = np.random.default_rng(0)
    return [rng.uniform(0.4, 0.6, (4, 4)).astype(np.float32) for _ in range(count)]


def _timed(graph, inputs, mode: str):
    def run():
        y = graph(*inputs)
        if mode == "backward":
            y.sum().backward()
            for x in inputs:
                x.grad = None

    return run


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.autograd", description=__doc__)
    parser.add_argument("--repeats", type=int, default=50, help="turns per row (default: 50)")
    parser.add_argument("--json", metavar="FILE", help="also write the figures there")
    options = parser.parse_args(argv)
    if options.repeats < 1:
        parser.error(f"--repeats {options.repeats} must be at least 1")
    facts = machine()
    print("  ".join(f"{key} {value}" for key, value in facts.items()))
    modes = {"plain": "no graph", "recorded": "recorded", "backward": "with backward"}
    compared = "torch" in facts
    head = f"{'microseconds per op':20}"
    for label in modes.values():
        head += f"  {label:>14}" + ("    torch  ratio" if compared else "")
    print(head)
    rows = []
    for name, (_, _, ops) in GRAPHS.items():
        line, row = f"{name:20}", {"graph": name}
        for mode in modes:
            fns = {"ours": _ours(name, mode)}
            if compared:
                fns["torch"] = _torchs(name, mode)
            times = interleaved(fns, options.repeats, budget=2.0)
            row[mode] = {key: statistics.median(t) / ops * 1e6 for key, t in times.items()}
            line += f"  {row[mode]['ours']:14.2f}"
            if compared:
                row[mode]["ratio"] = median_ratio(times["ours"], times["torch"])
                line += f" {row[mode]['torch']:8.2f} {row[mode]['ratio']:6.2f}"
        rows.append(row)
        print(line)
    if compared:
        for mode, label in modes.items():
            mean = geometric_mean([row[mode]["ratio"] for row in rows])
            print(f"{label}: geometric mean {mean:.2f} x torch's time")
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"machine": facts, "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
