// The weight gradient of depthwise convolution in one pass over x and gy.
//
//     parts (splits, O, KH, KW)  from  x (N, C, H, W)  and  gy (N, O, OH, OW),  O = C * MULTIPLIER
//
// Block (split, o) loops over every splits-th tile of channel o, PLANES images at a time; each
// thread keeps all K * K sums of its pixels in registers until the end. Then the sums of a block
// are added in a fixed order, and another kernel adds the parts: results are bitwise reproducible.
// Set by -D: MULTIPLIER, PLANES, STRIP and those of taps.h, with GRADIENT = 0.

#include "prelude.h"
#include "taps.h"

#define STRIPS (TILE_H / STRIP)

extern "C" __global__ void __launch_bounds__(THREADS, 1) depthwise_weight_grad(
    const REAL* x, const REAL* gy, REAL* parts, int C, int N, int H, int W, int OH, int OW,
    int origin_h, int origin_w, int tiles_h, int tiles_w, int splits)
{
    __shared__ __align__(16) REAL tile[PLANES * ROWS * PITCH];
    __shared__ REAL warp_sums[THREADS / 32][KH * KW];
    const int lane = threadIdx.x;
    const int column = lane % TILE_W, strip = lane / TILE_W % STRIPS, p = lane / TILE_W / STRIPS;
    const int O = C * MULTIPLIER, o = blockIdx.x % O, split = blockIdx.x / O;
    const int items = (N + PLANES - 1) / PLANES * tiles_h * tiles_w;
    REAL sum[KH][KW] = {};

    for (int item = split; item < items; item += splits) {
        const int q_w = item % tiles_w * TILE_W;
        const int q_h = item / tiles_w % tiles_h * TILE_H;
        const int first_image = item / tiles_w / tiles_h * PLANES;
        const int first_row = q_h * STEP_H + origin_h;
        const int shift = (q_w * STEP_W + origin_w) & (VECTOR - 1);
        const int first_column = q_w * STEP_W + origin_w - shift;
        __syncthreads();
        load_tile(
            tile, x + (first_image * (long long)C + o / MULTIPLIER) * H * W, (long long)C * H * W,
            PLANES, N - first_image, H, W, first_row, first_column, lane);
        __syncthreads();
        const int n = first_image + p, v = q_w + column;
        if (p >= PLANES || n >= N || v >= OW)
            continue;
        const REAL* seen =
            tile + (p * ROWS + strip * STRIP * STEP_H) * PITCH + column * STEP_W + shift;
        const REAL* source = gy + ((long long)n * O + o) * OH * OW + v;
        #pragma unroll
        for (int r = 0; r < STRIP; r++) {
            const int h = q_h + strip * STRIP + r;
            const REAL g = h < OH ? source[(long long)h * OW] : REAL(0);
            #pragma unroll
            for (int kh = 0; kh < KH; kh++)
                #pragma unroll
                for (int kw = 0; kw < KW; kw++)
                    sum[kh][kw] += g * seen[(r * STEP_H + AT_H(0, kh)) * PITCH + AT_W(0, kw)];
        }
    }

    #pragma unroll
    for (int k = 0; k < KH * KW; k++) {
        REAL total = sum[k / KW][k % KW];
        for (int other = 16; other > 0; other /= 2)
            total += __shfl_down_sync(0xffffffff, total, other);
        if (lane % 32 == 0)
            warp_sums[lane / 32][k] = total;
    }
    __syncthreads();
    for (int k = lane; k < KH * KW; k += THREADS) {
        REAL total = 0;
        for (int warp = 0; warp < THREADS / 32; warp++)
            total += warp_sums[warp][k];
        parts[((long long)split * O + o) * (KH * KW) + k] = total;
    }
}
