// Depthwise convolution and its input gradient: tiles of planes in shared memory, strips in
// registers.
//
// Output channel c * MULTIPLIER + m reads input channel c. With K * K multiply-adds per output,
// memory bandwidth is the limit: each input is read once, except for the halo of its tile, and each
// output is written once. A block loads the tile of PLANES planes, then each thread computes a
// strip of STRIP outputs down a column; the compiler keeps the inputs that its rows share in
// registers.
//
// A block has PLANES small planes, so that 7 x 7 fills a block as well as 56 x 56.
// With PAIRS, for gradients of stride 2 in rows of even length, a thread writes its two pixels of a
// row at once: written one by one, the pixels of a warp would be two elements apart.
// Set by -D: MULTIPLIER, PLANES, STRIP, PAIRS and those of taps.h.

#include "prelude.h"
#include "finish.h"
#include "taps.h"

#define STRIPS (TILE_H / STRIP)
#if GRADIENT  // number of channels summed and written per input channel
#define IN MULTIPLIER
#define OUT 1
#else
#define IN 1
#define OUT MULTIPLIER
#endif

// y (N, C * MULTIPLIER, OH, OW) from x (N, C, H, W); with GRADIENT, gx from gy in their stead.
// (H, W): the plane read; (OH, OW): the plane written; origin: the first row and column that output
// 0 reads; planes = N * C; bias: (C * MULTIPLIER), or null; relu: write max(y, 0).
extern "C" __global__ void __launch_bounds__(THREADS, 1) depthwise(
    const REAL* x, const REAL* w, const REAL* bias, REAL* y, int C, int planes, int H, int W,
    int OH, int OW, int origin_h, int origin_w, int tiles_h, int tiles_w, bool relu)
{
    __shared__ __align__(16) REAL tile[PLANES * ROWS * PITCH];
    const int lane = threadIdx.x;
    const int column = lane % TILE_W, strip = lane / TILE_W % STRIPS, p = lane / TILE_W / STRIPS;
    const int q_w = blockIdx.x % tiles_w * TILE_W;
    const int q_h = blockIdx.x / tiles_w % tiles_h * TILE_H;
    const int first_plane = blockIdx.x / tiles_w / tiles_h * PLANES;
    const int plane = first_plane + p;
    const int first_row = q_h * STEP_H + origin_h;
    const int shift = (q_w * STEP_W + origin_w) & (VECTOR - 1);
    const int first_column = q_w * STEP_W + origin_w - shift;
    const bool works = p < PLANES && plane < planes;
    const REAL* seen = tile + (p * ROWS + strip * STRIP * STEP_H) * PITCH + column * STEP_W + shift;

    #pragma unroll 1
    for (int out = 0; out < OUT; out++) {
        REAL sum[STRIP][PHASES_H][PHASES_W] = {};
        #pragma unroll 1
        for (int in = 0; in < IN; in++) {
            if (out == 0 || IN > 1) {
                __syncthreads();
                load_tile(
                    tile, x + (first_plane * (long long)IN + in) * H * W, (long long)IN * H * W,
                    PLANES, planes - first_plane, H, W, first_row, first_column, lane);
                __syncthreads();
            }
            if (!works)
                continue;
            REAL taps[KH][KW];
            const REAL* weights = w + (plane % C * MULTIPLIER + in + out) * (KH * KW);
            #pragma unroll
            for (int k = 0; k < KH * KW; k++)
                taps[k / KW][k % KW] = weights[k];
            #pragma unroll
            for (int r = 0; r < STRIP; r++)
                #pragma unroll
                for (int a = 0; a < PHASES_H; a++)
                    #pragma unroll
                    for (int b = 0; b < PHASES_W; b++)
                        #pragma unroll
                        for (int kh = 0; kh < KH; kh++)
                            #pragma unroll
                            for (int kw = 0; kw < KW; kw++)
                                if (HITS_H(a, kh) && HITS_W(b, kw))
                                    sum[r][a][b] += taps[kh][kw]
                                        * seen[(r * STEP_H + AT_H(a, kh)) * PITCH + AT_W(b, kw)];
        }
        if (!works)
            continue;
        REAL* target = y + ((long long)plane * OUT + out) * OH * OW;
        const REAL offset = bias ? bias[plane % C * OUT + out] : REAL(0);
        #pragma unroll
        for (int r = 0; r < STRIP; r++)
            #pragma unroll
            for (int a = 0; a < PHASES_H; a++) {
                const int h = (q_h + strip * STRIP + r) * PHASES_H + a;
#if PAIRS
                const int v = (q_w + column) * 2;
                if (h < OH && v < OW) {
                    const float2 pair = {sum[r][a][0], sum[r][a][1]};
                    *reinterpret_cast<float2*>(target + (long long)h * OW + v) = pair;
                }
#else
                #pragma unroll
                for (int b = 0; b < PHASES_W; b++) {
                    const int v = (q_w + column) * PHASES_W + b;
                    if (h < OH && v < OW)
                        target[(long long)h * OW + v] = finish(sum[r][a][b] + offset, relu);
                }
#endif
            }
    }
}
