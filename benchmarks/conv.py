"""The speed of each convolution implementation, layer by layer: python -m benchmarks.conv --help

Every row is one layer of a known network in one direction: forward, input gradient (gx) or weight
gradient (gw). The columns of an implementation are the median milliseconds, GFLOP/s (two operations
per multiply-add), the share of the measured peak of matrix products, and the largest error at
sampled elements, compared with the definition in float64 and relative to the largest of them.
Calls before the timed ones warm up caches. With --device cuda the same layers run on a GPU: see
conv_gpu.py.
"""

from __future__ import annotations

import argparse
import json
import statistics

import numpy as np

import minitorch_cnn as mt
from minitorch_cnn.analysis import measured_roof
from minitorch_cnn.kernels import conv2d as operator
from minitorch_cnn.kernels import dispatch

from .gpu import refuse_without_gpu
from .roofline import plot
from .suites import SUITES, Layer
from .timing import SPIN, geometric_mean, interleaved, machine, median_ratio, use_threads

DIRECTIONS = ("forward", "gx", "gw")
DEVICE_IMPLEMENTATIONS = (
    "emulator",
    "numba_cuda",
    "cuda",
)  # for a GPU, or not made for speed
LOOPS_LIMIT = 300_000  # multiply-adds: the loops take about a microsecond each


class Problem:
    """The arrays of one layer, and each direction as a function without arguments."""

    def __init__(self, layer: Layer, batch: int, seed: int = 0):
        rng = np.random.default_rng(seed)
        self.layer, self.batch = layer, batch
        draw = lambda *shape: rng.standard_normal(shape, dtype=np.float32)  # noqa: E731
        self.x = draw(batch, layer.C, layer.H, layer.H)
        self.w = draw(layer.O, layer.C // layer.groups, layer.kernel, layer.kernel)
        self.gy = draw(batch, layer.O, layer.output, layer.output)

    def ours(self, direction: str):
        window, groups = self.layer.window, self.layer.groups
        if direction == "forward":
            return operator.conv2d_forward(self.x, self.w, window, groups)
        if direction == "gx":
            return operator.conv2d_input_grad(self.gy, self.w, window, self.x.shape[2:], groups)
        return operator.conv2d_weight_grad(self.x, self.gy, window, groups)

    def torch(self, direction: str):
        """The same in PyTorch, as a function without arguments."""
        import torch

        x, w, gy = (torch.from_numpy(a) for a in (self.x, self.w, self.gy))
        s, p, groups = self.layer.stride, self.layer.padding, self.layer.groups
        if direction == "forward":
            return lambda: torch.nn.functional.conv2d(x, w, None, s, p, 1, groups)
        mask = (direction == "gx", direction == "gw", False)
        settings = ([s, s], [p, p], [1, 1], False, [0, 0], groups, mask)
        return lambda: torch.ops.aten.convolution_backward(gy, x, w, None, *settings)

    def error(self, direction: str, result: np.ndarray, samples: int = 64) -> float:
        """The largest |result - definition| of sampled elements over the largest |definition|."""
        rng = np.random.default_rng(1)
        at = [tuple(int(rng.integers(n)) for n in result.shape) for _ in range(samples)]
        exact = np.array([getattr(self, f"_{direction}_at")(*index) for index in at])
        found = np.array([result[index] for index in at], np.float64)
        return float(np.abs(found - exact).max() / np.abs(exact).max())

    def _taps(self, size: int):
        """Each (kernel position, output, input) of a product along one axis."""
        L = self.layer
        for k in range(L.kernel):
            for i in range(L.output):
                h = i * L.stride + k - L.padding
                if 0 <= h < size:
                    yield k, i, h

    def _forward_at(self, n, o, i, j):
        L = self.layer
        first = o // (L.O // L.groups) * (L.C // L.groups)
        channels = slice(first, first + L.C // L.groups)
        total = 0.0
        for kh, _, h in (t for t in self._taps(L.H) if t[1] == i):
            for kw, _, w in (t for t in self._taps(L.H) if t[1] == j):
                total += self.x[n, channels, h, w].astype(float) @ self.w[o, :, kh, kw]
        return total

    def _gx_at(self, n, c, h, w):
        L = self.layer
        group, inner = divmod(c, L.C // L.groups)
        outputs = slice(group * (L.O // L.groups), (group + 1) * (L.O // L.groups))
        total = 0.0
        for kh, i, _ in (t for t in self._taps(L.H) if t[2] == h):
            for kw, j, _ in (t for t in self._taps(L.H) if t[2] == w):
                total += self.gy[n, outputs, i, j].astype(float) @ self.w[outputs, inner, kh, kw]
        return total

    def _gw_at(self, o, c, kh, kw):
        L = self.layer
        channel = o // (L.O // L.groups) * (L.C // L.groups) + c
        rows = [(i, h) for k, i, h in self._taps(L.H) if k == kh]
        columns = [(j, w) for k, j, w in self._taps(L.H) if k == kw]
        (i, h), (j, w) = (np.array(pairs).T for pairs in (rows, columns))
        x = self.x[:, channel][:, h[:, None], w].astype(float)
        return float((x * self.gy[:, o][:, i[:, None], j]).sum())


def chosen_implementation(layer: Layer, batch: int, direction: str) -> str:
    """The implementation that runs unless another one is forced."""
    x, w = (
        (batch, layer.C, layer.H, layer.H),
        (layer.O, layer.C // layer.groups, *[layer.kernel] * 2),
    )
    function = {"forward": "forward", "gx": "input_grad", "gw": "weight_grad"}[direction]
    arrays = np.ndarray, np.dtype(np.float32), x, w
    return operator.OPERATOR.preferred(
        operator.Case(f"conv2d_{function}", *arrays, layer.window, layer.groups)
    ).name


def measure(
    layer: Layer,
    batch: int,
    direction: str,
    implementation_names: list[str],
    vs_torch: bool,
    repeats: int,
):
    """One row: {implementation: figures}, and under "torch" PyTorch's time with each
    implementation's ratio to it.
    """
    problem = Problem(layer, batch)
    flops, fns = 2 * layer.macs(batch), {}
    errors = {}
    for implementation in implementation_names:
        if implementation in DEVICE_IMPLEMENTATIONS or (
            implementation == "loops" and layer.macs(batch) > LOOPS_LIMIT
        ):
            continue

        def run(implementation=implementation):
            with dispatch.use(implementation):
                return problem.ours(direction)

        try:
            errors[implementation] = problem.error(direction, run())
        except RuntimeError:  # this implementation cannot compute this layer
            continue
        fns[implementation] = run
    if vs_torch:
        fns["torch"] = problem.torch(direction)
    settle, budget = (SPIN, 10.0) if vs_torch else (0.0, 0.5)
    times = interleaved(fns, repeats, budget, settle)
    row = {}
    for name, seconds in times.items():
        median = statistics.median(seconds)
        row[name] = {"ms": median * 1e3, "gflops": flops / median / 1e9}
        if name in errors:
            row[name]["error"] = errors[name]
            if vs_torch:
                row[name]["ratio"] = median_ratio(seconds, times["torch"])
    return row


def table(rows: list[dict], peak: float) -> str:
    """The rows as text, a group of columns per implementation that ran."""
    names = list(dict.fromkeys(name for row in rows for name in row["figures"]))
    lines = []
    for row in rows:
        cells = [f"{row['suite']:10}", f"{row['layer']:18}", f"{row['direction']:8}"]
        for name in names:
            figures = row["figures"].get(name)
            width = 18 if name == "torch" else 43 if "torch" in names else 32
            if figures is None:
                cells.append(" " * width)
                continue
            text = f"{figures['ms']:9.3f} {figures['gflops']:8.1f}"
            if name != "torch":
                text += f" {figures['gflops'] / peak:5.0%} {figures['error']:7.0e}"
            if "ratio" in figures:
                text += f" {figures['ratio']:10.2f}"
            cells.append(text.ljust(width))
        lines.append("  ".join(cells).rstrip())
    head = [" " * 10, " " * 18, " " * 8]
    for name in names:
        text = f"{name + ' ms':>9} {'GFLOP/s':>8}"
        if name != "torch":
            text += f" {'peak':>5} {'error':>7}"
            if "torch" in names:
                text += f" {'x torch':>10}"
        head.append(text)
    return "\n".join(["  ".join(head), *lines])


def means(rows: list[dict]) -> list[str]:
    """The geometric mean of the ratios to PyTorch, per implementation and direction."""
    lines = []
    for direction in DIRECTIONS:
        ratios = {}
        for row in (row for row in rows if row["direction"] == direction):
            for name, figures in row["figures"].items():
                if "ratio" in figures:
                    ratios.setdefault(name, []).append(figures["ratio"])
            ratios.setdefault("chosen", []).append(row["figures"][row["chosen"]]["ratio"])
        for name, values in ratios.items():
            lines.append(
                f"{direction:8} {name:10} geometric mean {geometric_mean(values):.2f} x torch's "
                f"time, worst {max(values):.2f}, {len(values)} layers"
            )
    return lines


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conv", description=__doc__)
    parser.add_argument(
        "--suite",
        choices=SUITES,
        nargs="+",
        default=list(SUITES),
        metavar="NAME",
        help=f"networks whose layers to run, of {', '.join(SUITES)} (default: all)",
    )
    parser.add_argument("--batch", type=int, default=1, help="images in a batch (default: 1)")
    parser.add_argument("--vs", choices=["torch"], help="time PyTorch in turns with ours (minutes)")
    parser.add_argument(
        "--chosen",
        action="store_true",
        help="only the implementation that runs unless one is forced",
    )
    parser.add_argument("--threads", type=int, help="threads of each library (default: all cores)")
    parser.add_argument("--repeats", type=int, help="turns per row (default: 5, on a GPU 30)")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="(default: cpu)")
    parser.add_argument(
        "--tf32", choices=["on", "off"], help="on a GPU: whether convolutions may use it (on)"
    )
    parser.add_argument("--json", metavar="FILE", help="also write the figures there")
    parser.add_argument("--plot", metavar="FILE", help="also draw the roofline there (matplotlib)")
    options = parser.parse_args(argv)
    if options.repeats is None:
        options.repeats = 30 if options.device == "cuda" else 5
    if options.batch < 1 or options.repeats < 1:
        parser.error(f"--batch {options.batch} and --repeats {options.repeats} must be at least 1")

    if options.device == "cuda":
        from . import conv_gpu

        refuse_without_gpu(parser)
        if options.plot:
            parser.error("--plot draws figures of the CPU")
        options.tf32 = options.tf32 or "on"
        return conv_gpu.main(options)
    if options.tf32:
        parser.error("--tf32 goes with --device cuda")

    libraries = [mt]
    if options.vs:
        import torch

        libraries.append(torch)
    facts = machine() | {"threads": str(use_threads(options.threads, libraries))}
    roof = measured_roof()
    peak = roof.flops / 1e9
    print("  ".join(f"{key} {value}" for key, value in facts.items()))
    print(
        f"products of matrices {peak:.0f} GFLOP/s, memory {roof.bandwidth / 1e9:.1f} GB/s, "
        f"batch {options.batch}, float32\n"
    )
    rows = []
    for suite in options.suite:
        for layer in SUITES[suite]:
            for direction in DIRECTIONS:
                chosen = chosen_implementation(layer, options.batch, direction)
                names = [chosen] if options.chosen else dispatch.available("conv2d")
                settings = names, options.vs == "torch", options.repeats
                figures = measure(layer, options.batch, direction, *settings)
                row = {"suite": suite, "layer": layer.name, "direction": direction}
                rows.append(row | {"chosen": chosen, "figures": figures})
    print(table(rows, peak))
    if options.vs:
        print("", *means(rows), sep="\n")
    if options.json:
        with open(options.json, "w") as file:
            roof_facts = {"peak_gflops": peak, "copy_gb_s": roof.bandwidth / 1e9}
            figures = {**roof_facts, "batch": options.batch, "rows": rows}
            json.dump({"machine": facts, **figures}, file, indent=1)
    if options.plot:
        layers = {(suite, layer.name): layer for suite in SUITES for layer in SUITES[suite]}
        plot(rows, layers, options.batch, roof, options.plot)


if __name__ == "__main__":
    main()
