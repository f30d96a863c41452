// Sums over a block whose size is a multiple of 32, in a fixed order: bitwise reproducible.

#ifndef REDUCE_H
#define REDUCE_H

__device__ inline REAL warp_sum(REAL value)
{
    for (int other = 16; other > 0; other /= 2)
        value += __shfl_xor_sync(0xffffffff, value, other);
    return value;
}

// The sum of `value` over the block, returned to every thread. `shared` has 32 elements.
__device__ inline REAL block_sum(REAL value, REAL* shared)
{
    value = warp_sum(value);
    __syncthreads();  // all threads must have read the result of an earlier sum
    if (threadIdx.x % 32 == 0)
        shared[threadIdx.x / 32] = value;
    __syncthreads();
    return warp_sum(threadIdx.x % 32 < blockDim.x / 32 ? shared[threadIdx.x % 32] : REAL(0));
}

#endif
