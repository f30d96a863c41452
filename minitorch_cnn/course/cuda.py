"""Notebook 12: kernels from the text of their bodies, and checks of them in the emulator.

A body is what stands between the braces of

    conv    x (H, W), w (3, 3) -> y (H - 2, W - 2)      TILE x TILE threads for as many outputs
    sums    x (C, N) -> y (C,)                          a block of 128 threads for each row

Global memory is read by LOAD(x, i), which counts, in the emulator, how often.
"""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from ..kernels.cuda.array import has_compiler, to_emulator
from ..kernels.cuda.emulator import ORDERS, emulated
from ..kernels.cuda.launch import blocks, cuda_module
from .answer import No, check, compare

SEED = 12
HEAD = """#include "prelude.h"
#if COUNT
#define LOAD(p, i) (atomicAdd(reads, 1), (p)[i])
#else
#define LOAD(p, i) ((p)[i])
#endif
"""
KERNELS = {
    "conv": "const float* x, const float* w, float* y, int* reads, int H, int W",
    "sums": "const float* x, float* y, int* reads, int N",
}


@cache
def module(name: str, body: str, count: int = 1, tile: int = 16):
    """The compiled kernel `name` with a body."""
    folder = Path(tempfile.mkdtemp(prefix="course-"))
    path = folder / f"{name}.cu"
    text = f'{HEAD}extern "C" __global__ void {name}({KERNELS[name]})\n{{\n{body}\n}}\n'
    path.write_text(text, encoding="utf-8")
    return cuda_module(str(path), COUNT=count, TILE=tile)[name]


def conv(body: str, x: np.ndarray, w: np.ndarray, tile: int = 16) -> tuple[np.ndarray, int]:
    """y, and how often global memory was read, by blocks of tile x tile threads in the emulator."""
    H, W = x.shape
    y = to_emulator(np.full((H - 2, W - 2), np.nan, np.float32))
    reads = to_emulator(np.zeros(1, np.int32))
    grid = (blocks(W - 2, tile), blocks(H - 2, tile))
    args = (to_emulator(x), to_emulator(w), y, reads, np.int32(H), np.int32(W))
    module("conv", body, tile=tile)(grid, (tile, tile), args)
    return y.get(), int(reads.get()[0])


def sums(body: str, x: np.ndarray) -> np.ndarray:
    """The sums of the rows of x (C, N), a block each, in the emulator."""
    y = to_emulator(np.full(len(x), np.nan, np.float32))
    reads = to_emulator(np.zeros(1, np.int32))
    args = (to_emulator(x), y, reads, np.int32(x.shape[1]))
    module("sums", body)((len(x),), (128,), args)
    return y.get()


def correlate(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """What `conv` has to compute, in float64."""
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(float), (3, 3))
    return np.einsum("ijkl,kl->ij", windows, w.astype(float))


def images():
    rng = np.random.default_rng(SEED)
    return rng.standard_normal((37, 47), np.float32), rng.standard_normal((3, 3), np.float32)


def need_a_compiler() -> None:
    if not has_compiler():
        raise No("the emulator needs Linux and g++, which are not here")


@check
def convolution(body) -> str:
    """body() is the text of a kernel `conv`, right for any order of its threads."""
    text, (x, w) = body(), images()
    need_a_compiler()
    for order in ORDERS:
        with emulated(order=order, guards=True):
            compare(conv(text, x, w)[0], correlate(x, w), f"y, with threads run {order},", 1e-5)
    return "every output, in whatever order threads run"


@check
def tiled(body) -> str:
    """As `convolution`, reading each pixel of a tile once."""
    text, (x, w) = body(), images()
    need_a_compiler()
    for order in ORDERS:
        with emulated(order=order, guards=True):
            y, reads = conv(text, x, w)
            compare(y, correlate(x, w), f"y, with threads run {order},", 1e-5)
    if reads > 3 * y.size + 9 * y.size:
        raise No(f"{reads / y.size:.1f} reads an output: is the tile read more than once?")
    return f"{reads / y.size:.1f} reads an output, those of the weights included"


@check
def reduction(body) -> str:
    """body() is the text of a kernel `sums`."""
    text = body()
    need_a_compiler()
    x = np.random.default_rng(SEED).standard_normal((5, 1000), np.float32)
    for order in ORDERS:
        with emulated(order=order, guards=True):
            mine = sums(text, x)
        if np.isnan(mine).any():
            raise No(f"with threads run {order} a sum is NaN: memory is read before it is written")
        compare(mine, x.sum(1, dtype=float), f"the sums, with threads run {order},", 1e-4)
    return "five rows of 1,000, in whatever order threads run"


@check
def segments(function) -> str:
    """function(addresses) -> how many pieces of 128 bytes the addresses lie in."""
    lane = np.arange(32)
    for index, right in [(lane, 1), (2 * lane, 2), (32 * lane, 32), (lane + 16, 2), (0 * lane, 1)]:
        if function(4 * index) != right:
            raise No(f"for addresses {4 * index[:3]} ... it is not {function(4 * index)}")
    return "side by side, with strides, and all the same"


@check
def roofline(function) -> str:
    """function(intensity, peak, bandwidth) -> operations per second that are attainable."""
    for intensity, right in [(0.5, 50.0), (10.0, 1000.0), (100.0, 1000.0)]:
        if function(intensity, 1000.0, 100.0) != right:
            raise No(f"at {intensity} operations a byte, {function(intensity, 1000.0, 100.0)}?")
    return "memory on the left, arithmetic on the right"
