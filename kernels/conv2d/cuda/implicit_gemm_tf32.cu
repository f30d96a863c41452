// Implicit GEMM (implicit_gemm.cu) on the tensor cores: factors rounded to TF32, sums in float.
//
// TF32 keeps the exponent of a float and 10 bits of its fraction: a product of two TF32 numbers is
// exact in float, and the relative rounding error of a factor is at most 2^-11.
//
// Pieces of both factors, with BK of the summed index each, are copied from global to shared memory
// by cp.async, without registers. Shared memory holds STAGES pieces: one is multiplied while the
// others arrive. There is one barrier per piece: after it, the piece has arrived for all threads,
// and all threads are done with the piece before, whose memory the next copies overwrite.
// Set by -D: VECTOR and those of tf32_tile.h.

#include "prelude.h"
#include "finish.h"
#include "tf32_tile.h"

// y from x and a as in implicit_gemm.cu, but k is ordered (kh, kw, c), and the channels of every
// tap are padded with zeros to a multiple of BK: a (groups, M, KH * KW, PADDED). So each piece
// belongs to one tap, and its rows of x are whole planes apart. With VECTOR = 4 the columns are x
// itself (one tap, stride 1, no padding), H * W is a multiple of 4, and x is copied 4 positions at
// a time. A copy that is not valid reads nothing and writes zeros.
extern "C" __global__ void __launch_bounds__(THREADS, 512 / THREADS) implicit_gemm_tf32(
    const float* x, const float* a, const float* bias, float* y, int N, int groups, int IN, int M,
    int H, int W, int OH, int OW, int QH, int QW, int step_h, int step_w, int dilation_h,
    int dilation_w, int origin_h, int origin_w, int stride_h, int stride_w, int first_h,
    int first_w, int splits, long long part, bool relu)
{
    SHARED(float, shared);
    float* const pieces_a = shared;
    float* const pieces_b = shared + STAGES * BM * PITCH_K;
    const int lane = threadIdx.x, group = blockIdx.y % groups, split = blockIdx.y / groups;
    const int tiles_m = (M + BM - 1) / BM, first_m = blockIdx.x % tiles_m * BM;
    // Positions and planes fit 32 bits, since each has at least 16 channels.
    const unsigned first_t = blockIdx.x / tiles_m * BN, T = (unsigned)N * QH * QW;
    const long long plane = (long long)H * W;
    const unsigned pieces_of_tap = (IN + BK - 1) / BK, all = TAPS * pieces_of_tap, K = all * BK;
    const int begin = all * split / splits, end = all * (split + 1) / splits;

#if VECTOR == 4
    // The four columns that this thread copies, adjacent in x.
    const unsigned t = first_t + lane % (BN / 4) * 4;
    const float* image = x + ((long long)(t / (H * W)) * groups + group) * IN * plane + t % (H * W);
#else
    // The column that this thread gathers.
    const unsigned t = first_t + lane % BN;
    const int h0 = (int)(t / QW % QH) * step_h + origin_h, w0 = (int)(t % QW) * step_w + origin_w;
    const float* image = x + ((long long)(t / QW / QH) * groups + group) * IN * plane;
#endif
    const float* rows = a + (long long)group * M * K;

    float sum[TILES_M][TILES_N][4] = {};
    #pragma unroll 1
    for (int piece = begin; piece < end + STAGES - 1; piece++) {
        if (piece >= begin + STAGES - 1) {
            cp_async_wait<STAGES - 2>();
            __syncthreads();
        }
        if (piece < end) {
            float* to_a = pieces_a + piece % STAGES * (BM * PITCH_K);
            float* to_b = pieces_b + piece % STAGES * (BK * PITCH_N);
            #pragma unroll
            for (int i = lane; i < BM * BK / 4; i += THREADS) {
                const int m = i / (BK / 4), k = i % (BK / 4) * 4;
                const float* from = rows + (long long)(first_m + m) * K + piece * BK + k;
                cp_async16(to_a + m * PITCH_K + k, from, first_m + m < M);
            }
#if VECTOR == 4
            const int column = lane % (BN / 4) * 4;
            const float* from = image + (long long)(piece * BK + lane / (BN / 4)) * (H * W);
            #pragma unroll
            for (int row = lane / (BN / 4); row < BK; row += THREADS / (BN / 4)) {
                cp_async16(to_b + row * PITCH_N + column, from, t < T && piece * BK + row < IN);
                from += THREADS / (BN / 4) * plane;
            }
#else
            const int tap = piece / (int)pieces_of_tap;
            const int first_c = (piece - tap * (int)pieces_of_tap) * BK;
            const int h = h0 + tap / KW * dilation_h, w = w0 + tap % KW * dilation_w;
            const bool inside = t < T && 0 <= h && h < H && 0 <= w && w < W;
            const float* from = image + (long long)(first_c + lane / BN) * (H * W) + h * W + w;
            #pragma unroll
            for (int row = lane / BN; row < BK; row += THREADS / BN) {
                cp_async4(to_b + row * PITCH_N + lane % BN, from, inside && first_c + row < IN);
                from += THREADS / BN * plane;
            }
#endif
        }
        cp_async_commit();
        const int ready = piece - (STAGES - 1);
        if (ready >= begin)
            multiply(
                pieces_a + ready % STAGES * (BM * PITCH_K),
                pieces_b + ready % STAGES * (BK * PITCH_N), PITCH_N, 1, sum);
    }

    #pragma unroll
    for (int j = 0; j < TILES_N; j++)
        #pragma unroll
        for (int e = 0; e < 2; e++) {
            const unsigned t = first_t + COLUMN(j, e);
            if (t >= T)
                continue;
            const int h = (int)(t / QW % QH) * stride_h + first_h;
            const int v = (int)(t % QW) * stride_w + first_w;
            const long long first = ((long long)(t / QW / QH) * groups + group) * M;
            float* target = y + split * part + first * OH * OW + (long long)h * OW + v;
            #pragma unroll
            for (int i = 0; i < TILES_M; i++)
                #pragma unroll
                for (int f = e; f < 4; f += 2) {
                    const int m = first_m + ROW(i, f);
                    if (m < M) {
                        const float offset = bias ? bias[group * M + m] : 0.0f;
                        target[(long long)m * OH * OW] = finish(sum[i][j][f] + offset, relu);
                    }
                }
        }
}
