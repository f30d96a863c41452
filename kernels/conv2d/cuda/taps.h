// The geometry of taps, common to a convolution and its input gradient.
//
// Both are sums over the taps k of a window, and one kernel text computes both. Along an axis with
// stride S and dilation D, output q of a convolution reads the input at
//
//     q * S + k * D - before                                              for every tap,
//
// and pixel  S * q + a  of the input gradient reads gy, where the division is exact, at
//
//     q + (a + before - k * D) / S  =  q + before / S + (a + PHASE - k * D) / S
//
// with PHASE = before % S.
//
// A thread of the gradient owns the S pixels a = 0 .. S - 1 of its q. So the compiler knows which
// taps read which phase: no thread divides, and none multiplies by a zero between elements.
//
// HITS(a, k): whether tap k reads for phase a. AT(a, k): the offset it reads, from the first row or
// column of q. A tile of Q outputs reads  (Q - 1) * STEP + SPAN  rows or columns.
//
// Set by -D: GRADIENT (0 or 1), KH, KW, SH, SW, DH, DW, PHASE_H, PHASE_W; for the tile REAL,
// TILE_H, TILE_W, THREADS, VECTOR.

#if GRADIENT
#define PHASES_H SH
#define PHASES_W SW
#define STEP_H 1
#define STEP_W 1
#define HITS_H(a, k) (((a) + PHASE_H - (k) * DH) % SH == 0)
#define HITS_W(a, k) (((a) + PHASE_W - (k) * DW) % SW == 0)
#define AT_H(a, k) (((a) + PHASE_H - (k) * DH) / SH + (KH - 1) * DH / SH)
#define AT_W(a, k) (((a) + PHASE_W - (k) * DW) / SW + (KW - 1) * DW / SW)
#define SPAN_H ((SH - 1 + PHASE_H) / SH + (KH - 1) * DH / SH + 1)
#define SPAN_W ((SW - 1 + PHASE_W) / SW + (KW - 1) * DW / SW + 1)
#else
#define PHASES_H 1
#define PHASES_W 1
#define STEP_H SH
#define STEP_W SW
#define HITS_H(a, k) true
#define HITS_W(a, k) true
#define AT_H(a, k) ((k) * DH)
#define AT_W(a, k) ((k) * DW)
#define SPAN_H ((KH - 1) * DH + 1)
#define SPAN_W ((KW - 1) * DW + 1)
#endif

// The inputs of TILE_H x TILE_W outputs in shared memory. Rows begin at a multiple of VECTOR
// columns of the plane, so that VECTOR elements can be read at a time.
#define ROWS ((TILE_H - 1) * STEP_H + SPAN_H)
#define COLUMNS ((TILE_W - 1) * STEP_W + SPAN_W)
#define PITCH ((COLUMNS + 2 * (VECTOR - 1)) / VECTOR * VECTOR)

// tile[p][row][column] = planes[p][first_row + row][first_column + column] for p < count; zero
// outside (H, W) and for p >= exist. planes[p] begins at planes + p * stride. Thread `lane` of
// THREADS copies its share. first_column and W are multiples of VECTOR.
__device__ inline void load_tile(
    REAL* tile, const REAL* planes, long long stride, int count, int exist, int H, int W,
    int first_row, int first_column, int lane)
{
    for (int i = lane; i < count * ROWS * (PITCH / VECTOR); i += THREADS) {
        const int column = i % (PITCH / VECTOR) * VECTOR;
        const int row = i / (PITCH / VECTOR) % ROWS, p = i / (PITCH / VECTOR) / ROWS;
        const int h = first_row + row, w = first_column + column;
        const bool inside = p < exist && 0 <= h && h < H && 0 <= w && w < W;
        const REAL* source = planes + p * stride + (long long)h * W + w;
#if VECTOR == 4
        st4(tile + i * VECTOR, inside ? ld4(source) : make_float4(0, 0, 0, 0));
#else
        tile[i] = inside ? *source : REAL(0);
#endif
    }
}
