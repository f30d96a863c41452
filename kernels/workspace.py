"""Memory that is used again: scratch arrays of a thread, and what freed arrays leave behind.

A fresh array costs a page fault for every 4 KiB on its first touch, about as much as the arithmetic
that fills it. Kernels that work block by block therefore write their blocks into the same few
buffers.
"""

import math
import threading
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import numpy as np

LIMIT = 32 * 2**20  # bytes; no column matrix is larger, whatever the layer
CACHE_LINE = 64  # bytes

_buffers = threading.local()


def scratch(name: str, shape: tuple[int, ...], dtype, limit: int = LIMIT) -> np.ndarray:
    """An uninitialised array of this thread, valid until the same `name` is asked for again.

    It begins a cache line: vectors that lie across two take many times as long to write.
    What is larger than the limit, in bytes, is allocated and not kept.
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
    """A row of `size` numbers or a few more for each thread that may share a kernel's work."""
    lanes = CACHE_LINE // np.dtype(dtype).itemsize
    return scratch(name, (threads, -(-size // lanes) * lanes), dtype, threads * LIMIT)


def held_bytes() -> int:
    """Bytes that this thread's scratch arrays hold now."""
    return sum(buffer.nbytes for buffer in vars(_buffers).values())


@cache
def keep_freed_memory() -> None:
    """Let this process keep the memory of arrays that are freed, for those that come after them.

    The C library on Linux (glibc) asks the system anew for every array above a threshold, and gives
    the memory back when the array is freed. The threshold rises to the size of the largest one
    freed so far, 32 MiB at most: one of that size, which is never touched, raises it at once. A
    training step of LeNet-5 (batch 64) then has no page fault instead of 600, and takes 1.2 times
    less processor time; one of a ResNet-20 has none instead of 4,000. Elsewhere this does nothing.
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

    Several whole images where they fit, else some channels of one image.
    """
    planes = budget // max(plane_bytes, 1)
    for n in cut(images, planes // max(channels, 1)):
        for c in cut(channels, planes):
            yield n, c
