// Convolution as a matrix product whose second factor is never built: implicit GEMM.
//
//     y[m, t] = sum over k of a[m, k] * columns[k, t]       k = (c, kh, kw),  t = (n, q_h, q_w)
//
// im2col would write the columns, KH * KW times the input. Here each block gathers its BK x BN
// piece of them from x directly into shared memory, next to BM x BK of the weights, and every
// thread accumulates OWN_M x OWN_N sums in registers: each element is read once and used BM or BN
// times. While a piece is multiplied, the next one is loaded into registers, then stored to the
// other of two buffers.
//
// The input gradient is such a product for each of its phases (axis.h), which different blocks
// compute; with stride 1 it is a convolution with the taps in reversed order.
//
// Set by -D: REAL, KH, KW, BM, BN, BK, OWN_M, OWN_N. PHASES: whether the blocks compute phases.

#include "prelude.h"
#include "finish.h"
#include "axis.h"
#include "moments.h"

#define TAPS (KH * KW)
#define THREADS_N (BN / OWN_N)
#define THREADS (BM / OWN_M * THREADS_N)
#define SHARE_A (BM * BK / THREADS)
#define SHARE_B (BN * BK / THREADS)

// With 4 elements of padding, adjacent threads write to different banks.
struct Pieces {
    REAL a[BK][BM + 4], b[BK][BN + 4];
};

// sum[i][j] += a[:, m + i] . b[:, n + j * THREADS_N]: adjacent threads have adjacent columns of y.
__device__ inline void multiply(const Pieces& piece, REAL sum[OWN_M][OWN_N], int m, int n)
{
    #pragma unroll
    for (int k = 0; k < BK; k++) {
        REAL a[OWN_M], b[OWN_N];
        #pragma unroll
        for (int i = 0; i < OWN_M; i++)
            a[i] = piece.a[k][m + i];
        #pragma unroll
        for (int j = 0; j < OWN_N; j++)
            b[j] = piece.b[k][n + j * THREADS_N];
        #pragma unroll
        for (int i = 0; i < OWN_M; i++)
            #pragma unroll
            for (int j = 0; j < OWN_N; j++)
                sum[i][j] += a[i] * b[j];
    }
}

// y (N, groups * M, OH, OW) from x (N, groups * IN, H, W) and a (groups, M, IN * KH * KW), by the
// stride, dilation and padding of a convolution; with PHASES of the one whose gradient is y, with
// apart = stride / gcd(stride, dilation) and the taps of a in reversed order. bias: (groups * M), or
// null; relu: write max(y, 0). With splits > 1 the sum over k is cut into `splits` parts, and part s
// is written to y + s * part; then bias and relu are applied to the sum of the parts. moments, or
// null: (2, parts, groups * M), the means of y over BN columns each, and the sums of squared
// deviations; with one split.
extern "C" __global__ void __launch_bounds__(THREADS, 1) implicit_gemm(
    const REAL* x, const REAL* a, const REAL* bias, REAL* y, REAL* moments, int N, int groups,
    int IN, int M, int H, int W, int OH, int OW, int stride_h, int stride_w, int dilation_h,
    int dilation_w, int before_h, int before_w, int apart_h, int apart_w, int splits,
    long long part, bool relu)
{
    __shared__ __align__(16) Pieces pieces[2];
    const int lane = threadIdx.x, group = blockIdx.y % groups, split = blockIdx.y / groups;
    const int tiles_m = (M + BM - 1) / BM, first_m = blockIdx.x % tiles_m * BM;
    const unsigned tile = blockIdx.x / tiles_m;
    const Axis along_h = AXIS_H(tile % COUNT_PHASES), along_w = AXIS_W(tile % COUNT_PHASES);
    const int QH = along_h.count, QW = along_w.count, taps = along_h.taps * along_w.taps;
    const long long first_t = (long long)(tile / COUNT_PHASES) * BN, T = (long long)N * QH * QW;
    if (first_t >= T)
        return;  // the largest phase has more
    const int K = IN * taps;
    const long long plane = (long long)H * W;
    const int chunks = (K + BK - 1) / BK;
    const int begin = (int)((long long)chunks * split / splits);
    const int end = (int)((long long)chunks * (split + 1) / splits);

    // The column that this thread gathers; its elements are BN apart.
    const long long t = first_t + lane % BN;
    const int h0 = (int)(t / QW % QH) * along_h.step + along_h.origin;
    const int w0 = (int)(t % QW) * along_w.step + along_w.origin;
    const REAL* image = x + (t / QW / QH * groups + group) * IN * plane;
    const REAL* rows = a + (long long)group * M * IN * TAPS;

    REAL sum[OWN_M][OWN_N] = {}, next_a[SHARE_A], next_b[SHARE_B];
    const int own_m = lane / THREADS_N * OWN_M, own_n = lane % THREADS_N;
    for (int chunk = begin; chunk <= end; chunk++) {
        if (chunk < end) {
            #pragma unroll
            for (int i = 0; i < SHARE_A; i++) {
                const int k = chunk * BK + (lane + i * THREADS) % BK;
                const int m = first_m + (lane + i * THREADS) / BK;
                const int tap_h = along_h.tap + k % taps / along_w.taps * along_h.apart;
                const int tap_w = along_w.tap + k % taps % along_w.taps * along_w.apart;
                const int place = k / taps * TAPS + tap_h * KW + tap_w;
                next_a[i] = k < K && m < M ? rows[(long long)m * IN * TAPS + place] : REAL(0);
            }
            #pragma unroll
            for (int i = 0; i < SHARE_B; i++) {
                const int k = chunk * BK + (lane + i * THREADS) / BN;
                const int h = h0 + k % taps / along_w.taps * along_h.dilation;
                const int w = w0 + k % taps % along_w.taps * along_w.dilation;
                const bool inside = k < K && t < T && 0 <= h && h < H && 0 <= w && w < W;
                next_b[i] = inside ? image[k / taps * plane + (long long)h * W + w] : REAL(0);
            }
        }
        if (chunk > begin)
            multiply(pieces[(chunk - 1) % 2], sum, own_m, own_n);
        if (chunk < end) {
            Pieces& piece = pieces[chunk % 2];
            #pragma unroll
            for (int i = 0; i < SHARE_A; i++)
                piece.a[(lane + i * THREADS) % BK][(lane + i * THREADS) / BK] = next_a[i];
            #pragma unroll
            for (int i = 0; i < SHARE_B; i++)
                piece.b[(lane + i * THREADS) / BN][lane % BN] = next_b[i];
        }
        __syncthreads();
    }

#if !PHASES
    if (moments) {
        const int count = (int)min(T - first_t, (long long)BN);
        const long long channels = (long long)groups * M, all = (T + BN - 1) / BN;
        #pragma unroll
        for (int i = 0; i < OWN_M; i++) {
            const int m = first_m + own_m + i;
            const REAL offset = bias && m < M ? bias[group * M + m] : REAL(0);
            REAL values[OWN_N];
            bool inside[OWN_N];
            #pragma unroll
            for (int j = 0; j < OWN_N; j++) {
                values[j] = sum[i][j] + offset;
                inside[j] = own_n + j * THREADS_N < count;
            }
            const Moments own = moments_of<THREADS_N, OWN_N>(values, inside, count);
            if (own_n == 0 && m < M) {
                const long long at = first_t / BN * channels + group * M + m;
                moments[at] = own.mean;
                moments[at + all * channels] = own.squares;
            }
        }
    }
#endif

    #pragma unroll
    for (int j = 0; j < OWN_N; j++) {
        const long long t = first_t + own_n + j * THREADS_N;
        if (t >= T)
            continue;
        const int h = (int)(t / QW % QH) * along_h.stride + along_h.first;
        const int v = (int)(t % QW) * along_w.stride + along_w.first;
        REAL* target = y + split * part + (t / QW / QH * groups + group) * M * OH * OW
            + (long long)h * OW + v;
        #pragma unroll
        for (int i = 0; i < OWN_M; i++) {
            const int m = first_m + own_m + i;
            if (m < M) {
                const REAL offset = bias ? bias[group * M + m] : REAL(0);
                target[(long long)m * OH * OW] = finish(sum[i][j] + offset, relu);
            }
        }
    }
}

// gw (splits, groups, M, IN * KH * KW) from x (N, groups * IN, H, W) and gy (N, groups * M, OH,
// OW):
//
//     gw[m, k] = sum over t of gy[m, t] * columns[k, t]
//
// The sum over t has far more terms than gw has elements. So it is split over many blocks, and
// another kernel adds their parts in a fixed order.
extern "C" __global__ void __launch_bounds__(THREADS, 1) implicit_gemm_weight_grad(
    const REAL* x, const REAL* gy, REAL* gw, int N, int groups, int IN, int M, int H, int W, int OH,
    int OW, int step_h, int step_w, int dilation_h, int dilation_w, int origin_h, int origin_w,
    int splits)
{
    __shared__ __align__(16) Pieces pieces[2];
    const int lane = threadIdx.x, group = blockIdx.z % groups, split = blockIdx.z / groups;
    const int first_m = blockIdx.y * BM, first_k = blockIdx.x * BN, K = IN * TAPS;
    const long long T = (long long)N * OH * OW, plane = (long long)H * W;
    const long long plane_y = (long long)OH * OW;
    const long long chunks = (T + BK - 1) / BK;
    const long long begin = chunks * split / splits, end = chunks * (split + 1) / splits;

    // The output position whose elements this thread gathers in each chunk.
    long long t = begin * BK + lane % BK;
    int j = (int)(t % OW), i = (int)(t / OW % OH), n = (int)(t / plane_y);

    REAL sum[OWN_M][OWN_N] = {}, next_a[SHARE_A], next_b[SHARE_B];
    const int own_m = lane / THREADS_N * OWN_M, own_n = lane % THREADS_N;
    for (long long chunk = begin; chunk <= end; chunk++) {
        if (chunk < end) {
            const REAL* image = x + ((long long)n * groups + group) * IN * plane;
            const REAL* source = gy + ((long long)n * groups + group) * M * plane_y;
            #pragma unroll
            for (int s = 0; s < SHARE_A; s++) {
                const int m = first_m + (lane + s * THREADS) / BK;
                next_a[s] = t < T && m < M ? source[m * plane_y + (long long)i * OW + j] : REAL(0);
            }
            #pragma unroll
            for (int s = 0; s < SHARE_B; s++) {
                const int k = first_k + (lane + s * THREADS) / BK;
                const int h = i * step_h + k % TAPS / KW * dilation_h + origin_h;
                const int w = j * step_w + k % KW * dilation_w + origin_w;
                const bool inside = t < T && k < K && 0 <= h && h < H && 0 <= w && w < W;
                next_b[s] = inside ? image[k / TAPS * plane + (long long)h * W + w] : REAL(0);
            }
            t += BK;
            for (j += BK; j >= OW; j -= OW)
                if (++i == OH) {
                    i = 0;
                    n++;
                }
        }
        if (chunk > begin)
            multiply(pieces[(chunk - 1) % 2], sum, own_m, own_n);
        if (chunk < end) {
            Pieces& piece = pieces[chunk % 2];
            #pragma unroll
            for (int s = 0; s < SHARE_A; s++)
                piece.a[lane % BK][(lane + s * THREADS) / BK] = next_a[s];
            #pragma unroll
            for (int s = 0; s < SHARE_B; s++)
                piece.b[lane % BK][(lane + s * THREADS) / BK] = next_b[s];
        }
        __syncthreads();
    }

    REAL* target = gw + ((long long)split * groups + group) * M * K;
    #pragma unroll
    for (int i = 0; i < OWN_M; i++)
        #pragma unroll
        for (int j = 0; j < OWN_N; j++) {
            const int m = first_m + own_m + i, k = first_k + own_n + j * THREADS_N;
            if (m < M && k < K)
                target[(long long)m * K + k] = sum[i][j];
        }
}
