"""The counters of the emulator, on kernels whose requests are known."""

import shutil

import numpy as np
import pytest

from minitorch_cnn.kernels.cuda import profile
from minitorch_cnn.kernels.cuda.array import EmulatorArray, has_compiler, to_emulator
from minitorch_cnn.kernels.cuda.emulator import emulated
from minitorch_cnn.kernels.cuda.launch import cuda_module
from minitorch_cnn.kernels.cuda.profile_cases import CASES, profiles

pytestmark = pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")

TEXT = """#include "prelude.h"

extern "C" __global__ void copy(const float* x, float* y, int step)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    y[i] = x[i * step];
}
extern "C" __global__ void fours(const float* x, float* y)
{
    const int i = 4 * (blockIdx.x * blockDim.x + threadIdx.x);
    st4(y + i, ld4(x + i));
}
extern "C" __global__ void turn(const float* x, float* y, int pitch)
{
    SHARED(float, tile);
    tile[threadIdx.x * pitch] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = tile[threadIdx.x];
    __syncthreads();
}
extern "C" __global__ void part(float* y, int lanes)
{
    if (threadIdx.x % 32 < lanes)
        for (int i = 0; i < 100; i++)
            y[threadIdx.x] *= 1.5f;
}
extern "C" __global__ void count(int* y)
{
    atomicAdd(y, 1);
}
extern "C" __global__ void sum(const float* x, float* y)
{
    y[threadIdx.x] = x[threadIdx.x] + __shfl_xor_sync(0xffffffff, x[threadIdx.x], 1);
}
"""


@pytest.fixture
def counted(tmp_path):
    """A function that runs a kernel of TEXT and returns its Profile."""
    path = tmp_path / "known.cu"
    path.write_text(TEXT)

    def run(name, grid, block, args, shared_bytes=0):
        with emulated(profile=[]) as settings:
            cuda_module(str(path))[name]((grid,), (block,), args, shared_bytes)
        return settings.profile[0]

    return run


def floats(count):
    """Zeros, at an address of the host that is no multiple of 32."""
    memory = np.zeros(count + 8, np.float32)
    start = (16 - memory.ctypes.data) % 32 // 4
    unaligned = np.frombuffer(memory.data, np.float32, count, 4 * start).view(EmulatorArray)
    assert unaligned.ctypes.data % 32 == 16
    return unaligned


@pytest.mark.parametrize("step, sectors", [(1, 4), (2, 8), (8, 32), (32, 32)])
def test_a_request_of_a_warp_touches_so_many_sectors(counted, step, sectors):
    found = counted("copy", 2, 64, (floats(128 * step), floats(128), np.int32(step)))
    read, write = sorted(found.lines, key=lambda line: line.writes)
    assert (read.kind, read.requests, read.units, read.least) == ("global", 4, 4 * sectors, 16)
    assert (write.requests, write.units, write.bytes) == (4, 16, 512)
    assert found.moved == 32 * (4 * sectors + 16) and found.needed == 512 * (step + 1)
    assert found.active == 1


@pytest.mark.parametrize("start, sectors", [(0, 4), (1, 5), (8, 4), (12, 5)])
def test_memory_begins_with_a_sector_and_a_part_of_it_where_it_lies(counted, start, sectors):
    part = to_emulator(np.zeros(64, np.float32))[start : start + 32]
    found = counted("copy", 1, 32, (part, floats(32), np.int32(1)))
    assert [line.units for line in found.lines if not line.writes] == [sectors]


def test_four_elements_are_one_request(counted):
    found = counted("fours", 1, 32, (floats(128), floats(128)))
    assert [(line.requests, line.units, line.bytes) for line in found.lines] == [(1, 16, 512)] * 2
    assert found.ratio("global") == 1


@pytest.mark.parametrize("pitch, cycles", [(1, 1), (2, 2), (32, 32), (33, 1), (0, 1)])
def test_a_request_to_shared_memory_takes_a_cycle_for_each_word_of_a_bank(counted, pitch, cycles):
    args = floats(32), floats(32), np.int32(pitch)
    found = counted("turn", 1, 32, args, 4 * max(32, 32 * pitch))
    write = next(line for line in found.lines if line.kind == "shared" and line.writes)
    assert (write.requests, write.units, write.least) == (1, cycles, 1)
    assert found.barriers == 2


def test_lanes_that_do_nothing_lower_the_active_share(counted):
    assert counted("part", 1, 32, (floats(32), np.int32(32))).active == 1
    assert counted("part", 1, 32, (floats(32), np.int32(8))).active == pytest.approx(0.25, abs=0.03)


def test_atomics_are_counted_and_what_lanes_pass_on_is_no_memory(counted):
    found = counted("count", 2, 64, (to_emulator(np.zeros(1, np.int32)),))
    assert found.atomics == 4
    found = counted("sum", 1, 32, (floats(32), floats(32)))
    assert found.read_sectors == found.written_sectors == 4


def test_a_part_of_the_blocks_stands_for_all(counted):
    found = counted("copy", 100, 32, (floats(3200), floats(3200), np.int32(1)))
    assert found.ran == 16 and found.moved == pytest.approx(2 * 4 * 3200)


@pytest.mark.skipif(shutil.which("addr2line") is None, reason="addr2line is not installed")
def test_a_request_has_a_line_of_the_text(counted):
    found = counted("copy", 1, 32, (floats(32), floats(32), np.int32(1)))
    assert {line.place for line in found.lines} == {"known.cu:6"}


def test_occupancy_is_limited_by_threads_registers_or_shared_memory(counted):
    found = counted("copy", 1, 256, (floats(256), floats(256), np.int32(1)))
    gpu = profile.GPUS["H200"]
    assert found.occupancy(gpu, 32, 0) == 1
    assert found.occupancy(gpu, 64, 0) == 0.5
    assert found.occupancy(gpu, 32, 100 * 1024) == 0.25


@pytest.mark.parametrize("name", [name for name in CASES if "3x3" in name and "depth" in name])
def test_depthwise_products_move_little_more_than_they_need(name):
    for found in profiles(name)[:2]:  # forward and input gradient
        assert found.kernel == "depthwise"
        assert found.moved / found.needed < 1.15


@pytest.mark.parametrize("name", [name for name in CASES if "pool 3/2" in name])
def test_pooling_moves_little_more_than_it_needs(name):
    for found in profiles(name):
        assert found.atomics == 0 and found.moved / found.needed < 1.15


def test_the_table_names_layers_kernels_and_lines(capsys):
    assert profile.main(["relu, 256", "--lines"]) == 0
    head, row, *lines = capsys.readouterr().out.splitlines()
    assert "moved MB" in head and row.startswith("relu, 256 of 56") and "forward" in row
    assert any("activation.cu" in line and "requests" in line for line in lines)
    assert profile.main(["relu, 256", "--markdown", "--gpu", "A100"]) == 0
    assert "Predictions for an A100, not measurements." in capsys.readouterr().out
