// Local response normalisation of (N, C, L): one thread per element, adjacent threads along L.
//
// A thread sums its window of channels; windows of nearby channels overlap, so x is read about once
// from memory and `size` times from the cache. Set by -D: REAL.

#include "prelude.h"
#include "planes.h"

// The sum of terms, or of their squares, over the existing channels c - before ... c + after.
// `here` points to the term of channel c; channels are L elements apart.
template <bool squared>
__device__ inline REAL window_sum(const REAL* here, int c, int before, int after, int C, int L)
{
    REAL sum = 0;
    for (int i = max(c - before, 0); i <= min(c + after, C - 1); i++) {
        const REAL term = here[(long long)(i - c) * L];
        sum += squared ? term * term : term;
    }
    return sum;
}

// y (N, C, L) = x * s^(-beta); planes = N * C.
extern "C" __global__ void __launch_bounds__(256) forward(
    const REAL* x, REAL* y, long long planes, int C, int L, int size, REAL alpha, REAL beta, REAL k)
{
    const Place place = locate(planes, 1, L);
    if (place.plane == planes)
        return;
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    const int c = (int)(place.plane % C);
    const REAL s = k + alpha / size * window_sum<true>(x + i, c, size / 2, (size - 1) / 2, C, L);
    y[i] = x[i] * pow(s, -beta);
}

// terms (N, C, L) = gy * x * s^(-beta - 1), gx = gy * s^(-beta): the part of gx within a channel.
extern "C" __global__ void __launch_bounds__(256) backward_terms(
    const REAL* gy, const REAL* x, REAL* terms, REAL* gx, long long planes, int C, int L, int size,
    REAL alpha, REAL beta, REAL k)
{
    const Place place = locate(planes, 1, L);
    if (place.plane == planes)
        return;
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    const int c = (int)(place.plane % C);
    const REAL s = k + alpha / size * window_sum<true>(x + i, c, size / 2, (size - 1) / 2, C, L);
    const REAL direct = gy[i] * pow(s, -beta);
    gx[i] = direct;
    terms[i] = direct * x[i] / s;
}

// gx -= 2 * alpha * beta / size * x * the sum of terms over the mirrored window.
extern "C" __global__ void __launch_bounds__(256) backward_windows(
    const REAL* x, const REAL* terms, REAL* gx, long long planes, int C, int L, int size, REAL alpha,
    REAL beta)
{
    const Place place = locate(planes, 1, L);
    if (place.plane == planes)
        return;
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    const int c = (int)(place.plane % C);
    gx[i] -= 2 * alpha * beta / size * x[i]
        * window_sum<false>(terms + i, c, (size - 1) / 2, size / 2, C, L);
}
