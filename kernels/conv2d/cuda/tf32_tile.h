// The product of two pieces in shared memory by a block, on the tensor cores.
//
// A block computes BM x BN elements of the result. Its WARPS_M x WARPS_N warps have equal shares,
// made of 16 x 8 tiles of mma.sync m16n8k8. In that instruction lane l holds elements of row or
// column l / 4 and of k = l % 4 and l % 4 + 4. ldmatrix reads these for two such tiles at once,
// where k is adjacent in memory.
//
// Rows of BK + 4 = 20 elements begin 20 banks apart, so the 8 rows of 4 elements of a matrix lie in
// 32 different banks. So do the elements that 32 lanes read from rows of BN + 8 = 8 (mod 32)
// elements.
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

// A thread reads so many places before it copies from them: the compiler waits between each read of
// shared memory and a copy into it.
#define AT_ONCE 4

// Where a channel of a tap begins in an image, and the position of the tap. Positions before the
// image, as unsigned numbers, are beyond it.
struct __align__(16) Place {
    long long offset;
    int down, across;
};

__device__ inline float rounded(float x)
{
    return __uint_as_float(to_tf32(x));
}

// Rounds `vector` elements of the first factor that this thread has copied. Each warp of a row of
// warps reads them, and would round them again.
template <int vector>
__device__ inline void round_own(float* p)
{
    if (vector == 4) {
        const float4 v = ld4(p);
        st4(p, make_float4(rounded(v.x), rounded(v.y), rounded(v.z), rounded(v.w)));
    } else {
        *p = rounded(*p);
    }
}

// sum += a (BM x BK) times b (BK x BN). a, rounded to TF32, has rows of PITCH_K elements. b has rows of PITCH_N
// elements; by columns, it has BN columns of PITCH_K elements.
template <bool by_columns>
__device__ inline void multiply(const float* a, const float* b, float sum[TILES_M][TILES_N][4])
{
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int column = warp % WARPS_N * (BN / WARPS_N);
    a += (warp / WARPS_N * (BM / WARPS_M) + lane % 16) * PITCH_K + lane / 16 * 4;
    if (by_columns)
        b += (column + lane / 16 * 8 + lane % 8) * PITCH_K + lane / 8 % 2 * 4;
    else
        b += lane % 4 * PITCH_N + column + lane / 4;
    #pragma unroll
    for (int k = 0; k < BK; k += 8) {
        unsigned right[TILES_N][2];
        #pragma unroll
        for (int j = 0; j < TILES_N; j += 2) {
            unsigned found[4];  // of tile j: part 0, 1; of tile j + 1: part 0, 1
            if (by_columns)
                ldmatrix4(found, b + j * 8 * PITCH_K + k);
            #pragma unroll
            for (int i = 0; i < 4; i++) {
                if (!by_columns)
                    found[i] = __float_as_uint(b[(k + i % 2 * 4) * PITCH_N + (j + i / 2) * 8]);
                right[j + i / 2][i % 2] = to_tf32(__uint_as_float(found[i]));
            }
        }
        #pragma unroll
        for (int i = 0; i < TILES_M; i++) {
            unsigned left[4];  // rows 0 to 7 and 8 to 15 of the first four k, then of the others
            ldmatrix4(left, a + i * 16 * PITCH_K + k);
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
