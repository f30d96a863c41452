"""profile_layers: the time and memory of each layer, beside what the machine could do at best.

S. Williams, A. Waterman, D. Patterson (2009), "Roofline: an insightful visual performance model for
multicore architectures", Communications of the ACM 52(4): a computation of I operations per byte
moved runs at most at

    min(peak arithmetic, I * peak bandwidth)

Both peaks are measured here and now: by a large matrix product, and by copying a large array.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..autograd import no_grad
from ..figures import BLUE, GREY, ORANGE, headline, label, name_ticks, new_figure
from ..nn import Module
from ..tensor import Tensor
from .summary import Row, layers, summary
from .watch import checked_batch, evaluation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE, COPIED = 1024, 1 << 26  # of the matrices that are multiplied; bytes that are copied


class Roof(NamedTuple):
    """Operations and bytes per second; an addition and a multiplication are two operations."""

    flops: float
    bandwidth: float

    def at(self, intensity: float | np.ndarray) -> float | np.ndarray:
        """The most operations per second at so many operations per byte."""
        return np.minimum(self.flops, self.bandwidth * np.asarray(intensity))


class LayerProfile(NamedTuple):
    """What each layer took for one batch; arrays (L,).

    seconds; flops: 2 for each multiply-add, 1 for each element that pooling looks at; bytes: of
    inputs, outputs and parameters, each moved once; memory: bytes of the outputs.
    """

    layers: list[str]
    seconds: np.ndarray
    flops: np.ndarray
    bytes: np.ndarray
    memory: np.ndarray
    roof: Roof

    @property
    def intensity(self) -> np.ndarray:
        """Operations per byte."""
        return self.flops / self.bytes

    @property
    def share(self) -> np.ndarray:
        """Of what the roof allows; 0 for layers without operations.

        Above 1 where an algorithm needs fewer operations, as Winograd's, or data lie in a cache.
        """
        at_best = self.flops / np.maximum(self.roof.at(self.intensity), 1e-300)
        return at_best / self.seconds

    def plot(self) -> Figure:
        """The layers under the roof, and their time and memory."""
        figure = new_figure(12, 5)
        left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": [1, 1.3]})
        counted = self.flops > 0
        speed = self.flops / self.seconds / 1e9
        span = self.intensity[counted]
        ridge = self.roof.flops / self.roof.bandwidth
        line = np.geomspace(min([*span, ridge]) / 2, max([*span, ridge]) * 2, 100)
        left.loglog(line, self.roof.at(line) / 1e9, color=GREY, label="the machine's best")
        areas = 15 + 300 * self.seconds / self.seconds.sum()
        points = span, speed[counted], areas[counted]
        left.scatter(*points, color=BLUE, alpha=0.6, label="layers; areas: time")
        peak, width = self.roof.flops / 1e9, self.roof.bandwidth / 1e9
        title = f"Roofline: {peak:.0f} GFLOP/s, {width:.1f} GB/s"
        label(left, title, "operations per byte", "GFLOP/s", legend=True)
        places = np.arange(len(self.layers))
        right.bar(places, 1e3 * self.seconds, color=BLUE, label="time")
        memory = right.twinx()
        memory.plot(places, self.memory / 2**20, ".", color=ORANGE)
        memory.set_ylabel("memory of the output (MiB), dots", color=ORANGE)
        label(right, f"Time: {1e3 * self.seconds.sum():.1f} ms in all", "", "milliseconds")
        memory.spines[["top"]].set_visible(False)
        name_ticks(right, self.layers)
        total = self.flops.sum() / self.roof.flops / self.seconds.sum()
        headline(figure, f"The layers run at {total:.0%} of the machine's best arithmetic")
        return figure


def profile_layers(
    model: Module, x: Tensor, repeats: int = 5, roof: Roof | None = None
) -> LayerProfile:
    """The least time of `repeats` runs of every layer, forward, in evaluation mode.

    x (N, C, H, W); roof: measured unless it is given. Layers are those of `summary`.

    Raises: ValueError for another shape, or repeats below 1.
    """
    checked_batch("profile_layers", x)
    if repeats < 1:
        raise ValueError(f"profile_layers: repeats={repeats} must be at least 1")
    rows = summary(model, x.shape[1:]).rows
    times = np.min([_times(model, x) for _ in range(repeats + 1)][1:], axis=0)
    size = x.dtype.itemsize
    flops = [len(x) * (2 * row.macs or row.ops) for row in rows]
    moved = [size * (len(x) * _elements(row) + row.params) for row in rows]
    memory = [len(x) * row.memory_bytes // 4 * size for row in rows]
    return LayerProfile(
        [row.name for row in rows],
        times,
        np.array(flops, float),
        np.array(moved, float),
        np.array(memory, float),
        roof or measured_roof(x.dtype),
    )


def _elements(row: Row) -> int:
    return math.prod(row.input_shape) + math.prod(row.output_shape)


def _times(model: Module, x: Tensor) -> list[float]:
    """The seconds of each layer of one run, in the order of their ends."""
    started: list[float] = []
    seconds: list[float] = []

    def before(module, inputs):
        started.append(time.perf_counter())

    def after(module, inputs, output):
        seconds.append(time.perf_counter() - started.pop())

    handles = []
    for layer in set(layers(model)):
        handles += [layer.register_forward_pre_hook(before), layer.register_forward_hook(after)]
    try:
        with evaluation(model), no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    return seconds


def measured_roof(dtype: np.dtype = np.float32, repeats: int = 5) -> Roof:
    """What this machine can do at best: the fastest of some matrix products and copies."""
    a = np.ones((SIDE, SIDE), dtype)
    source = np.ones(COPIED // a.itemsize, dtype)
    target = np.empty_like(source)
    product = _fastest(lambda: a @ a, repeats)
    copy = _fastest(lambda: np.copyto(target, source), repeats)
    return Roof(2 * SIDE**3 / product, 2 * COPIED / copy)


def _fastest(work, repeats: int) -> float:
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times[1:])
