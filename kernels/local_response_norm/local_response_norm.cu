// Local response normalisation of (N, C, L): a thread for every number, neighbours side by side in L.
//
// A thread adds up its window of channels, which its neighbours' windows overlap: x comes from memory
// about once and from the cache `size` times. Set by -D: REAL.

#include "prelude.h"
#include "planes.h"

// The sum of square(terms) or of terms over the channels first ... last that exist; at c they stand
// in `here`, a channel being L apart.
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

// y (N, C, L) = x * s^(-beta), images = N.
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

// terms (N, C, L) = gy * x * s^(-beta - 1), gx = gy * s^(-beta): what does not mix channels.
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

// gx -= 2 * alpha * beta / size * x * the sum of terms over the window turned round.
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
