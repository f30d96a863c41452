// Implicit GEMM (implicit_gemm.cu) on the tensor cores: factors rounded to TF32, sums in float.
//
// TF32 keeps the exponent of a float and 10 bits of its fraction: a product of two TF32 numbers is
// exact in float, and the relative rounding error of a factor is at most 2^-11.
//
// Pieces of both factors, with BK of the summed index each, are copied from global to shared memory
// by cp.async, without registers. Shared memory holds STAGES pieces: one is multiplied while the
// others arrive. There is one barrier per piece: after it, the piece has arrived for all threads,
// and all threads are done with the piece before, whose memory the next copies overwrite.
// With FEW, for fewer input channels than BK: k is ordered (c, kh, kw), a is w itself, and every row of a
// piece has its own tap.
//
// Set by -D: VECTOR, FEW, PHASES and those of tf32_tile.h. ROUNDED: whether a is rounded to TF32 in
// memory already; else each thread rounds what it has copied, before the barrier. PAIRS: whether two adjacent columns of a tile are
// adjacent in y, too, and the first is aligned to 8 bytes.

#include "prelude.h"
#include "finish.h"
#include "axis.h"
#include "moments.h"
#include "tf32_tile.h"

#define STAGE (BM * PITCH_K + BK * PITCH_N)  // the elements of a piece of both factors
#define VECTOR_A (FEW ? 1 : 4)
#define ROWS_A (THREADS / (BK / VECTOR_A))  // the rows of a piece that all threads copy at a time
#define ROWS_B (THREADS / (BN / VECTOR))
#define COLUMNS (BN / WARPS_N)  // of a warp

// y from x and a as in implicit_gemm.cu, but k is ordered (kh, kw, c), and the channels of every
// tap are padded with zeros to a multiple of BK: a (groups, M, KH * KW, PADDED). So each piece
// belongs to one tap, and its rows of x are whole planes apart. With VECTOR = 4 the columns are x
// itself (one tap, stride 1, no padding), H * W is a multiple of 4, and x is copied 4 positions at
// a time. A copy that is not valid reads nothing and writes zeros. moments, or null: (2, parts, groups *
// M), the means of y over COLUMNS columns each, and the sums of squared deviations; with one split.
extern "C" __global__ void __launch_bounds__(THREADS, 512 / THREADS) implicit_gemm_tf32(
    const float* x, const float* a, const float* bias, float* y, float* moments, int N, int groups,
    int IN, int M, int H, int W, int OH, int OW, int stride_h, int stride_w, int dilation_h,
    int dilation_w, int before_h, int before_w, int apart_h, int apart_w, int splits,
    long long part, bool relu)
{
    SHARED(float, shared);
#if FEW
    __shared__ Place places[(BK - 1) * TAPS + BK];  // of k
#endif
    const int lane = threadIdx.x, group = blockIdx.y % groups, split = blockIdx.y / groups;
    const int tiles_m = (M + BM - 1) / BM, first_m = blockIdx.x % tiles_m * BM;
    const unsigned tile = blockIdx.x / tiles_m;
    const Axis along_h = AXIS_H(tile % COUNT_PHASES), along_w = AXIS_W(tile % COUNT_PHASES);
    const int QH = along_h.count, QW = along_w.count;
    // Positions and planes fit 32 bits, since each has at least 16 channels.
    const unsigned first_t = tile / COUNT_PHASES * BN, T = (unsigned)N * QH * QW;
    if (first_t >= T)
        return;  // the largest phase has more
    const long long plane = (long long)H * W;
#if FEW
    const unsigned K = IN * TAPS, all = (K + BK - 1) / BK;
#else
    const int pieces_of_tap = (IN + BK - 1) / BK, padded = pieces_of_tap * BK, K = TAPS * padded;
    const unsigned all = along_h.taps * along_w.taps * pieces_of_tap;
#endif
    const int begin = all * split / splits, count = (int)(all * (split + 1) / splits) - begin;

    // This thread copies VECTOR_A elements of rows m, m + ROWS_A... of a, and in b row `row` of every
    // ROWS_B: 4 columns, adjacent in x, or 1 that it gathers.
    const int m = lane / (BK / VECTOR_A), k = lane % (BK / VECTOR_A) * VECTOR_A;
    const float* from_a = a + ((long long)group * M + first_m + m) * K + k;
    float* const at_a = shared + m * PITCH_K + k;
    const int column = lane % (BN / VECTOR) * VECTOR, row = lane / (BN / VECTOR);
    float* const at_b = shared + BM * PITCH_K + row * PITCH_N + column;
    const unsigned t = first_t + column;
#if FEW
    from_a += begin * BK;
    const int h0 = (int)(t / QW % QH) * along_h.step + along_h.origin;
    const int w0 = (int)(t % QW) * along_w.step + along_w.origin;
    const float* image = x + ((long long)(t / QW / QH) * groups + group) * IN * plane
        + (long long)h0 * W + w0;
    const Place* place = places + begin * BK + row;  // of the first row that this thread copies
    for (unsigned i = lane; i < all * BK; i += THREADS) {
        const int c = i / TAPS, across = i % KW * dilation_w;
        const int down = c < IN ? (int)(i % TAPS / KW) * dilation_h : -H - OH * stride_h;  // outside
        places[i] = {c * plane + (long long)down * W + across, down, across};
    }
    __syncthreads();
#else
    int channel = begin % pieces_of_tap * BK;  // the first of the piece
#if VECTOR == 4
    const float* image = x + ((long long)(t / plane) * groups + group) * IN * plane + t % plane;
    const float* from_b = image + (channel + row) * plane;
    const bool inside = t < T;
    from_a += channel;
#else
    const int h0 = (int)(t / QW % QH) * along_h.step + along_h.origin;
    const int w0 = (int)(t % QW) * along_w.step + along_w.origin;
    const int first_tap = begin / pieces_of_tap, taps_w = max(1, along_w.taps);
    const int tap_h = first_tap / taps_w;
    int tap_w = first_tap % taps_w;  // of the piece
    int h = h0 + tap_h * along_h.dilation, w = w0 + tap_w * along_w.dilation;
    bool inside = t < T && 0 <= h && h < H && 0 <= w && w < W;
    const float* from_b = x + (((long long)(t / QW / QH) * groups + group) * IN + channel + row) * plane
        + (long long)h * W + w;
    const int row_of_a = (along_h.tap + tap_h * along_h.apart) * KW;
    from_a += (row_of_a + along_w.tap + tap_w * along_w.apart) * padded + channel;
    // From the end of a tap to the next one across, or to the next row of taps.
    const long long to_next = along_w.dilation - padded * plane;
    const long long to_row = (long long)along_h.dilation * W
        + (1 - along_w.taps) * along_w.dilation - padded * plane;
    const int to_next_a = (along_w.apart - 1) * padded;
    const int to_row_a = (along_h.apart * KW + (1 - along_w.taps) * along_w.apart - 1) * padded;
#endif
#endif
    int stage = 0, ready = 0;  // where the memory of the next copies begins, and of the next product

    float sum[TILES_M][TILES_N][4] = {};
    #pragma unroll 1
    for (int piece = 0; piece < count + STAGES - 1; piece++) {
        if (piece >= STAGES - 1) {
            cp_async_wait<STAGES - 2>();
#if !ROUNDED
            #pragma unroll
            for (int i = 0; i * ROWS_A < BM; i++)
                if (BM % ROWS_A == 0 || m < BM)
                    round_own<VECTOR_A>(at_a + ready + i * ROWS_A * PITCH_K);
#endif
            __syncthreads();
        }
        if (piece < count) {
            #pragma unroll
            for (int i = 0; i * ROWS_A < BM; i++)
                if (BM % ROWS_A == 0 || m < BM) {
                    float* const to = at_a + stage + i * ROWS_A * PITCH_K;
                    const float* from = from_a + (long long)i * ROWS_A * K;
                    const bool exists = first_m + m + i * ROWS_A < M;
#if FEW
                    cp_async4(to, from, exists && (begin + piece) * BK + k < (int)K);
#else
                    cp_async16(to, from, exists);
#endif
                }
            from_a += BK;
#if FEW
            #pragma unroll
            for (int i = 0; i < BK; i += AT_ONCE * ROWS_B) {
                Place found[AT_ONCE];
                #pragma unroll
                for (int s = 0; s < AT_ONCE; s++)
                    found[s] = place[i + s * ROWS_B];
                #pragma unroll
                for (int s = 0; s < AT_ONCE; s++) {
                    const unsigned h = h0 + found[s].down, w = w0 + found[s].across;
                    const bool exists = t < T && h < (unsigned)H && w < (unsigned)W;
                    float* const to = at_b + stage + (i + s * ROWS_B) * PITCH_N;
                    cp_async4(to, image + found[s].offset, exists);
                }
            }
            place += BK;
#else
            #pragma unroll
            for (int i = 0; i < BK; i += ROWS_B) {
#if VECTOR == 4
                cp_async16(at_b + stage + i * PITCH_N, from_b, inside && channel + row + i < IN);
#else
                cp_async4(at_b + stage + i * PITCH_N, from_b, inside && channel + row + i < IN);
#endif
                from_b += ROWS_B * plane;
            }
            channel += BK;
#if VECTOR == 1 && TAPS > 1
            if (channel >= IN) {
                channel = 0;
                tap_w++;
                const bool at_end = tap_w == along_w.taps;
                tap_w = at_end ? 0 : tap_w;
                w += at_end ? (1 - along_w.taps) * along_w.dilation : along_w.dilation;
                h += at_end ? along_h.dilation : 0;
                from_b += at_end ? to_row : to_next;
                from_a += at_end ? to_row_a : to_next_a;
                inside = t < T && 0 <= h && h < H && 0 <= w && w < W;
            }
#endif
#endif
            stage = stage == (STAGES - 1) * STAGE ? 0 : stage + STAGE;
        }
        cp_async_commit();
        if (piece >= STAGES - 1) {
            multiply<false>(shared + ready, shared + ready + BM * PITCH_K, sum);
            ready = ready == (STAGES - 1) * STAGE ? 0 : ready + STAGE;
        }
    }

#if !PHASES
    // Each warp writes the moments of its own columns of every row.
    const unsigned own_t = first_t + threadIdx.x / 32 % WARPS_N * COLUMNS;
    if (moments && own_t < T) {
        const int count = min(T - own_t, (unsigned)COLUMNS);
        const long long channels = (long long)groups * M, all = (T + COLUMNS - 1) / COLUMNS;
        #pragma unroll
        for (int i = 0; i < TILES_M; i++)
            #pragma unroll
            for (int f = 0; f < 4; f += 2) {
                const int m = first_m + ROW(i, f);
                const float offset = bias && m < M ? bias[group * M + m] : 0.0f;
                float values[2 * TILES_N];
                bool inside[2 * TILES_N];
                #pragma unroll
                for (int j = 0; j < 2 * TILES_N; j++) {
                    values[j] = sum[i][j / 2][f + j % 2] + offset;
                    inside[j] = first_t + COLUMN(j / 2, j) < T;
                }
                const Moments own = moments_of<4, 2 * TILES_N>(values, inside, count);
                if (lane % 4 == 0 && m < M) {
                    const long long at = own_t / COLUMNS * channels + group * M + m;
                    moments[at] = own.mean;
                    moments[at + all * channels] = own.squares;
                }
            }
    }
#endif

    #pragma unroll
    for (int j = 0; j < TILES_N; j++)
        #pragma unroll
        for (int e = 0; e < 2; e += 1 + PAIRS) {
            const unsigned t = first_t + COLUMN(j, e);
            if (t >= T)
                continue;
            const int h = (int)(t / QW % QH) * along_h.stride + along_h.first;
            const int v = (int)(t % QW) * along_w.stride + along_w.first;
            const long long first = ((long long)(t / QW / QH) * groups + group) * M;
            float* target = y + split * part + first * OH * OW + (long long)h * OW + v;
            #pragma unroll
            for (int i = 0; i < TILES_M; i++)
                #pragma unroll
                for (int f = e; f < 4; f += 2) {
                    const int m = first_m + ROW(i, f);
                    if (m < M) {
                        const float offset = bias ? bias[group * M + m] : 0.0f;
                        float* const to = target + (long long)m * OH * OW;
                        const float value = finish(sum[i][j][f] + offset, relu);
#if PAIRS
                        st2(to, make_float2(value, finish(sum[i][j][f + 1] + offset, relu)));
#else
                        *to = value;
#endif
                    }
                }
        }
}
