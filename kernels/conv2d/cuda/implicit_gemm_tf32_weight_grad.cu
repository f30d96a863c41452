// The weight gradient of implicit_gemm_tf32.cu: the sum runs over the output positions t = (n, i,
// j).
//
//     gw (splits, groups, M, IN * KH * KW)  from  x (N, groups * IN, H, W)
//                                           and  gy (N, groups * M, OH, OW)
//
// With VECTOR = 4, OH * OW is a multiple of 4 and gy is copied 4 positions at a time. With ONE_TAP
// IN is a multiple of BN and a block computes BN channels of one tap, so that all that a thread
// gathers at a position is inside the image or none; otherwise BN elements k = (c, kh, kw).
// Set by -D: VECTOR, ONE_TAP and those of tf32_tile.h. PAIRS: whether two adjacent columns of a tile
// are adjacent in gw, too, and the first is aligned to 8 bytes.

#include "prelude.h"
#include "tf32_tile.h"

#define STAGE ((BM + BN) * PITCH_K)  // the elements of a piece of both factors
#define ROWS_A (THREADS / (BK / VECTOR))  // the rows of a piece that all threads copy at a time
#define ROWS_B (THREADS / BK)

extern "C" __global__ void __launch_bounds__(THREADS, 512 / THREADS) implicit_gemm_tf32_weight_grad(
    const float* x, const float* gy, float* gw, int N, int groups, int IN, int M, int H, int W,
    int OH, int OW, int step_h, int step_w, int dilation_h, int dilation_w, int origin_h,
    int origin_w, int splits)
{
    SHARED(float, shared);
#if !ONE_TAP
    __shared__ Place columns[BN];
#endif
    const int lane = threadIdx.x, group = blockIdx.z % groups, split = blockIdx.z / groups;
    const int first_m = blockIdx.y * BM, K = IN * TAPS;
    const long long plane = (long long)H * W, plane_y = (long long)OH * OW, T = N * plane_y;
    const long long all = (T + BK - 1) / BK;  // below 2^31, since T is below 2^32
    const int begin = (int)(all * split / splits);
    const int count = (int)(all * (split + 1) / splits) - begin;
#if ONE_TAP
    const int tap = blockIdx.x % TAPS, first_c = blockIdx.x / TAPS * BN;
    const int down = tap / KW * dilation_h, across = tap % KW * dilation_w;
#else
    const int first_k = blockIdx.x * BN;
    for (int i = lane; i < BN; i += THREADS) {
        const int k = first_k + i;
        const int down = k < K ? k % TAPS / KW * dilation_h : -H - OH * step_h;  // outside for all
        const int across = k % KW * dilation_w;
        columns[i] = {k / TAPS * plane + (long long)down * W + across, down, across};
    }
    __syncthreads();
#endif

    // This thread copies VECTOR elements of rows m, m + ROWS_A... of gy, starting at position ty of
    // image ny, and gathers columns k, k + ROWS_B... of x at the output position (n, i, j).
    const int m = lane / (BK / VECTOR), k = lane / BK;
    const unsigned first = (unsigned)begin * BK + lane % (BK / VECTOR) * VECTOR;
    int ty = first % (OH * OW), ny = first / (OH * OW);
    const unsigned t = (unsigned)begin * BK + lane % BK;
    int j = t % OW, i = t / OW % OH, n = t / OW / OH;
    // From a piece to the next.
    const int step_j = BK % OW, step_i = BK / OW % OH, step_n = BK / OW / OH;
    const int step_ty = BK % (OH * OW);
    float* const at_a = shared + m * PITCH_K + lane % (BK / VECTOR) * VECTOR;
    float* const at_b = shared + BM * PITCH_K + k * PITCH_K + lane % BK;
    int stage = 0, ready = 0;  // where the memory of the next copies begins, and of the next product

    float sum[TILES_M][TILES_N][4] = {};
    #pragma unroll 1
    for (int piece = 0; piece < count + STAGES - 1; piece++) {
        if (piece >= STAGES - 1) {
            cp_async_wait<STAGES - 2>();
            #pragma unroll
            for (int i = 0; i * ROWS_A < BM; i++)
                if (BM % ROWS_A == 0 || m < BM)
                    round_own<VECTOR>(at_a + ready + i * ROWS_A * PITCH_K);
            __syncthreads();
        }
        if (piece < count) {
            const float* from_a =
                gy + (((long long)ny * groups + group) * M + first_m + m) * plane_y + ty;
            #pragma unroll
            for (int i = 0; i * ROWS_A < BM; i++)
                if (BM % ROWS_A == 0 || m < BM) {
                    const bool exists = ny < N && first_m + m + i * ROWS_A < M;
#if VECTOR == 4
                    cp_async16(at_a + stage + i * ROWS_A * PITCH_K, from_a, exists);
#else
                    cp_async4(at_a + stage + i * ROWS_A * PITCH_K, from_a, exists);
#endif
                    from_a += ROWS_A * plane_y;
                }
            const int h0 = i * step_h + origin_h, w0 = j * step_w + origin_w;
#if ONE_TAP
            const unsigned h = h0 + down, w = w0 + across;
            const bool inside = n < N && h < H && w < W;
            const float* from_b = x + (((long long)n * groups + group) * IN + first_c + k) * plane
                + (long long)h * W + w;
            #pragma unroll
            for (int i = 0; i < BN; i += ROWS_B) {
                cp_async4(at_b + stage + i * PITCH_K, from_b, inside);
                from_b += ROWS_B * plane;
            }
#else
            const float* image =
                x + ((long long)n * groups + group) * IN * plane + (long long)h0 * W + w0;
            #pragma unroll
            for (int i = 0; i < BN; i += AT_ONCE * ROWS_B) {
                Place found[AT_ONCE];
                #pragma unroll
                for (int s = 0; s < AT_ONCE; s++)
                    found[s] = columns[k + i + s * ROWS_B];
                #pragma unroll
                for (int s = 0; s < AT_ONCE; s++) {
                    const unsigned h = h0 + found[s].down, w = w0 + found[s].across;
                    const bool exists = n < N && h < H && w < W;
                    float* const to = at_b + stage + (i + s * ROWS_B) * PITCH_K;
                    cp_async4(to, image + found[s].offset, exists);
                }
            }
#endif
            j += step_j;
            i += step_i + (j >= OW);
            n += step_n + (i >= OH);
            j -= j >= OW ? OW : 0;
            i -= i >= OH ? OH : 0;
            ty += step_ty;
            ny += step_n + (ty >= OH * OW);
            ty -= ty >= OH * OW ? OH * OW : 0;
            stage = stage == (STAGES - 1) * STAGE ? 0 : stage + STAGE;
        }
        cp_async_commit();
        if (piece >= STAGES - 1) {
            multiply<true>(shared + ready, shared + ready + BM * PITCH_K, sum);
            ready = ready == (STAGES - 1) * STAGE ? 0 : ready + STAGE;
        }
    }

    float* target = gw + ((long long)split * groups + group) * M * K;
    #pragma unroll
    for (int i = 0; i < TILES_M; i++)
        #pragma unroll
        for (int j = 0; j < TILES_N; j++)
            #pragma unroll
            for (int e = 0; e < 4; e += 1 + PAIRS) {
                const int m = first_m + ROW(i, e);
#if ONE_TAP
                const int c = first_c + COLUMN(j, e), k = c * TAPS + tap;
                if (m < M) {
#else
                const int k = first_k + COLUMN(j, e);
                if (m < M && k < K) {
#endif
                    float* const to = target + (long long)m * K + k;
#if PAIRS
                    st2(to, make_float2(sum[i][j][e], sum[i][j][e + 1]));
#else
                    *to = sum[i][j][e];
#endif
                }
            }
}
