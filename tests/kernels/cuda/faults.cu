// Kernels for the emulator's own tests: one of each thing that it runs, one of each that it refuses.
// Where a kernel has no use for an array it takes one all the same: a launch runs where its arrays are.

#include "prelude.h"

extern "C" __global__ void __launch_bounds__(256) block_sums(const REAL* x, REAL* y, long long n)
{
    __shared__ REAL parts[8];
    REAL sum = 0;
    for (long long i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
        sum += x[i];
    for (int d = 16; d > 0; d /= 2)
        sum += __shfl_down_sync(0xffffffff, sum, d);
    if (threadIdx.x % 32 == 0)
        parts[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x == 0) {
        for (int i = 1; i < blockDim.x / 32; i++)
            sum += parts[i];
        y[blockIdx.x] = sum;
    }
}

extern "C" __global__ void who_is_who(int* thread, int* block)
{
    const int in_block = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    const int in_grid = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    const int i = in_grid * blockDim.x * blockDim.y * blockDim.z + in_block;
    thread[i] = in_block;
    block[i] = in_grid;
}

extern "C" __global__ void warp_operations(const int* x, int* y)
{
    const int i = threadIdx.x;
    int* row = y + i * 10;
    row[0] = __shfl_sync(0xffffffff, x[i], 5);
    row[1] = __shfl_up_sync(0xffffffff, x[i], 3);
    row[2] = __shfl_down_sync(0xffffffff, x[i], 3, 16);
    row[3] = __shfl_xor_sync(0xffffffff, x[i], 9);
    row[4] = (int)__ballot_sync(0xffffffff, x[i] % 3 == 0);
    row[5] = __any_sync(0xffffffff, x[i] == 7);
    row[6] = __all_sync(0xffffffff, x[i] >= 0);
    __syncwarp();
    row[7] = atomicAdd(y + 9, 0) == -1;
    row[8] = __popc(x[i]);
}

extern "C" __global__ void atomics(const int* x, int* count, int* largest, REAL* sum)
{
    atomicAdd(count, 1);
    atomicMax(largest, x[blockIdx.x * blockDim.x + threadIdx.x]);
    atomicAdd(sum, REAL(0.5));
}

extern "C" __global__ void dynamic_shared(REAL* y)
{
    SHARED(REAL, tile);
    y[threadIdx.x + blockIdx.x * blockDim.x] = tile[threadIdx.x];
    __syncthreads();
    tile[threadIdx.x] = 1;
}

extern "C" __global__ void static_shared(REAL* y)
{
    __shared__ REAL tile[64];
    y[threadIdx.x + blockIdx.x * blockDim.x] = tile[threadIdx.x];
    __syncthreads();
    tile[threadIdx.x] = 1;
}

extern "C" __global__ void reverse(const REAL* x, REAL* y)
{
    __shared__ REAL tile[64];
    tile[threadIdx.x] = x[threadIdx.x];
#ifndef NO_BARRIER
    __syncthreads();
#endif
    y[threadIdx.x] = tile[blockDim.x - 1 - threadIdx.x];
}

extern "C" __global__ void hello(int n, int*)
{
    if (threadIdx.x < n)
        printf("thread %d of %d: %s\n", threadIdx.x, blockDim.x, "hello");
}

extern "C" __global__ void two_barriers(int n, int*)
{
    if (threadIdx.x < n)
        __syncthreads();
    else
        __syncthreads();
}

extern "C" __global__ void early_exit(int n, int*)
{
    if (threadIdx.x < n)
        return;
    __syncthreads();
}

extern "C" __global__ void part_of_a_warp(int n, REAL* y)
{
    if (threadIdx.x < n)
        y[threadIdx.x] = __shfl_sync(0xffffffff, y[threadIdx.x], 0);
}

extern "C" __global__ void half_a_mask(REAL* y)
{
    y[threadIdx.x] = __shfl_sync(0x0000ffff, y[threadIdx.x], 0);
}

extern "C" __global__ void two_shuffles(int n, int*)
{
    if (threadIdx.x < n)
        __shfl_sync(0xffffffff, n, 0);
    else
        __ballot_sync(0xffffffff, n);
}

extern "C" __global__ void barrier_beside_warp(int n, int*)
{
    if (threadIdx.x < n)
        __syncwarp();
    else
        __syncthreads();
}

extern "C" __global__ void write_at(REAL* y, long long i)
{
    y[i] = 1;
}

extern "C" __global__ void vectors(const REAL* x, REAL* y, int shift)
{
    st4(y + shift + 4 * threadIdx.x, ld4(x + shift + 4 * threadIdx.x));
}

extern "C" __global__ void overrun(REAL* y, int i)
{
    __shared__ REAL first[8], second[8];
    first[i] = 2;
    second[0] = 3;
    y[0] = first[0] + second[0];
}

extern "C" __global__ void product(int a, int b, int* y)
{
    y[0] = a * b;
}

extern "C" __global__ void quotient(int a, int b, int* y)
{
    y[0] = a / b;
}

extern "C" __global__ void recursion(int n, int* y)
{
    volatile char large[256 * 1024];
    large[n] = 1;
    y[0] = large[n];
}

extern "C" __global__ void asserted(int n, int*)
{
    assert(threadIdx.x < n);
}

extern "C" __global__ void larger(const REAL* x, const int* n, REAL* y)
{
    y[0] = max(x[0], x[1]);
    y[1] = min(x[0], x[1]);
    y[2] = max(x[0], REAL(NAN));
    y[3] = min(REAL(NAN), x[0]);
    y[4] = max(n[0], n[1]) + min(n[0], n[1]) * 100;
}
