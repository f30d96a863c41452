"""profile_layers: the time and memory of each layer, relative to the machine's peak performance.

S. Williams, A. Waterman, D. Patterson (2009), "Roofline: an insightful visual performance model for
multicore architectures", Communications of the ACM 52(4): a computation of I operations per byte
moved runs at most at

    min(peak arithmetic, I * peak bandwidth)

The peaks are measured on this machine with all threads of the kernels: arithmetic by large matrix
products of BLAS and by our micro-kernel alone, whichever is faster; bandwidth by copying and
reading arrays of several sizes, since small ones stay in a cache. Operations are those actually
executed: a convolution by Winograd's algorithm executes a quarter of the multiply-adds of its
definition.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..autograd import no_grad
from ..figures import (
    BLUE,
    GREY,
    VERMILLION,
    add_legend,
    headline,
    label,
    log_ticks,
    name_ticks,
    new_figure,
    rounded,
    size_for,
)
from ..kernels.conv2d import OPERATOR, Case, Window
from ..kernels.jit import has_numba
from ..kernels.matmul import matmul, one_blas_thread
from ..kernels.threads import get_num_threads, parallel_for
from ..nn import Conv2d, Module
from ..nn.evaluation import evaluation, first_output
from ..tensor import Tensor
from .summary import Row, layers, summary
from .watch import checked_batch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDES = 256, 512, 1024  # of the square matrices
CACHED = 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24  # bytes that fit into a cache, if it is large
COPIED = 1 << 27  # bytes that are copied in main memory


class Roof(NamedTuple):
    """Operations and bytes per second; an addition and a multiplication are two operations.

    bandwidth: of main memory; caches: pairs of a number of bytes, rising, and the bandwidth at
    which that many are moved repeatedly.
    """

    flops: float
    bandwidth: float
    caches: tuple[tuple[int, float], ...] = ()

    def bandwidth_of(self, moved: float) -> float:
        """The maximum bytes per second of a computation that moves this many bytes."""
        faster = [k for k, (size, _) in enumerate(self.caches) if size <= moved]
        if len(faster) == len(self.caches):
            return self.bandwidth
        return max(self.bandwidth, *(band for _, band in self.caches[max(faster, default=0) :]))

    def at(self, intensity: float | np.ndarray) -> float | np.ndarray:
        """The maximum operations per second at an intensity, from the fastest cache."""
        return np.minimum(self.flops, self.bandwidth_of(0) * np.asarray(intensity))


class LayerProfile(NamedTuple):
    """The time and memory of each layer for one batch; arrays (L,).

    seconds; flops: 2 for each multiply-add, 1 for each element that pooling reads; bytes: of
    inputs, outputs and parameters, each moved once, 0 if the output is the input or a view of it;
    memory: bytes of the outputs; winograd: whether it is a convolution by that algorithm.
    """

    layers: list[str]
    seconds: np.ndarray
    flops: np.ndarray
    bytes: np.ndarray
    memory: np.ndarray
    winograd: np.ndarray
    roof: Roof

    @property
    def intensity(self) -> np.ndarray:
        """Operations per byte."""
        return self.flops / np.maximum(self.bytes, 1)

    @property
    def bandwidth(self) -> np.ndarray:
        """The maximum bytes per second that each layer can move."""
        return np.array([self.roof.bandwidth_of(moved) for moved in self.bytes])

    @property
    def least(self) -> np.ndarray:
        """The minimum seconds of each layer, for its operations or for its bytes."""
        return np.maximum(self.flops / self.roof.flops, self.bytes / self.bandwidth)

    @property
    def moves(self) -> np.ndarray:
        """Whether memory, not arithmetic, bounds a layer."""
        return self.bytes / self.bandwidth >= self.flops / self.roof.flops

    @property
    def share(self) -> np.ndarray:
        """The fraction of the machine's peak: the minimum time divided by the measured time.

        The peak is that of arithmetic, or of bandwidth for layers it bounds, such as batch norm.
        """
        return self.least / self.seconds

    def plot(self) -> Figure:
        """Plot the layers under the roof, their times, their fractions of the peak and memory."""
        width, height = size_for(self.layers, 7.0, 6.8)
        figure = new_figure(5.5 + width, height)
        parts: Any = figure.subfigures(1, 2, width_ratios=[5.5, width])
        left, right = parts
        self._draw_roof(left.subplots())
        times, shares, memory = right.subplots(3, 1, sharex=True)
        places = np.arange(len(self.layers))
        colors = np.where(self.moves, VERMILLION, BLUE)
        times.bar(places, 1e3 * self.seconds, color=colors)
        label(times, f"Time: {rounded(1e3 * self.seconds.sum())} ms in all", "", "time (ms)")
        shares.bar(places, 100 * self.share, color=colors)
        shares.axhline(100, color=GREY, linewidth=1)
        label(shares, "Share of the machine's peak, arithmetic or bandwidth", "", "share (%)")
        memory.bar(places, self.memory / 2**20, color=GREY)
        memory.set_ylim(bottom=0)
        total = self.memory.sum() / 2**20
        title = f"Memory of the outputs: {rounded(total)} MiB in all"
        label(memory, title, "layer, in the order of work", "memory (MiB)")
        name_ticks(memory, self.layers)
        whole = rounded(100 * self.least.sum() / self.seconds.sum())
        headline(figure, f"The layers run at {whole}% of the machine's peak", self._note())
        return figure

    def _draw_roof(self, ax: Any) -> None:
        roof, counted = self.roof, self.flops > 0
        speed = self.flops / self.seconds / 1e9
        fast = roof.bandwidth_of(0)
        span = [*self.intensity[counted], roof.flops / fast, roof.flops / roof.bandwidth]
        line = np.geomspace(min(span) / 2, max(span) * 2, 100)
        ax.loglog(line, roof.at(line) / 1e9, color=GREY, label="peak, data in a cache")
        slow = np.minimum(roof.flops, roof.bandwidth * line) / 1e9
        ax.loglog(line, slow, "--", color=GREY, label="peak, data in memory")
        areas = 15 + 300 * self.seconds / self.seconds.sum()
        for chosen, color, name in (
            (counted & ~self.moves, BLUE, "layers bound by arithmetic (areas: time)"),
            (counted & self.moves, VERMILLION, "layers bound by bandwidth (areas: time)"),
        ):
            if chosen.any():
                points = self.intensity[chosen], speed[chosen]
                ax.scatter(*points, areas[chosen], color=color, alpha=0.6, label=name)
        bands = f"{roof.bandwidth / 1e9:.0f} GB/s"
        bands = f"{bands} ({fast / 1e9:.0f} from a cache)" if roof.caches else bands
        title = f"Roofline: {roof.flops / 1e9:.0f} GFLOP/s, {bands}"
        label(ax, title, "arithmetic intensity (FLOP per byte)", "speed (GFLOP/s)")
        place = {"loc": "upper left", "bbox_to_anchor": (0, -0.1)}
        add_legend(ax, **place)
        log_ticks(ax.xaxis)
        log_ticks(ax.yaxis)

    def _note(self) -> str:
        said = ["blue: bound by arithmetic; red: by bandwidth, as layers without multiply-adds"]
        if self.winograd.any():
            said.append(
                f"Winograd's algorithm computes {self.winograd.sum()} of the layers: counted are "
                "the multiply-adds that it does, not the up to four times as many of the definition"
            )
        if (self.share > 1).any():
            said.append("above 100 %: the machine was busier while its peak was measured")
        return ". ".join(said)


class Run(NamedTuple):
    """A layer's call: the shapes of its input and output, and whether it returned its input."""

    module: Module
    seconds: float
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    passed_on: bool


def profile_layers(
    model: Module, x: Tensor, repeats: int = 5, roof: Roof | None = None
) -> LayerProfile:
    """Measure the minimum time over `repeats` runs of every layer, forward, in evaluation mode.

    x (N, C, H, W); roof: by default measured before and after, using the better of both. Layers are
    those of `summary`.

    Raises: ValueError for another shape, or repeats below 1.
    """
    checked_batch("profile_layers", x)
    if repeats < 1:
        raise ValueError(f"profile_layers: repeats={repeats} must be at least 1")
    rows = summary(model, x.shape[1:]).rows
    before = roof or measured_roof(x.dtype)
    runs = [_run(model, x) for _ in range(repeats + 1)][1:]
    times = np.min([[layer.seconds for layer in run] for run in runs], axis=0)
    size = x.dtype.itemsize
    counts = [_operations(row, run, x.dtype) for row, run in zip(rows, runs[0], strict=True)]
    moved = [
        0 if run.passed_on else size * (len(x) * _elements(row) + row.params)
        for row, run in zip(rows, runs[0], strict=True)
    ]
    memory = [len(x) * row.memory_bytes // 4 * size for row in rows]
    return LayerProfile(
        [row.name for row in rows],
        times,
        np.array([flops for flops, _ in counts], float),
        np.array(moved, float),
        np.array(memory, float),
        np.array([winograd for _, winograd in counts]),
        roof or better(before, measured_roof(x.dtype)),
    )


def _elements(row: Row) -> int:
    return math.prod(row.input_shape) + math.prod(row.output_shape)


def _operations(row: Row, run: Run, dtype: np.dtype) -> tuple[int, bool]:
    """The executed operations of a layer, and whether it uses Winograd's algorithm."""
    N = run.input_shape[0]
    if not isinstance(run.module, Conv2d) or len(run.output_shape) != 4:
        return N * (2 * row.macs or row.ops), False
    conv, (N, O, OH, OW) = run.module, run.output_shape
    kernel = Window(conv.kernel_size, conv.stride, dilation=conv.dilation)
    # The image with its padding, as far as the windows reach.
    reached = [
        s * (n - 1) + k for s, n, k in zip(kernel.stride, (OH, OW), kernel.span, strict=True)
    ]
    shape: Any = N, run.input_shape[1], *reached
    weights: Any = conv.weight.shape
    single = np.result_type(dtype, np.float32)  # float16 is computed in float32
    case = Case("conv2d_forward", np.ndarray, single, shape, weights, kernel, conv.groups)
    name, _ = OPERATOR.explain(case)
    if name == "winograd":
        winograd: Any = OPERATOR.load(name)
        return 2 * winograd.multiply_adds(run.output_shape, shape[1]), True
    return 2 * N * O * conv.weight.shape[1] * _products(conv, run), False


def _products(conv: Conv2d, run: Run) -> int:
    """Products of one weight plane with an image (H, W) for all outputs, without padding."""
    if conv.padding_mode != "zeros" or isinstance(conv.padding, str):
        return math.prod((*run.output_shape[2:], *conv.weight.shape[2:]))
    window = Window(conv.kernel_size, conv.stride, conv.padding, conv.dilation)
    within = []
    for axis, (size, out) in enumerate(zip(run.input_shape[2:], run.output_shape[2:], strict=True)):
        first = window.stride[axis] * np.arange(out) - window.padding[axis][0]
        taps = first[:, None] + window.dilation[axis] * np.arange(window.kernel[axis])
        within.append(int(((taps >= 0) & (taps < size)).sum()))
    return math.prod(within)


def _run(model: Module, x: Tensor) -> list[Run]:
    """The layers of one run, in the order in which they finish."""
    started: list[float] = []
    runs: list[Run] = []

    def before(module: Module, inputs: Any) -> None:
        started.append(time.perf_counter())

    def after(module: Module, inputs: Any, output: Any) -> Any:
        seconds = time.perf_counter() - started.pop()
        x, y = inputs[0], first_output(output)
        runs.append(Run(module, seconds, x.shape, y.shape, _passed_on(x, y)))

    handles = []
    for layer in set(layers(model)):
        handles += [layer.register_forward_pre_hook(before), layer.register_forward_hook(after)]
    try:
        with evaluation(model), no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    return runs


def _passed_on(x: Tensor, y: Tensor) -> bool:
    on_host = isinstance(x.array, np.ndarray) and isinstance(y.array, np.ndarray)
    return y is x or (on_host and np.may_share_memory(x.array, y.array))


def measured_roof(dtype: np.dtype | type = np.float32, repeats: int = 5) -> Roof:
    """Measure this machine's peak: the fastest of some products, copies and reads."""
    dtype = np.result_type(dtype, np.float32)  # no library multiplies matrices of float16
    flops = max(_micro_kernel(dtype, repeats), *(_blas(dtype, side, repeats) for side in SIDES))
    caches = tuple((size, _bandwidth(dtype, size, repeats)) for size in CACHED)
    return Roof(flops, _bandwidth(dtype, COPIED, repeats), caches)


def better(a: Roof, b: Roof) -> Roof:
    """The higher of two measured roofs: another program may have slowed one down."""
    pairs = zip(a.caches, b.caches, strict=True)
    caches = tuple((size, max(one, other)) for (size, one), (_, other) in pairs)
    return Roof(max(a.flops, b.flops), max(a.bandwidth, b.bandwidth), caches)


def _blas(dtype: np.dtype, side: int, repeats: int) -> float:
    """Operations per second of a square product by BLAS.

    A small one is repeated more often, so that one run finds all cores free.
    """
    a = np.ones((side, side), dtype)
    return 2 * side**3 / _fastest(lambda: matmul(a, a), repeats * (SIDES[-1] // side) ** 2)


def _micro_kernel(dtype: np.dtype, repeats: int) -> float:
    """Operations per second of the innermost loop of our kernels; 0 without Numba."""
    if not has_numba():
        return 0.0
    from ..kernels.peak import tile_products

    work, operations = tile_products(dtype)
    return operations / _fastest(work, 4 * repeats)


def _bandwidth(dtype: np.dtype, size: int, repeats: int) -> float:
    """Bytes per second at which one thread, or all, copy and read arrays of `size` bytes."""
    times, again = [], max(1, CACHED[-1] // size)
    for threads in {1, get_num_threads()}:
        count = max(size // 2 // threads // dtype.itemsize, 1)
        pairs = [np.ones((2, count), dtype) for _ in range(threads)]

        def copy(k: int, pairs: Any = pairs) -> Any:
            for _ in range(again):
                np.copyto(pairs[k][0], pairs[k][1])

        def read(k: int, pairs: Any = pairs) -> Any:
            for _ in range(again):
                np.dot(pairs[k][0], pairs[k][1])

        with one_blas_thread():
            for work in (copy, read):
                seconds = _fastest(lambda w=work, n=threads: parallel_for(w, n), repeats)
                times.append(seconds / (2 * count * dtype.itemsize * threads))
    return again / min(times)


def _fastest(work: Any, repeats: int) -> float:
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times[1:])
