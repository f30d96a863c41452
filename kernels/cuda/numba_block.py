"""What the Numba CUDA implementations share: how a kernel is launched, and the sum over a block of
threads.

These implementations are the CUDA kernels for those who would rather read Python: one thread for an
element of the result, or a block of threads for a sum. They take CuPy arrays without a copy.
"""

from numba import cuda, float64

THREADS = 128  # of a block


def per_element(kernel, result, *args) -> None:
    """Run a kernel with a thread for each element of `result`, its last argument."""
    if result.size:
        kernel[-(-result.size // THREADS), THREADS](*args, result)


def per_sum(kernel, count: int, *args) -> None:
    """Run a kernel with a block of threads for each of `count` sums."""
    if count:
        kernel[count, THREADS](*args)


@cuda.jit(device=True)
def block_sum(value):
    """The sum of `value` over the threads of a block; every thread gets it.

    Half of the threads add what the other half has, then a quarter, and so on: log2(THREADS) steps,
    between which all have to wait for one another.
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
