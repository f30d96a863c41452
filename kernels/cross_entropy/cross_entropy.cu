// Cross-entropy of logits (N, C, L) and class indices (N, L), without an array of probabilities.
//
// If L is 1, the logits of a sample are adjacent, and a warp adds them. Otherwise positions along L
// are adjacent, and each has a thread. The gradient has one thread per logit. A target outside of the
// classes gives NaN, since nobody waits to see whether there is one. Set by -D: REAL.

#include "prelude.h"
#include "planes.h"
#include "reduce.h"

#define THREADS 256

__device__ inline bool is_class(long long target, int C)
{
    return 0 <= target && target < C;
}

// The term of one class in the loss: q (log s + m - x), or 0 where q is 0.
__device__ inline REAL part(REAL q, REAL log_s, REAL m, REAL x)
{
    return q == 0 ? REAL(0) : q * (log_s + (m - x));
}

__device__ inline REAL weight_of(const REAL* weight, long long c)
{
    return weight ? weight[c] : REAL(1);
}

// q[c], the target mass of class c; share = smoothing / C.
__device__ inline REAL mass(
    const REAL* weight, long long c, long long target, REAL smoothing, REAL share)
{
    return weight_of(weight, c) * ((c == target ? 1 - smoothing : REAL(0)) + share);
}

// y, m, s (N) from x (N, C): one warp per row.
extern "C" __global__ void __launch_bounds__(256) forward_rows(
    const REAL* x, const long long* target, const REAL* weight, REAL* y, REAL* m, REAL* s, int N,
    int C, long long ignore_index, REAL smoothing, REAL share)
{
    const int lane = threadIdx.x % 32, n = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (n >= N)  // the whole warp
        return;
    const REAL* row = x + (long long)n * C;
    REAL largest = -INFINITY;
    for (int c = lane; c < C; c += 32)
        largest = row[c] > largest ? row[c] : largest;
    for (int other = 16; other > 0; other /= 2) {
        const REAL theirs = __shfl_xor_sync(0xffffffff, largest, other);
        largest = theirs > largest ? theirs : largest;
    }
    REAL sum = 0;
    #pragma unroll 1  // unrolled, double exponentials would spill registers
    for (int c = lane; c < C; c += 32)
        sum += exp(row[c] - largest);
    for (int other = 16; other > 0; other /= 2)
        sum += __shfl_xor_sync(0xffffffff, sum, other);
    REAL loss = 0;
    const REAL log_s = log(sum);
    const bool counts = target[n] != ignore_index;
    if (counts && !is_class(target[n], C))
        loss = NAN;
    for (int c = lane; c < C && counts; c += 32)
        loss += part(mass(weight, c, target[n], smoothing, share), log_s, largest, row[c]);
    for (int other = 16; other > 0; other /= 2)
        loss += __shfl_xor_sync(0xffffffff, loss, other);
    if (lane == 0) {
        y[n] = loss;
        m[n] = largest;
        s[n] = sum;
    }
}

// y, m, s (N, L) from x (N, C, L): one thread per position.
extern "C" __global__ void __launch_bounds__(256) forward_places(
    const REAL* x, const long long* target, const REAL* weight, REAL* y, REAL* m, REAL* s, int N,
    int C, int L, long long ignore_index, REAL smoothing, REAL share)
{
    const Place place = locate(N, 1, L);
    if (place.plane == N)
        return;
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    const REAL* logits = x + place.plane * C * L + place.column;
    REAL largest = -INFINITY, sum = 0, loss = 0;
    for (int c = 0; c < C; c++) {
        const REAL logit = logits[(long long)c * L];
        largest = logit > largest ? logit : largest;
    }
    for (int c = 0; c < C; c++)
        sum += exp(logits[(long long)c * L] - largest);
    const REAL log_s = log(sum);
    const long long t = target[i];
    if (t != ignore_index && !is_class(t, C))
        loss = NAN;
    else if (t != ignore_index && smoothing == 0)
        loss = part(weight_of(weight, t), log_s, largest, logits[t * L]);
    else if (t != ignore_index)
        for (int c = 0; c < C; c++) {
            const REAL logit = logits[(long long)c * L];
            loss += part(mass(weight, c, t, smoothing, share), log_s, largest, logit);
        }
    y[i] = loss;
    m[i] = largest;
    s[i] = sum;
}

// loss, the sum of y over that of the weights of the targets that count, and this sum. One block.
extern "C" __global__ void __launch_bounds__(THREADS) mean(
    const REAL* y, const long long* target, const REAL* weight, REAL* loss, REAL* total,
    long long count, int C, long long ignore_index)
{
    __shared__ REAL shared[32];
    REAL sum = 0, weights = 0;
    for (long long i = threadIdx.x; i < count; i += THREADS) {
        sum += y[i];
        if (target[i] != ignore_index && is_class(target[i], C))
            weights += weight_of(weight, target[i]);
    }
    sum = block_sum(sum, shared);
    weights = block_sum(weights, shared);
    if (threadIdx.x == 0) {
        *loss = sum / weights;
        *total = weights;
    }
}

// A training step's part of sums that the host reads later: sums = (loss * w, w) with the weight
// w = samples * total / labels of the batch (samples without total), counts = (targets that are
// classes, those that are the largest logit), and flag = mark, if it is 0, where the loss is not
// finite. Without x only the loss counts. A warp has 32 places of an image or one row.
extern "C" __global__ void __launch_bounds__(THREADS) tally(
    const REAL* loss, const REAL* total, const REAL* x, const long long* target, double* sums,
    unsigned long long* counts, int* flag, const double* marks, int N, int C, int L,
    long long labels, double samples, int mark)
{
    const int lane = threadIdx.x % 32;
    const long long thread = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    const long long places = (long long)N * L;
    if (thread == 0) {
        double weight = samples;
        if (total)
            weight = labels ? samples * (double)*total / (double)labels : 0;
        if (weight != 0) {
            sums[0] += (double)*loss * weight;
            sums[1] += weight;
            if (!(*loss - *loss == 0) && *flag == 0)
                *flag = marks ? (int)*marks : mark;
        }
    }
    if (!x)
        return;
    const int step = L == 1 ? 32 : 1;  // lanes that share a place, a row of logits
    const long long place = thread / step;
    const bool exists = place < places;
    const REAL* logits = x + (exists ? place / L * C * L + place % L : 0);
    REAL largest = -INFINITY;
    int best = C;
    for (int c = L == 1 ? lane : 0; c < C && exists; c += step) {
        const REAL logit = logits[(long long)c * L];
        if (best == C || logit > largest || (logit != logit && largest == largest)) {
            largest = logit;
            best = c;
        }
    }
    for (int other = 16; other > 0 && L == 1; other /= 2) {
        const REAL theirs = __shfl_xor_sync(0xffffffff, largest, other);
        const int at = __shfl_xor_sync(0xffffffff, best, other);
        const bool nan = largest != largest, nans = theirs != theirs;
        const bool wins = nans ? !nan || at < best
            : !nan && (theirs > largest || (theirs == largest && at < best));
        if (at < C && (best == C || wins)) {
            largest = theirs;
            best = at;
        }
    }
    const long long t = exists ? target[place] : -1;
    const bool known = is_class(t, C) && (L > 1 || lane == 0);
    const unsigned all = __ballot_sync(0xffffffff, known);
    const unsigned right = __ballot_sync(0xffffffff, known && t == best);
    if (lane == 0 && all) {
        atomicAdd(counts, (unsigned long long)__popc(all));
        atomicAdd(counts + 1, (unsigned long long)__popc(right));
    }
}

// gx (N, C, L) = g (p * sum of q - q[c]), g = gy or, with total, the one gy over total, which may be
// 0 where no target counts; planes = N * C; weight_sum (1): over all classes.
extern "C" __global__ void __launch_bounds__(256) backward(
    const REAL* gy, const REAL* total, const REAL* x, const REAL* m, const REAL* s,
    const long long* target, const REAL* weight, const REAL* weight_sum, REAL* gx, long long planes,
    int C, int L,
    long long ignore_index, REAL smoothing, REAL share)
{
    const Place place = locate(planes, 1, L);
    if (place.plane == planes)
        return;
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    const int c = (int)(place.plane % C);
    const long long at = place.plane / C * L + place.column, t = target[at];
    const REAL g = total ? *gy / (*total == 0 ? REAL(1) : *total) : gy[at];
    if (t == ignore_index || !is_class(t, C)) {
        gx[i] = t == ignore_index ? 0 * g : REAL(NAN);
        return;
    }
    const REAL p = exp(x[i] - m[at]) / s[at];
    const REAL all = (1 - smoothing) * weight_of(weight, t)
        + share * (weight_sum ? *weight_sum : REAL(C));
    gx[i] = g * (p * all - mass(weight, c, t, smoothing, share));
}
