// The weight gradient of implicit_gemm_tf32.cu: the sum runs over the output positions t = (n, i,
// j).
//
//     gw (splits, groups, M, IN * KH * KW)  from  x (N, groups * IN, H, W)
//                                           and  gy (N, groups * M, OH, OW)
//
// With VECTOR = 4, OH * OW is a multiple of 4 and gy is copied 4 positions at a time.
// Set by -D: VECTOR and those of tf32_tile.h.

#include "prelude.h"
#include "tf32_tile.h"

extern "C" __global__ void __launch_bounds__(THREADS, 512 / THREADS) implicit_gemm_tf32_weight_grad(
    const float* x, const float* gy, float* gw, int N, int groups, int IN, int M, int H, int W,
    int OH, int OW, int step_h, int step_w, int dilation_h, int dilation_w, int origin_h,
    int origin_w, int splits)
{
    SHARED(float, shared);
    __shared__ long long offset[BN];     // of column k of the piece, in an image
    __shared__ int down[BN], across[BN]; // position of its tap
    float* const pieces_a = shared;
    float* const pieces_b = shared + STAGES * BM * PITCH_K;
    const int lane = threadIdx.x, group = blockIdx.z % groups, split = blockIdx.z / groups;
    const int first_m = blockIdx.y * BM, first_k = blockIdx.x * BN, K = IN * TAPS;
    const long long plane = (long long)H * W, plane_y = (long long)OH * OW, T = N * plane_y;
    const long long all = (T + BK - 1) / BK;  // below 2^31, since T is below 2^32
    const int begin = (int)(all * split / splits), end = (int)(all * (split + 1) / splits);
    for (int i = lane; i < BN; i += THREADS) {
        const int k = first_k + i;
        down[i] = k < K ? k % TAPS / KW * dilation_h : -H - OH * step_h;  // outside for all
        across[i] = k % KW * dilation_w;
        offset[i] = k / TAPS * plane + (long long)down[i] * W + across[i];
    }
    __syncthreads();

    // The output positions whose elements this thread gathers in each piece: one of x, (n, i, j),
    // and VECTOR of gy, starting at position ty of image ny.
    const unsigned t = (unsigned)begin * BK + lane % BK;
    int j = t % OW, i = t / OW % OH, n = t / OW / OH;
    const unsigned first = (unsigned)begin * BK + lane % (BK / VECTOR) * VECTOR;
    int ty = first % (OH * OW), ny = first / (OH * OW);

    float sum[TILES_M][TILES_N][4] = {};
    for (int piece = begin; piece < end + STAGES - 1; piece++) {
        if (piece >= begin + STAGES - 1) {
            cp_async_wait<STAGES - 2>();
            __syncthreads();
        }
        if (piece < end) {
            float* to_a = pieces_a + piece % STAGES * (BM * PITCH_K);
            float* to_b = pieces_b + piece % STAGES * (BN * PITCH_K);
            const float* source = gy + ((long long)ny * groups + group) * M * plane_y + ty;
            #pragma unroll
            for (int m = lane / (BK / VECTOR); m < BM; m += THREADS / (BK / VECTOR)) {
                const bool exists = ny < N && first_m + m < M;
                float* to = to_a + m * PITCH_K + lane % (BK / VECTOR) * VECTOR;
                const float* from = source + (first_m + m) * plane_y;
#if VECTOR == 4
                cp_async16(to, from, exists);
#else
                cp_async4(to, from, exists);
#endif
            }
            const int h0 = i * step_h + origin_h, w0 = j * step_w + origin_w;
            const float* image =
                x + ((long long)n * groups + group) * IN * plane + (long long)h0 * W + w0;
            #pragma unroll
            for (int k = lane / BK; k < BN; k += THREADS / BK) {
                const int h = h0 + down[k], w = w0 + across[k];
                const bool exists = n < N && 0 <= h && h < H && 0 <= w && w < W;
                cp_async4(to_b + k * PITCH_K + lane % BK, image + offset[k], exists);
            }
            for (j += BK; j >= OW; j -= OW)
                if (++i == OH) {
                    i = 0;
                    n++;
                }
            for (ty += BK; ty >= OH * OW; ty -= OH * OW)
                ny++;
        }
        cp_async_commit();
        const int ready = piece - (STAGES - 1);
        if (ready >= begin)
            multiply(
                pieces_a + ready % STAGES * (BM * PITCH_K),
                pieces_b + ready % STAGES * (BN * PITCH_K), 1, PITCH_K, sum);
    }

    float* target = gw + ((long long)split * groups + group) * M * K;
    #pragma unroll
    for (int i = 0; i < TILES_M; i++)
        #pragma unroll
        for (int j = 0; j < TILES_N; j++)
            #pragma unroll
            for (int e = 0; e < 4; e++) {
                const int m = first_m + ROW(i, e), k = first_k + COLUMN(j, e);
                if (m < M && k < K)
                    target[(long long)m * K + k] = sum[i][j][e];
            }
}
