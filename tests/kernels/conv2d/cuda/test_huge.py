"""Tensors of more than 2^31 elements: the last block of a launch finds its place in them.

The arrays are promised by the system and take no memory where nobody touches them; the emulator
runs the last block alone.
"""

import mmap
import shutil
from pathlib import Path

import numpy as np
import pytest

from minitorch_cnn.kernels import Window
from minitorch_cnn.kernels.conv2d.cuda import depthwise, implicit_gemm, splits
from minitorch_cnn.kernels.conv2d.cuda.implicit_gemm import PLAIN
from minitorch_cnn.kernels.conv2d.cuda.tiles import Taps
from minitorch_cnn.kernels.cuda import launch
from minitorch_cnn.kernels.cuda.array import EmulatorArray, to_emulator
from minitorch_cnn.kernels.cuda.compiler import EmulatorError
from minitorch_cnn.kernels.cuda.emulator import emulated
from tests.kernels.conv2d.cuda.emulated_check import needs_compiler

pytestmark = needs_compiler


def huge(shape, dtype=np.float32, like=None):
    """An array of zeros of which only accessed pages take memory."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0x4000)
    try:
        memory = mmap.mmap(-1, size, flags=flags)
    except (OSError, OverflowError):
        pytest.skip("no address space for arrays of 2^31 numbers")
    return np.frombuffer(memory, dtype).reshape(shape).view(EmulatorArray)


@pytest.fixture(autouse=True)
def outputs_take_no_memory(monkeypatch):
    for module in (depthwise, implicit_gemm, splits):
        monkeypatch.setattr(module, "empty", huge)


def last_rows_of_the_last_plane():
    """Depthwise: 2^19 + 1 planes of 64 x 64."""
    C, window = 2**19 + 1, Window(3, padding=1)
    x, w = huge((1, C, 64, 64)), huge((C, 1, 3, 3))
    numbers = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    x.view(np.ndarray)[0, -1] = numbers
    w.view(np.ndarray)[-1, 0, 1, 1] = 2
    taps = Taps(window, False, (64, 64), (64, 64), x.dtype)
    tile, _ = depthwise.settings(taps, C, 1)
    grid = C * tile.counts((64, 64))[0]
    with emulated(blocks=(grid - 1, grid)):
        y = depthwise.forward(x, w, window, C)
    return y.view(np.ndarray)[0, -1, -tile.rows :], 2 * numbers[-tile.rows :]


def last_columns_of_a_plane():
    """Implicit GEMM: one plane of 2^16 x (2^15 + 64), one channel in and out."""
    size = 2**16, 2**15 + 64
    x, w = huge((1, 1, *size)), to_emulator(np.full((1, 1, 1, 1), 2, np.float32))
    numbers = np.random.default_rng(0).standard_normal(64).astype(np.float32)
    x.view(np.ndarray)[0, 0, -1, -64:] = numbers
    grid = size[0] * size[1] // 128
    with emulated(blocks=(grid - 1, grid)):
        y = PLAIN.forward(x, w, Window(1), 1)
    return y.view(np.ndarray)[0, 0, -1, -64:], 2 * numbers


FAULTS = {
    "a tile read": (
        last_rows_of_the_last_plane,
        "depthwise.cu",
        "(first_plane * (long long)IN + in) * H * W",
        "(first_plane * IN + in) * H * W",
    ),
    "an output written": (
        last_rows_of_the_last_plane,
        "depthwise.cu",
        "((long long)plane * OUT + out) * OH * OW",
        "(plane * OUT + out) * OH * OW",
    ),
    "an element gathered": (
        last_columns_of_a_plane,
        "implicit_gemm.cu",
        "const long long first_t = (long long)(tile / COUNT_PHASES) * BN",
        "const int first_t = tile / COUNT_PHASES * BN",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_last_block_needs_64_bit_indices(name, monkeypatch, tmp_path):
    compute, file, right, wrong = FAULTS[name]
    got, want = compute()
    assert np.array_equal(got, want)
    folder = Path("conv2d/cuda")
    shutil.copytree(launch.SOURCES / folder, tmp_path / folder)
    text = (tmp_path / folder / file).read_text(encoding="utf-8")
    assert right in text, "the text has changed: plant the fault anew"
    (tmp_path / folder / file).write_text(text.replace(right, wrong), encoding="utf-8")
    monkeypatch.setattr(launch, "SOURCES", tmp_path)
    try:
        got, want = compute()
    except EmulatorError:
        return
    assert not np.array_equal(got, want)
