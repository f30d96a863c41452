"""The emulator tests are tested: faults planted into the memory-bound kernels must be caught.

A piece of a text is replaced in a copy of it, or a check of the launch is left out; what the
implementation test compares must then be wrong, or the emulator must stop.
"""

import mmap
import shutil
from contextlib import contextmanager

import numpy as np
import pytest

from minitorch_cnn.kernels import Window, batch_norm, use
from minitorch_cnn.kernels.batch_norm import cuda as batch_norm_launches
from minitorch_cnn.kernels.cuda import launch
from minitorch_cnn.kernels.cuda.array import EmulatorArray, has_compiler
from minitorch_cnn.kernels.cuda.emulator import ORDERS, EmulatorError, emulated
from minitorch_cnn.kernels.cuda.launch import blocks, cuda_module
from tests.kernels.implementation_check import (
    BatchNormCase,
    LocalResponseNormCase,
    OptimizerCase,
    PoolCase,
    assert_agrees_with_loops,
)

pytestmark = pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")
rng = np.random.default_rng(7)

NORM = BatchNormCase((3, 4, 9, 8), dtype=np.float32)
POOL = PoolCase(2, (7, 6), Window((3, 2), (2, 1), 1), odd_values=True, dtype=np.float32)
LONG = BatchNormCase((2, 1, 60, 61), dtype=np.float32)  # a channel is split over blocks
STEP = OptimizerCase("sgd_step", (True,), (0.1, 0.9, 1.0, 1e-2, True), np.float32)
NEIGHBOURS = LocalResponseNormCase((2, 7, 3, 2), 4, dtype=np.float32)

#   (text, right, wrong, the case that must show it)
FAULTS = {
    "no barrier before the warps' statistics are merged": (
        "batch_norm/batch_norm.cu",
        "warps[threadIdx.x / 32] = own;\n    __syncthreads();",
        "warps[threadIdx.x / 32] = own;",
        NORM,
    ),
    "no barrier between the parts of a sum and its total": (
        "cuda/reduce.h",
        "= value;\n    __syncthreads();",
        "= value;",
        NORM,
    ),
    "no barrier before the next sum in the same memory": (
        "cuda/reduce.h",
        "    __syncthreads();  // all threads must have read the result of an earlier sum\n",
        "",
        BatchNormCase((3, 2, 20, 20), dtype=np.float32),  # elements for every warp
    ),
    "a barrier that only some threads reach": (
        "batch_norm/batch_norm.cu",
        "warps[threadIdx.x / 32] = own;\n    __syncthreads();",
        "{ warps[threadIdx.x / 32] = own; __syncthreads(); }",
        NORM,
    ),
    "threads beyond the last number": (
        "pool2d/pool.cu",
        "    if (place.plane == planes)\n        return;\n    const REAL* plane = x",
        "    const REAL* plane = x",
        POOL,
    ),
    "a pixel that leaves out the first window that contains it": (
        "pool2d/pool.cu",
        "(h - span_h) / stride_h + 1",
        "(h - span_h) / stride_h + 2",
        POOL,
    ),
    "the parts of a sum added by the first block, not the last": (
        "cuda/reduce.h",
        "== count - 1",
        "== 0",
        LONG,
    ),
    "a step that leaves out the tail of a tensor": (
        "optimizer/optimizer.cu",
        "at < piece.last;",
        "at < piece.last - 1;",
        STEP,
    ),
    "a window that reaches a column too far": (
        "pool2d/pool.cu",
        "0 <= w && w < W",
        "0 <= w && w <= W",
        POOL,
    ),
    "a gradient that is stored, not added": (
        "pool2d/pool.cu",
        "gx[plane * size + at] += gy[from];",
        "gx[plane * size + at] = gy[from];",
        POOL,
    ),
    "the window of the gradient not turned round": (
        "local_response_norm/local_response_norm.cu",
        "window_sum<false>(terms + i, c, (size - 1) / 2, size / 2, C, L)",
        "window_sum<false>(terms + i, c, size / 2, (size - 1) / 2, C, L)",
        NEIGHBOURS,
    ),
}


@contextmanager
def planted(monkeypatch, folder, path, right, wrong):
    """All .cu texts from a copy in which `right` is `wrong` in one of them."""
    unneeded = shutil.ignore_patterns("*.py", "__pycache__")
    copied = shutil.copytree(launch.SOURCES, folder / "kernels", ignore=unneeded)
    text = (copied / path).read_text()
    assert text.count(right) >= 1
    (copied / path).write_text(text.replace(right, wrong))
    with monkeypatch.context() as patch:
        patch.setattr(launch, "SOURCES", copied)
        patch.setattr(launch, "HEADERS", copied / "cuda")
        yield


def is_caught(case):
    """Whether the implementation test of a case fails in some order."""
    for order in ORDERS:
        try:
            assert_agrees_with_loops(case, "emulator", order)
        except (AssertionError, EmulatorError):
            return True
    return False


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught(fault, monkeypatch, tmp_path):
    path, right, wrong, case = FAULTS[fault]
    assert not is_caught(case)
    with planted(monkeypatch, tmp_path, path, right, wrong):
        assert is_caught(case)


def unaligned(array):
    """The numbers of an array in memory that begins at an odd multiple of four bytes."""
    memory = np.empty(array.size + 5, array.dtype)
    start = 1 + (-memory.ctypes.data // array.itemsize) % (16 // array.itemsize)
    copy = memory[start : start + array.size].reshape(array.shape)
    copy[...] = array
    assert copy.ctypes.data % 16
    return copy


def test_four_elements_are_read_at_once_only_where_they_are_aligned(monkeypatch):
    x = rng.standard_normal((2, 3, 4)).astype(np.float32)
    with use("emulator"):
        expected = batch_norm.batch_norm_statistics(x)
        got = batch_norm.batch_norm_statistics(unaligned(x))
        assert np.allclose(got, expected, rtol=1e-6)
        monkeypatch.setattr(
            batch_norm_launches, "vector_width", lambda n, *arrays: 4 if n % 4 == 0 else 1
        )
        with pytest.raises(EmulatorError, match=r"ld4 in batch_norm.cu:\d+: address .* of 16"):
            batch_norm.batch_norm_statistics(unaligned(x))


def test_an_odd_width_is_not_read_four_at_a_time(monkeypatch):
    case = BatchNormCase((2, 3, 5, 7), dtype=np.float32)
    assert not is_caught(case)
    monkeypatch.setattr(batch_norm_launches, "vector_width", lambda n, *arrays: 4)
    assert is_caught(case)


def huge(count, dtype):
    """An array of which only accessed pages take memory."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0x4000)
    try:
        memory = mmap.mmap(-1, count * np.dtype(dtype).itemsize, flags=flags)
    except (OSError, OverflowError):
        pytest.skip("no address space for an array of 2^32 numbers")
    return np.frombuffer(memory, dtype).view(EmulatorArray)


def last_of_many(name, count=2**32 + 3 * 256):
    """What the last block of a launch over more than 2^32 numbers writes, and what it should."""
    x, y = huge(count, np.float32), huge(count, np.float32)
    numbers = rng.standard_normal(256).astype(np.float32)
    x.view(np.ndarray)[-256:] = numbers
    if name == "activation":
        kernel = cuda_module("activation/activation.cu", REAL="float", VECTOR=1)["forward"]
        args = x, y, np.int64(count), np.int32(0), np.float32(0), np.float32(0)
        expected = np.maximum(numbers, 0)
    elif name == "pooling":
        kernel = cuda_module("pool2d/pool.cu", REAL="float", INDEX="int", KH=0, KW=0)["avg_pool"]
        window = (1, 1, 1, 1, 0, 0, 1, 1, 0, 0)
        sizes = map(np.int32, (16, 16, 16, 16, *window))
        args = x, y, np.int64(count // 256), *sizes, np.bool_(False), np.int32(0)
        expected = numbers
    else:
        text = "local_response_norm/local_response_norm.cu"
        kernel = cuda_module(text, REAL="float")["forward"]
        sizes = np.int64(count // 256), np.int32(1), np.int32(256), np.int32(1)
        args = x, y, *sizes, *map(np.float32, (0, 1, 1))
        expected = numbers
    grid = blocks(count, 256)
    with emulated(blocks=(grid - 1, grid)):
        kernel((grid,), (256,), args)
    return y.view(np.ndarray)[-256:], expected


@pytest.mark.parametrize(
    ("name", "path", "right", "wrong"),
    [
        (
            "activation",
            "activation/activation.cu",
            "(long long)blockIdx.x * blockDim.x + threadIdx.x",
            "blockIdx.x * blockDim.x + threadIdx.x",
        ),
        ("pooling", "cuda/planes.h", "(long long)blockIdx.x", "(int)blockIdx.x"),
        (
            "pooling",
            "pool2d/pool.cu",
            "const REAL* plane = x + place.plane * H * W;",
            "const REAL* plane = x + (int)place.plane * H * W;",
        ),
        (
            "local response norm",
            "local_response_norm/local_response_norm.cu",
            "const long long i =",
            "const int i =",
        ),
    ],
)
def test_indices_above_32_bits_are_distinguished(name, path, right, wrong, monkeypatch, tmp_path):
    got, expected = last_of_many(name)
    assert np.allclose(got, expected)
    with planted(monkeypatch, tmp_path, path, right, wrong):
        try:
            got, expected = last_of_many(name)
        except EmulatorError:
            return
        assert not np.allclose(got, expected)
