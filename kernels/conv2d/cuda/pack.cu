// Weights in the order in which implicit GEMM reads them: a row of the first factor for each row of
// the product, without gaps.
//
// w (O, C/groups, KH, KW) gives rows of output channels (forward) or of input channels (gradient):
// element k of row r is the plane of KH * KW taps at
//
//     r / M * group_step + r % M * row_step + k * k_step
//
// reversed: the last tap comes first, as in a gradient.
//
// Set by -D: KH, KW. CHANNELS_LAST: rows are (KH, KW, PADDED) with zeros after channel IN, rounded to
// TF32, for implicit_gemm_tf32.cu; otherwise (IN, KH, KW). REAL.

#include "prelude.h"
#include "finish.h"

// Write packed[at].
__device__ inline void pack(
    const REAL* w, REAL* packed, long long at, int M, int IN, int padded, int group_step,
    int row_step, int k_step, bool reversed)
{
    // One row has fewer than 2^31 elements.
    const int length = padded * KH * KW, row = (int)(at / length), place = (int)(at % length);
#if CHANNELS_LAST
    const int k = place % padded, tap = place / padded;
#else
    const int k = place / (KH * KW), tap = place % (KH * KW);
#endif
    const long long first = (long long)(row / M) * group_step + (long long)(row % M) * row_step;
    const long long inside = first + (long long)k * k_step;
    const REAL value = k < IN ? w[inside + (reversed ? KH * KW - 1 - tap : tap)] : REAL(0);
#if CHANNELS_LAST
    packed[at] = __uint_as_float(to_tf32(value));
#else
    packed[at] = value;
#endif
}

extern "C" __global__ void __launch_bounds__(256) pack_weights(
    const REAL* w, REAL* packed, long long size, int M, int IN, int padded, int group_step,
    int row_step, int k_step, bool reversed)
{
    const long long at = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (at < size)
        pack(w, packed, at, M, IN, padded, group_step, row_step, k_step, reversed);
}

// total[i] = parts[0][i] + parts[1][i] + ... of `total_size` elements by the first blocks, and
// pack_weights by the others: what the two gradients of a layer need between their products.
extern "C" __global__ void __launch_bounds__(256) add_parts_and_pack(
    const REAL* parts, REAL* total, const REAL* w, REAL* packed, int count, long long total_size,
    long long size, int M, int IN, int padded, int group_step, int row_step, int k_step,
    bool reversed)
{
    const long long adding = (total_size + blockDim.x - 1) / blockDim.x;
    const long long at = (blockIdx.x - adding) * blockDim.x + threadIdx.x;
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < total_size)
        total[i] = sum_of_parts(parts, i, count, total_size, 0);
    else if (0 <= at && at < size)
        pack(w, packed, at, M, IN, padded, group_step, row_step, k_step, reversed);
}
