"""Notebook 12: kernels with bugs that often go unnoticed on a GPU.

Each is as short as its bug: none computes what is asked for.
"""


def without_edge() -> str:
    """As many outputs as there are threads, without a test for those beyond the last."""
    return """
    const int block = blockIdx.y * gridDim.x + blockIdx.x;
    y[TILE * (TILE * block + threadIdx.y) + threadIdx.x] = x[0];
    """


def without_barrier() -> str:
    """Pixels that are read from shared memory before all threads have copied theirs."""
    return """
    __shared__ float pixels[TILE][TILE];
    pixels[threadIdx.y][threadIdx.x] = x[threadIdx.x];
    const int i = blockIdx.y * TILE + threadIdx.x, j = blockIdx.x * TILE + threadIdx.y;
    if (i < H - 2 && j < W - 2)
        y[i * (W - 2) + j] = pixels[threadIdx.x][threadIdx.y];
    """


def leaving_early() -> str:
    """Threads that return before the barrier at which the others wait."""
    return """
    if (threadIdx.x > threadIdx.y)
        return;
    __syncthreads();
    y[0] = x[0];
    """


def sums_without_barriers() -> str:
    """Numbers that are read from shared memory before the other thread has written them."""
    return """
    __shared__ float part[128];
    part[threadIdx.x] = x[threadIdx.x];
    if (threadIdx.x == 0)
        y[blockIdx.x] = part[127 - threadIdx.x];
    """
