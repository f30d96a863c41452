"""Reuses memory: scratch arrays of each thread, and the memory of freed arrays.

A new array costs a page fault for every 4 KiB on first access, about as much as the arithmetic
that fills it. Kernels that work block by block therefore write their blocks into the same few
buffers.
"""

import math
import threading
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import numpy as np

LIMIT = 32 * 2**20  # bytes; no column matrix is larger, for any layer
CACHE_LINE = 64  # bytes

_buffers = threading.local()


def scratch(name: str, shape: tuple[int, ...], dtype, limit: int = LIMIT) -> np.ndarray:
    """An uninitialised array of this thread, valid until the same `name` is requested again.

    It starts at a cache line: a vector that crosses into a second one takes many times as long to
    write. An array larger than `limit` bytes is allocated and not kept.
    """
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    buffer = getattr(_buffers, name, None)
    if buffer is None or buffer.nbytes < size:
        buffer = np.empty(size + CACHE_LINE, np.uint8)
        buffer = buffer[-buffer.ctypes.data % CACHE_LINE :][:size]
        if size <= limit:
            setattr(_buffers, name, buffer)
    return buffer[:size].view(dtype).reshape(shape)


def thread_scratch(name: str, threads: int, size: int, dtype) -> np.ndarray:
    """One row per thread that may share a kernel's work, of `size` elements or a few more."""
    lanes = CACHE_LINE // np.dtype(dtype).itemsize
    return scratch(name, (threads, -(-size // lanes) * lanes), dtype, threads * LIMIT)


def held_bytes() -> int:
    """The number of bytes that this thread's scratch arrays hold now."""
    return sum(buffer.nbytes for buffer in vars(_buffers).values())


@cache
def keep_freed_memory() -> None:
    """Let this process keep the memory of freed arrays for later arrays.

    The C library on Linux (glibc) requests the memory of every array above a threshold from the
    system and returns it when the array is freed. The threshold rises to the size of the largest
    array freed so far, up to 32 MiB: freeing one array of that size, which is never accessed,
    raises it at once. A training step of LeNet-5 (batch 64) then has no page faults instead of 600
    and takes 1.2 times less processor time; a step of ResNet-20 has none instead of 4,000. On other
    systems this has no effect.
    """
    np.empty(32 * 2**20 - 2**16, np.uint8)


def cut(count: int, most: int) -> list[slice]:
    """Slices of nearly equal length that cover range(count), none longer than max(most, 1)."""
    pieces = -(-count // max(most, 1))
    edges = [piece * count // pieces for piece in range(pieces)] + [count]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def plane_blocks(
    images: int, channels: int, plane_bytes: int, budget: int
) -> Iterator[tuple[slice, slice]]:
    """Cut (N, C, ...) into slices (images, channels) of about `budget` bytes.

    A block holds several whole images where they fit, else some channels of one image.
    """
    planes = budget // max(plane_bytes, 1)
    for n in cut(images, planes // max(channels, 1)):
        for c in cut(channels, planes):
            yield n, c
