"""Notebook 12: kernels with bugs that often go unnoticed on a GPU."""

SUM = """
    float sum = 0;
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            sum += {pixel} * LOAD(w, a * 3 + b);
    y[i * (W - 2) + j] = sum;
"""
TILE = """
    {before}
    __shared__ float tile[TILE + 2][TILE + 2];
    const int top = blockIdx.y * TILE, left = blockIdx.x * TILE;
    for (int k = threadIdx.y * TILE + threadIdx.x; k < (TILE + 2) * (TILE + 2); k += TILE * TILE)
        if (top + k / (TILE + 2) < H && left + k % (TILE + 2) < W)
            tile[k / (TILE + 2)][k % (TILE + 2)] =
                LOAD(x, (top + k / (TILE + 2)) * W + left + k % (TILE + 2));
    {barrier}
    const int i = top + threadIdx.y, j = left + threadIdx.x;
    if (i >= H - 2 || j >= W - 2)
        return;
"""


def without_edge() -> str:
    """One thread per output, without a test for threads beyond the edge."""
    index = """
    const int j = blockIdx.x * TILE + threadIdx.x;
    const int i = blockIdx.y * TILE + threadIdx.y;
    """
    return index + SUM.format(pixel="LOAD(x, (i + a) * W + j + b)")


def without_barrier() -> str:
    """A tile that is read before all threads have copied."""
    head = TILE.format(before="", barrier="")
    return head + SUM.format(pixel="tile[threadIdx.y + a][threadIdx.x + b]")


def leaving_early() -> str:
    """A tile whose threads beyond the edge return before the barrier."""
    leave = "if (blockIdx.x * TILE + threadIdx.x >= W - 2) return;"
    head = TILE.format(before=leave, barrier="__syncthreads();")
    return head + SUM.format(pixel="tile[threadIdx.y + a][threadIdx.x + b]")


def sums_without_barriers() -> str:
    """A reduction whose halves do not wait for each other."""
    return """
    __shared__ float part[128];
    part[threadIdx.x] = 0;
    for (int k = threadIdx.x; k < N; k += 128)
        part[threadIdx.x] += LOAD(x, blockIdx.x * N + k);
    for (int half = 64; half > 0; half /= 2)
        if (threadIdx.x < half)
            part[threadIdx.x] += part[threadIdx.x + half];
    if (threadIdx.x == 0)
        y[blockIdx.x] = part[0];
    """
