// Sums over a block whose size is a multiple of 32, and over the parts of several blocks, in a fixed
// order: bitwise reproducible.

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

// Whether this block is the last of `count` that come here with one counter, which is 0 before and
// after. The last one sees what all of them have written, and can add it in any order it likes, so
// that the order does not depend on which block is the last. Blocks have one row of threads.
__device__ inline bool is_last_block(int* counter, int count)
{
    __shared__ int is_last;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
        is_last = atomicAdd(counter, 1) == count - 1;
        if (is_last)
            *counter = 0;
    }
    __syncthreads();
    if (is_last)
        __threadfence();
    return is_last;
}

#endif
