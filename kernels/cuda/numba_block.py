"""Helpers of the Numba CUDA implementations: launches, and the sum over a block of threads.

These implementations are CUDA kernels to read in Python: one thread per element of the result, or
one block of threads per sum. They take CuPy arrays without a copy.
"""

from typing import Any

from numba import config, float64
from numba import cuda as _cuda

cuda: Any = _cuda  # only Numba knows the types within kernels
THREADS = 128  # of a block


def per_element(kernel, result, *args) -> None:
    """Run a kernel with one thread per element of `result`, its last argument."""
    if result.size:
        _launch(kernel, -(-result.size // THREADS), *args, result)


def per_sum(kernel, count: int, *args) -> None:
    """Run a kernel with one block of threads per sum, for `count` sums."""
    if count:
        _launch(kernel, count, *args)


def _launch(kernel, blocks: int, *args) -> None:
    """Run a kernel without Numba's warning that few blocks leave a GPU idle."""
    settings: Any = config
    before, settings.CUDA_LOW_OCCUPANCY_WARNINGS = settings.CUDA_LOW_OCCUPANCY_WARNINGS, 0
    try:
        kernel[blocks, THREADS](*args)
    finally:
        settings.CUDA_LOW_OCCUPANCY_WARNINGS = before


@cuda.jit(device=True)
def block_sum(value):
    """The sum of `value` over the threads of a block, returned to every thread.

    Half of the threads add the values of the other half, then a quarter, and so on. This takes
    log2(THREADS) steps, with a barrier after each.
    """
    partial = cuda.shared.array(THREADS, float64)
    t = cuda.threadIdx.x
    partial[t] = value
    cuda.syncthreads()
    half = THREADS // 2
    while half:
        if t < half:
            partial[t] += partial[t + half]
        cuda.syncthreads()
        half //= 2
    total = partial[0]
    cuda.syncthreads()  # before the next sum writes to partial
    return total
