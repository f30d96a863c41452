"""Notebook 12: kernels built from the text of their bodies, run in the emulator.

A body is the text between the braces of

    conv        x (H, W), w (3, 3) -> y (H - 2, W - 2)  TILE x TILE threads for as many outputs
    transpose   x (H, W) -> y (W, H)                    TILE x TILE threads for as many numbers
    sums        x (C, N) -> y (C,)                      a block of 128 threads for each row

LOAD(x, i) is x[i], and marks a read of global memory. `pixels_read` counts both. PAD is the number
of unused columns of a transpose's tile.
"""

import hashlib
import re
from functools import cache

import numpy as np

from ..kernels.cuda.array import has_compiler as has_compiler
from ..kernels.cuda.array import to_emulator
from ..kernels.cuda.compiler import EmulatorError, cache_folder
from ..kernels.cuda.emulator import emulated
from ..kernels.cuda.launch import blocks, cuda_module
from ..kernels.cuda.profile import Profile

KERNELS = {
    "conv": "const float* x, const float* w, float* y, int* reads, int H, int W",
    "transpose": "const float* x, float* y, int H, int W",
    "sums": "const float* x, float* y, int* reads, int N",
}
HEAD = '#include "prelude.h"\n#define LOAD(p, i) ((p)[i])\n'

# A pointer to global memory that counts its reads; `lost` counts conversions to a plain pointer.
COUNTED = """
struct Counted {
    const float* p;
    int *reads, *lost;
    const float& operator[](long i) const { atomicAdd(reads, 1); return p[i]; }
    const float& operator*() const { return (*this)[0]; }
    Counted operator+(long i) const { return {p + i, reads, lost}; }
    Counted operator-(long i) const { return {p - i, reads, lost}; }
    Counted& operator+=(long i) { p += i; return *this; }
    Counted& operator++() { return *this += 1; }
    Counted operator++(int) { Counted old = *this; p++; return old; }
    friend Counted operator+(long i, Counted q) { return q + i; }
    friend float __ldg(Counted q) { return *q; }
    operator const float*() const { atomicAdd(lost, 1); return p; }
};
"""
COUNTING = "const Counted pixels{x, reads, reads + 1};\n"
ADDRESS = re.compile(r"(?<!__ldg\()(?<!&)&\s*x\s*\[")  # the address of a pixel: uncounted reads


NEEDS = "the emulator needs Linux and g++, which are missing here"


class NotCounted(Exception):
    """The reads of a correct kernel cannot be counted."""


@cache
def module(name: str, body: str, tile: int = 16, count: bool = False, pad: int = 0):
    """The compiled kernel `name` with a body; `count`: conv counts reads (emulator only)."""
    inside = f'{{\n#line 1 "{name}"\n{body}\n}}'
    if count:
        inside = f"{COUNTING}{{\nCounted x = pixels;\n{inside}\n}}"
    head = HEAD + COUNTED * count
    text = f'{head}extern "C" __global__ void {name}({KERNELS[name]})\n{{\n{inside}\n}}\n'
    folder = cache_folder() / f"course-{hashlib.sha256(text.encode()).hexdigest()[:20]}"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.cu"  # the same path for the same text, so it is compiled once
    if not path.exists():
        path.write_text(text, encoding="utf-8")
    return cuda_module(str(path), TILE=tile, PAD=pad)[name]


def conv(body: str, x: np.ndarray, w: np.ndarray, tile: int = 16) -> np.ndarray:
    """y (H - 2, W - 2), computed by blocks of tile x tile threads in the emulator."""
    return run_conv(module("conv", body, tile), x, w, tile)[0]


def pixels_read(body: str, x: np.ndarray, w: np.ndarray, tile: int = 16) -> int:
    """The number of reads of x by the kernel `conv`, in any notation, without those of w.

    Raises: NotCounted for a kernel that copies the pointer x or takes a pixel's address.
    """
    if not ADDRESS.search(body):
        try:
            reads = run_conv(module("conv", body, tile, count=True), x, w, tile)[1]
        except EmulatorError:  # although it compiles with plain pointers
            reads = None
        if reads is not None and not reads[1]:
            return int(reads[0])
    raise NotCounted(
        "the reads of this kernel cannot be counted, since it copies the pointer x: "
        "write x[...] with the whole index"
    )


def run_conv(kernel, x: np.ndarray, w: np.ndarray, tile: int) -> tuple[np.ndarray, np.ndarray]:
    """y and the two numbers in `reads` after a launch in the emulator."""
    H, W = x.shape
    y = to_emulator(np.full((H - 2, W - 2), np.nan, np.float32))
    reads = to_emulator(np.zeros(2, np.int32))
    args = (to_emulator(x), to_emulator(w), y, reads, np.int32(H), np.int32(W))
    kernel((blocks(W - 2, tile), blocks(H - 2, tile)), (tile, tile), args)
    return y.get(), reads.get()


def transpose(body: str, x: np.ndarray, pad: int) -> np.ndarray:
    """y (W, H), computed by blocks of 32 x 32 threads in the emulator; NaN where none writes."""
    H, W = x.shape
    y = to_emulator(np.full((W, H), np.nan, np.float32))
    kernel = module("transpose", body, 32, pad=pad)
    args = (to_emulator(x), y, np.int32(H), np.int32(W))
    kernel((blocks(W, 32), blocks(H, 32)), (32, 32), args)
    return y.get()


def transpose_counters(body: str, pad: int) -> Profile:
    """What the warps of `transpose` do, for an x (64, 96) of full tiles."""
    with emulated(profile=[]) as settings:
        transpose(body, np.zeros((64, 96), np.float32), pad)
    (found,) = settings.profile or []
    return found


def sums(body: str, x: np.ndarray) -> np.ndarray:
    """The sums of the rows of x (C, N), one block each, in the emulator."""
    y = to_emulator(np.full(len(x), np.nan, np.float32))
    reads = to_emulator(np.zeros(1, np.int32))
    args = (to_emulator(x), y, reads, np.int32(x.shape[1]))
    module("sums", body)((len(x),), (128,), args)
    return y.get()


def correlate(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The result of `conv` in float64."""
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(float), (3, 3))
    return np.einsum("ijkl,kl->ij", windows, w.astype(float))
