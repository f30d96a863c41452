// total[i] = parts[0][i] + parts[1][i] + ... in this order: the second pass of sums split over
// blocks.
//
// bias: one per channel, or null; the planes of `channels` channels with `plane` elements each
// repeat. relu: write max(total, 0).

#include "prelude.h"
#include "finish.h"

extern "C" __global__ void __launch_bounds__(256) add_parts(
    const REAL* parts, const REAL* bias, REAL* total, int count, long long size, long long plane,
    int channels, bool relu)
{
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= size)
        return;
    const REAL start = bias ? bias[i / plane % channels] : REAL(0);
    total[i] = finish(sum_of_parts(parts, i, count, size, start), relu);
}
