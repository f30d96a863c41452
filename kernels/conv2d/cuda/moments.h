// The moments of a row of a tile, while it is in registers: the mean of its values and the sum of
// their squared deviations from it, of which batch norm makes those of a channel
// (merge_statistics in batch_norm.cu).

#ifndef MOMENTS_H
#define MOMENTS_H

struct Moments {
    REAL mean, squares;
};

template <int LANES>
__device__ inline REAL sum_of_lanes(REAL value)
{
    #pragma unroll
    for (int other = LANES / 2; other > 0; other /= 2)
        value += __shfl_xor_sync(0xffffffff, value, other);
    return value;
}

// The moments of the `count` values of a row that are inside. LANES adjacent lanes have COUNT values
// of it each; the first of the first lane is inside. It is subtracted from all, so that no large
// numbers are squared, and the mean of the rest is, so that squares do not cancel. Whole warps call it.
template <int LANES, int COUNT>
__device__ inline Moments moments_of(const REAL values[COUNT], const bool inside[COUNT], int count)
{
    const REAL near = __shfl_sync(0xffffffff, values[0], threadIdx.x % 32 / LANES * LANES);
    REAL sum = 0, squares = 0;
    #pragma unroll
    for (int i = 0; i < COUNT; i++)
        sum += inside[i] ? values[i] - near : REAL(0);
    const REAL mean = sum_of_lanes<LANES>(sum) / count;
    #pragma unroll
    for (int i = 0; i < COUNT; i++) {
        const REAL apart = values[i] - near - mean;
        squares += inside[i] ? apart * apart : REAL(0);
    }
    return {near + mean, sum_of_lanes<LANES>(squares)};
}

#endif
