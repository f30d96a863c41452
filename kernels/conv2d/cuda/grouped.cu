// Convolution in thin groups (ResNeXt: 4 to 32 channels per group) and its input gradient.
//
// A group is too thin for the tiles of a matrix product, and if every output channel read the
// images separately, they would be read many times. Here a block loads a tile of CHUNK input
// channels of one group into shared memory, with their weights, and each thread computes OWN output
// channels for a strip of STRIP positions: every input in a register is used for OWN multiply-adds,
// every weight for STRIP.
//
// IN channels of a group are summed, OUT are written: C/groups and O/groups in the forward, swapped
// with GRADIENT, where gy replaces x. A thread is (image, slice, strip, column): there are OUT /
// OWN slices of the channels, and IMAGES images per block where planes are small. bias: (groups *
// OUT), or null; relu: write max(y, 0).
// Set by -D: IN, OUT, OWN, CHUNK, IMAGES, STRIP and those of taps.h.

#include "prelude.h"
#include "finish.h"
#include "taps.h"

#define STRIPS (TILE_H / STRIP)
#define TAPS (KH * KW)

extern "C" __global__ void __launch_bounds__(THREADS, 1) grouped(
    const REAL* x, const REAL* w, const REAL* bias, REAL* y, int N, int groups, int H, int W,
    int OH, int OW, int origin_h, int origin_w, int tiles_h, int tiles_w, bool relu)
{
    __shared__ __align__(16) REAL tile[IMAGES * CHUNK * ROWS * PITCH];
    __shared__ __align__(16) REAL weights[CHUNK * TAPS][OUT + 4];
    const int lane = threadIdx.x, column = lane % TILE_W, strip = lane / TILE_W % STRIPS;
    const int slice = lane / TILE_W / STRIPS % (OUT / OWN);
    const int image = lane / TILE_W / STRIPS / (OUT / OWN);
    const int q_w = blockIdx.x % tiles_w * TILE_W;
    const int q_h = blockIdx.x / tiles_w % tiles_h * TILE_H;
    const int group = blockIdx.x / tiles_w / tiles_h % groups;
    const int first_image = blockIdx.x / tiles_w / tiles_h / groups * IMAGES;
    const int n = first_image + image;
    const int first_row = q_h * STEP_H + origin_h;
    const int shift = (q_w * STEP_W + origin_w) & (VECTOR - 1);
    const int first_column = q_w * STEP_W + origin_w - shift;
    const bool works = image < IMAGES && n < N;
    const long long plane = (long long)H * W;
    REAL sum[OWN][STRIP][PHASES_H][PHASES_W] = {};

    #pragma unroll 1
    for (int chunk = 0; chunk < IN; chunk += CHUNK) {
        __syncthreads();
        for (int i = 0; i < IMAGES; i++)
            load_tile(
                tile + i * CHUNK * ROWS * PITCH,
                x + (((first_image + i) * (long long)groups + group) * IN + chunk) * plane, plane,
                CHUNK, first_image + i < N ? IN - chunk : 0, H, W, first_row, first_column, lane);
        // Adjacent threads read adjacent taps of w, and write to rows a few banks apart.
        for (int i = lane; i < CHUNK * TAPS * OUT; i += THREADS) {
            const int tap = i % TAPS, in = chunk + i / TAPS % CHUNK, out = i / TAPS / CHUNK;
#if GRADIENT
            const long long at = ((long long)group * IN + in) * OUT + out;
#else
            const long long at = ((long long)group * OUT + out) * IN + in;
#endif
            weights[i / TAPS % CHUNK * TAPS + tap][out] = in < IN ? w[at * TAPS + tap] : REAL(0);
        }
        __syncthreads();
        if (!works)
            continue;
        #pragma unroll 1
        for (int in = 0; in < CHUNK; in++) {
            const REAL* seen = tile + ((image * CHUNK + in) * ROWS + strip * STRIP * STEP_H) * PITCH
                + column * STEP_W + shift;
            #pragma unroll
            for (int kh = 0; kh < KH; kh++)
                #pragma unroll
                for (int kw = 0; kw < KW; kw++) {
                    REAL tap[OWN];
                    #pragma unroll
                    for (int o = 0; o < OWN; o++)
                        tap[o] = weights[in * TAPS + kh * KW + kw][slice * OWN + o];
                    #pragma unroll
                    for (int r = 0; r < STRIP; r++)
                        #pragma unroll
                        for (int a = 0; a < PHASES_H; a++)
                            #pragma unroll
                            for (int b = 0; b < PHASES_W; b++)
                                if (HITS_H(a, kh) && HITS_W(b, kw)) {
                                    const REAL value =
                                        seen[(r * STEP_H + AT_H(a, kh)) * PITCH + AT_W(b, kw)];
                                    #pragma unroll
                                    for (int o = 0; o < OWN; o++)
                                        sum[o][r][a][b] += tap[o] * value;
                                }
                }
        }
    }

    if (!works)
        return;
    #pragma unroll
    for (int o = 0; o < OWN; o++) {
        const int channel = group * OUT + slice * OWN + o;
        const REAL offset = bias ? bias[channel] : REAL(0);
        REAL* target = y + ((long long)n * groups * OUT + channel) * OH * OW;
        #pragma unroll
        for (int r = 0; r < STRIP; r++)
            #pragma unroll
            for (int a = 0; a < PHASES_H; a++)
                #pragma unroll
                for (int b = 0; b < PHASES_W; b++) {
                    const int h = (q_h + strip * STRIP + r) * PHASES_H + a;
                    const int v = (q_w + column) * PHASES_W + b;
                    if (h < OH && v < OW)
                        target[(long long)h * OW + v] = finish(sum[o][r][a][b] + offset, relu);
                }
    }
}
