// The instructions of an Ampere GPU, for the emulator's own tests.

#include "prelude.h"

// d (16, 8) = a (16, 8) * b (8, 8) by one warp.
extern "C" __global__ void multiply_tile(const float* a, const float* b, float* d, bool rounded)
{
    const int g = threadIdx.x / 4, t = threadIdx.x % 4;
    float sum[4] = {};
    const float left[4] = {a[g * 8 + t], a[(g + 8) * 8 + t], a[g * 8 + t + 4], a[(g + 8) * 8 + t + 4]};
    const float right[2] = {b[t * 8 + g], b[(t + 4) * 8 + g]};
    unsigned left_bits[4], right_bits[2];
    for (int i = 0; i < 4; i++)
        left_bits[i] = rounded ? to_tf32(left[i]) : __float_as_uint(left[i]);
    for (int i = 0; i < 2; i++)
        right_bits[i] = rounded ? to_tf32(right[i]) : __float_as_uint(right[i]);
    mma_tf32(sum, left_bits, right_bits);
    for (int i = 0; i < 4; i++)
        d[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = sum[i];
}

// y (3, 4 * blockDim.x): what shared memory holds after the copy, with one group awaited, with all.
extern "C" __global__ void copies(const float* x, float* y, int shift, bool valid)
{
    __shared__ __align__(16) float tile[2][128];
    const int n = 4 * blockDim.x, i = 4 * threadIdx.x;
    cp_async16(&tile[0][i], x + shift + i, valid);
    cp_async_commit();
    for (int j = 0; j < 4; j++)
        cp_async4(&tile[1][i + j], x + n + i + j, valid);
    cp_async_commit();
    for (int j = 0; j < 4; j++)
        y[i + j] = tile[0][i + j];
    cp_async_wait<1>();
    for (int j = 0; j < 4; j++)
        y[n + i + j] = tile[0][i + j] + (isnan(tile[1][i + j]) ? 0 : 1000);
    cp_async_wait<0>();
    for (int j = 0; j < 4; j++)
        y[2 * n + i + j] = tile[0][i + j] + tile[1][i + j];
}

// y (4, 8, 4) = the four matrices of x (4, 8, 4), read with rows of `pitch` elements.
extern "C" __global__ void read_matrices(const float* x, float* y, int pitch)
{
    __shared__ __align__(16) float tile[32 * 24];
    const int lane = threadIdx.x;
    for (int i = 0; i < 4; i++)
        tile[lane * pitch + i] = x[lane * 4 + i];
    __syncwarp();
    unsigned words[4];
    ldmatrix4(words, tile + lane * pitch);
    for (int i = 0; i < 4; i++)
        y[(i * 8 + lane / 4) * 4 + lane % 4] = __uint_as_float(words[i]);
}
