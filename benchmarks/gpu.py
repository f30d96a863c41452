"""Timing on a GPU by CUDA events, on buffers that are not in the cache, and the GPU's ceilings.

A call is queued behind an idle kernel that lasts twice as long as Python took to queue the call
before, so that the time between its events is GPU time; the host's time is kept apart. Calls rotate
through buffers that together exceed twice the second-level cache. The ceilings (copy bandwidth,
matrix products) are measured in the same run on random numbers: no figure comes from a data sheet,
and zeros or ones would take less power, and so less time.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from minitorch_cnn.kernels.cuda.array import has_gpu

from .records import machine

IDLE = """__device__ long long now() {
    long long nanoseconds;
    asm volatile("mov.u64 %0, %globaltimer;" : "=l"(nanoseconds));
    return nanoseconds;
}
extern "C" __global__ void idle(long long nanoseconds) {
    const long long start = now();
    while (now() - start < nanoseconds) {}
}"""
IDLE_SECONDS = 1e-3  # at least
MOST_SETS = 16


def refuse_without_gpu(parser) -> None:
    """Exit with one sentence unless CuPy sees a GPU."""
    if not has_gpu():
        parser.error(
            "--device cuda needs an NVIDIA GPU and CuPy (pip install 'minitorch_cnn[gpu]'), and "
            "one of them is missing here; no figure is estimated"
        )


class Ceilings(NamedTuple):
    """The limits of this GPU: bytes per second of a copy, operations per second of a product."""

    bandwidth: float
    arithmetic: float

    def share(self, seconds: float, size: float, operations: float) -> float:
        """The minimum time, of moving `size` bytes or of computing, over `seconds`."""
        return max(size / self.bandwidth, operations / self.arithmetic) / seconds


def ceilings(tf32: bool) -> Ceilings:
    """Measure both ceilings now; the product in float32 or, with tf32, in TF32."""
    import cupy

    source = cupy.random.standard_normal(2**28, cupy.float32)  # 1 GiB
    target = cupy.empty_like(source)
    shape = 8192, 8192
    a, b = (cupy.random.standard_normal(shape, cupy.float32) for _ in range(2))
    kind = cupy._core._routines_linalg
    before = cupy._core.get_compute_type(cupy.float32)
    wanted = kind.COMPUTE_TYPE_TF32 if tf32 else kind.COMPUTE_TYPE_PEDANTIC
    cupy._core.set_compute_type(cupy.float32, wanted)
    try:
        fns = {"copy": [lambda: cupy.copyto(target, source)], "product": [lambda: a @ b]}
        times = event_times(fns, repeats=20)
    finally:
        cupy._core.set_compute_type(cupy.float32, before)
    return Ceilings(2 * source.nbytes / min(times["copy"]), 2 * 8192**3 / min(times["product"]))


def gpu_machine(tf32: bool) -> dict[str, str]:
    """The hardware and software of the measurements."""
    import cupy

    properties = cupy.cuda.runtime.getDeviceProperties(0)
    facts = machine() | {
        "gpu": properties["name"].decode(),
        "driver": str(cupy.cuda.runtime.driverGetVersion()),
        "cuda": str(cupy.cuda.runtime.runtimeGetVersion()),
        "cupy": cupy.__version__,
        "tf32": "on" if tf32 else "off",
    }
    if "torch" in facts:
        import torch

        facts["cudnn"] = str(torch.backends.cudnn.version())
    return facts


class Kept:
    """The rows of a benchmark, written to a file (or None) after each.

    A run goes on with the rows that it finds there: one that was cut off is repeated.
    """

    def __init__(self, path: str | None, facts: dict[str, Any]):
        self.path, self.facts = path and Path(path), facts
        self.rows: list[dict] = []
        if self.path and self.path.exists():
            self.rows = json.loads(self.path.read_text(encoding="utf-8"))["rows"]

    def has(self, **which: str) -> bool:
        """Whether there is a row with these values."""
        return any(which.items() <= row.items() for row in self.rows)

    def add(self, *rows: dict) -> None:
        """Append rows, and write all."""
        self.rows += rows
        if self.path:
            waiting = self.path.with_suffix(".waiting")
            waiting.write_text(json.dumps(self.facts | {"rows": self.rows}, indent=1), "utf-8")
            waiting.replace(self.path)


def sets_beyond_cache(size: int) -> int:
    """The number of sets of `size` bytes that together exceed twice the second-level cache."""
    import cupy

    cache = cupy.cuda.runtime.getDeviceProperties(0)["l2CacheSize"]
    return min(MOST_SETS, 1 + math.ceil(2 * cache / max(size, 1)))


@contextmanager
def row_goes_on(failed: dict[str, dict], name: str) -> Iterator[None]:
    """Note an error in the block as failed[name] = {"failed": reason}, so that others are timed."""
    try:
        yield
    except Exception as error:  # of a library that is broken here, of a kernel, of full memory
        first = (str(error).splitlines() or [""])[0]
        failed[name] = {"failed": f"{type(error).__name__}: {first}"}


def event_times(
    fns: dict[str, list[Callable]], repeats: int, host: dict[str, list[float]] | None = None
) -> dict[str, list[float]]:
    """GPU seconds per call: competitors take turns, each rotates through its list of calls.

    Every call first runs twice untimed, to compile kernels, choose algorithms and see how long
    Python takes. host: receives the host's seconds of each call.
    """
    import cupy

    idle = cupy.RawKernel(IDLE, "idle")
    host = {} if host is None else host
    queueing = {}
    for name, calls in fns.items():
        for call in calls:
            call()
        queueing[name] = max(_host_seconds(call) for call in calls)
        host[name] = []
    start, end = cupy.cuda.Event(), cupy.cuda.Event()
    times = {name: [] for name in fns}
    for turn in range(repeats):
        for name, calls in fns.items():
            call = calls[turn % len(calls)]
            seconds = max(IDLE_SECONDS, 2 * queueing[name])
            idle((1,), (1,), (cupy.int64(seconds * 1e9),))
            start.record()
            host[name].append(_host_seconds(call))
            end.record()
            end.synchronize()
            times[name].append(cupy.cuda.get_elapsed_time(start, end) / 1e3)
    return times


def _host_seconds(call: Callable) -> float:
    """The seconds until a call returns, whether or not the GPU is done."""
    before = time.perf_counter()
    call()
    return time.perf_counter() - before


def set_tf32(allowed: bool, torch=None) -> str:
    """Allow or forbid TF32 in our convolutions and PyTorch's; return the setting as text."""
    import minitorch_cnn as mt

    mt.kernels.cuda.allow_tf32.convolution = allowed
    if torch is not None:
        torch.backends.cudnn.allow_tf32 = allowed
        torch.backends.cudnn.benchmark = True  # let cuDNN choose by its own measurements
    return str(mt.kernels.cuda.allow_tf32)
