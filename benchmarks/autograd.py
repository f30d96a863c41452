"""The overhead of autograd, on graphs so small that arithmetic takes little time.

python -m benchmarks.autograd --help

Each row is one micro-graph of 4x4 float32 tensors on one thread: microseconds per operation without
recording (plain), with recording, and for forward and backward together. A ratio above 1 means that
ours takes longer.
"""

from __future__ import annotations

import argparse
import statistics

import numpy as np

import minitorch_cnn as mt

from .allocator import restart
from .arguments import add_arguments, finish, parse
from .competitors import ratios, use_threads
from .records import machine
from .timing import interleaved, warm_up

MODES = ("plain", "recorded", "backward")
BY = (["mode"],)  # groups with a mean
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
    add_arguments(parser, repeats=15)
    options = parse(parser, argv)
    facts = machine()
    print("  ".join(f"{key} {value}" for key, value in facts.items()))
    use_threads(1, options.vs)
    makers = {"ours": _ours} | ({"torch": _torchs} if "torch" in options.vs else {})
    heads = [f"{name} us" for name in makers] + ["x torch"] * (len(makers) > 1)
    print(f"{'graph':20} {'mode':9}", *(f"{head:>9}" for head in heads))
    rows = []
    for name, (_, _, ops) in GRAPHS.items():
        for mode in MODES:
            fns = {library: make(name, mode) for library, make in makers.items()}
            warm_up(fns)
            times = interleaved(fns, options.repeats, budget=1.0)
            ms = {library: statistics.median(t) / ops * 1e3 for library, t in times.items()}
            row = {"graph": name, "mode": mode, "threads": 1, "ms": ms}
            rows.append(row | {"ratio": ratios(times, "ours")})
            figures = [f"{1e3 * value:9.2f}" for value in ms.values()]
            figures += [f"{value:9.2f}" for value in rows[-1]["ratio"].values()]
            print(f"{name:20} {mode:9}", *figures, flush=True)
    finish("autograd", options, facts, rows, BY)


if __name__ == "__main__":
    restart()
    main()
