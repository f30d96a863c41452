import platform
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from minitorch_cnn.kernels import workspace
from minitorch_cnn.kernels.workspace import cut, plane_blocks, scratch

ROOT = Path(__file__).parents[2]


def test_the_same_name_gives_the_same_memory():
    first = scratch("test", (4, 3), np.float32)
    second = scratch("test", (2, 3), np.float64)
    assert (second.shape, second.dtype) == ((2, 3), np.float64)
    assert np.shares_memory(first, second)
    assert not np.shares_memory(first, scratch("test other", (4, 3), np.float32))


def test_another_thread_gets_other_memory():
    mine, theirs = scratch("test", (4,), np.float32), []
    thread = threading.Thread(target=lambda: theirs.append(scratch("test", (4,), np.float32)))
    thread.start()
    thread.join()
    assert not np.shares_memory(mine, theirs[0])


def test_arrays_larger_than_the_limit_are_not_kept():
    before = workspace.held_bytes()
    assert scratch("test large", (workspace.LIMIT + 1,), np.uint8).size == workspace.LIMIT + 1
    assert workspace.held_bytes() == before


def test_cut_covers_the_count_in_nearly_equal_slices():
    assert [(s.start, s.stop) for s in cut(10, 4)] == [(0, 3), (3, 6), (6, 10)]
    assert [(s.start, s.stop) for s in cut(2, 0)] == [(0, 1), (1, 2)]
    assert cut(0, 4) == []


def test_plane_blocks_are_whole_images_or_parts_of_one():
    assert list(plane_blocks(4, 3, 10, 60)) == [
        (slice(0, 2), slice(0, 3)),
        (slice(2, 4), slice(0, 3)),
    ]
    assert list(plane_blocks(1, 3, 10, 20)) == [
        (slice(0, 1), slice(0, 1)),
        (slice(0, 1), slice(1, 3)),
    ]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc")
def test_freed_memory_is_kept_without_page_faults():
    code = """
import resource
import numpy as np
from minitorch_cnn.kernels.workspace import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.empty(3 * 2**20, np.uint8)[::4096] = 1
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

wall = np.empty(2**20, np.uint8)
keep_freed_memory()
faults()
print(faults())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert int(done.stdout) < 100, done.stderr  # of 20 * 768
