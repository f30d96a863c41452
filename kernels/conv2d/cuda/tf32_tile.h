// The product of two pieces in shared memory by a block, on the tensor cores.
//
// A block computes BM x BN elements of the result. Its WARPS_M x WARPS_N warps have equal shares,
// made of 16 x 8 tiles of mma.sync m16n8k8. In that instruction lane l holds elements of row or
// column l / 4 and of k = l % 4 and l % 4 + 4. Rows of BK + 4 = 20 elements begin 20 banks apart,
// rows of BN + 8 = 8 (mod 32) elements 8 banks apart: either way the 32 lanes read 32 different
// banks.
//
// Set by -D: KH, KW, BM, BN, WARPS_M, WARPS_N.

#define BK 16
#define STAGES 3
#define TAPS (KH * KW)
#define THREADS (WARPS_M * WARPS_N * 32)
#define TILES_M (BM / WARPS_M / 16)
#define TILES_N (BN / WARPS_N / 8)
#define PITCH_K (BK + 4)
#define PITCH_N (BN + 8)

// sum += a (BM x BK) times b (BK x BN). a has rows of PITCH_K elements; element (k, n) of b is
// b[k * k_step + n * n_step].
__device__ inline void multiply(
    const float* a, const float* b, int k_step, int n_step, float sum[TILES_M][TILES_N][4])
{
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int row = warp / WARPS_N * (BM / WARPS_M) + lane / 4;
    const int column = warp % WARPS_N * (BN / WARPS_N) + lane / 4;
    #pragma unroll
    for (int k = 0; k < BK; k += 8) {
        unsigned right[TILES_N][2];
        #pragma unroll
        for (int j = 0; j < TILES_N; j++)
            #pragma unroll
            for (int part = 0; part < 2; part++)
                right[j][part] = to_tf32(
                    b[(k + lane % 4 + part * 4) * k_step + (column + j * 8) * n_step]);
        #pragma unroll
        for (int i = 0; i < TILES_M; i++) {
            unsigned left[4];
            #pragma unroll
            for (int part = 0; part < 4; part++)
                left[part] = to_tf32(
                    a[(row + i * 16 + part % 2 * 8) * PITCH_K + k + lane % 4 + part / 2 * 4]);
            #pragma unroll
            for (int j = 0; j < TILES_N; j++)
                mma_tf32(sum[i][j], left, right[j]);
        }
    }
}

// Row and column in the block of element e of this thread's sum[i][j].
#define ROW(i, e) \
    (threadIdx.x / 32 / WARPS_N * (BM / WARPS_M) + (i) * 16 + threadIdx.x % 32 / 4 + (e) / 2 * 8)
#define COLUMN(j, e) \
    (threadIdx.x / 32 % WARPS_N * (BN / WARPS_N) + (j) * 8 + threadIdx.x % 4 * 2 + (e) % 2)
