// The weight gradient of convolution in thin groups.
//
//     parts (splits, O, IN, KH, KW)  from  x (N, groups * IN, H, W)  and  gy (N, O, OH, OW)
//
// A block has BLOCK_OUT x BLOCK_IN channels of a group and loops over every splits-th tile of the
// images. For each OWN_OUT x OWN_IN of the channels, POSITIONS threads (whole warps) share the
// pixels of a tile and keep OWN_OUT * OWN_IN * KH * KW sums in registers until the end. Sums and
// parts are added in a fixed order, as in depthwise_weight_grad.cu.
// Set by -D: IN, OUT, OWN_OUT, OWN_IN, BLOCK_OUT, BLOCK_IN, POSITIONS, IMAGES, STRIP and those of
// taps.h, with GRADIENT = 0.

#include "prelude.h"
#include "taps.h"

#define STRIPS (TILE_H / STRIP)
#define TAPS (KH * KW)
#define SLICES_IN (BLOCK_IN / OWN_IN)
#define WARPS (POSITIONS / 32)

extern "C" __global__ void __launch_bounds__(THREADS) grouped_weight_grad(
    const REAL* x, const REAL* gy, REAL* parts, int N, int groups, int H, int W, int OH, int OW,
    int origin_h, int origin_w, int tiles_h, int tiles_w, int splits)
{
    __shared__ __align__(16) REAL tile[IMAGES * BLOCK_IN * ROWS * PITCH];
    __shared__ REAL warp_sums[THREADS / 32][OWN_OUT][OWN_IN][TAPS];
    const int lane = threadIdx.x, position = lane % POSITIONS, slice = lane / POSITIONS;
    const int column = position % TILE_W, strip = position / TILE_W % STRIPS;
    const int image = position / TILE_W / STRIPS;
    const int own_out = slice / SLICES_IN * OWN_OUT, own_in = slice % SLICES_IN * OWN_IN;
    const int first_in = blockIdx.x % (IN / BLOCK_IN) * BLOCK_IN;
    const int first_out = blockIdx.x / (IN / BLOCK_IN) % (OUT / BLOCK_OUT) * BLOCK_OUT;
    const int group = blockIdx.x / (IN / BLOCK_IN) / (OUT / BLOCK_OUT) % groups;
    const int split = blockIdx.x / (IN / BLOCK_IN) / (OUT / BLOCK_OUT) / groups;
    const int items = (N + IMAGES - 1) / IMAGES * tiles_h * tiles_w;
    const long long plane = (long long)H * W, plane_y = (long long)OH * OW;
    REAL sum[OWN_OUT][OWN_IN][KH][KW] = {};

    #pragma unroll 1
    for (int item = split; item < items; item += splits) {
        const int q_w = item % tiles_w * TILE_W;
        const int q_h = item / tiles_w % tiles_h * TILE_H;
        const int first_image = item / tiles_w / tiles_h * IMAGES;
        const int first_row = q_h * STEP_H + origin_h;
        const int shift = (q_w * STEP_W + origin_w) & (VECTOR - 1);
        const int first_column = q_w * STEP_W + origin_w - shift;
        __syncthreads();
        for (int i = 0; i < IMAGES; i++)
            load_tile(
                tile + i * BLOCK_IN * ROWS * PITCH,
                x + (((first_image + i) * (long long)groups + group) * IN + first_in) * plane,
                plane, BLOCK_IN, first_image + i < N ? BLOCK_IN : 0, H, W, first_row,
                first_column, lane);
        __syncthreads();
        const int n = first_image + image, v = q_w + column;
        if (image >= IMAGES || n >= N || v >= OW)
            continue;
        const REAL* source = gy + v
            + (((long long)n * groups + group) * OUT + first_out + own_out) * plane_y;
        #pragma unroll
        for (int r = 0; r < STRIP; r++) {
            const int h = q_h + strip * STRIP + r;
            REAL g[OWN_OUT];
            #pragma unroll
            for (int o = 0; o < OWN_OUT; o++)
                g[o] = h < OH ? source[o * plane_y + (long long)h * OW] : REAL(0);
            #pragma unroll
            for (int in = 0; in < OWN_IN; in++) {
                const int row = (image * BLOCK_IN + own_in + in) * ROWS + strip * STRIP * STEP_H;
                const REAL* seen = tile + row * PITCH + column * STEP_W + shift;
                #pragma unroll
                for (int kh = 0; kh < KH; kh++)
                    #pragma unroll
                    for (int kw = 0; kw < KW; kw++) {
                        const REAL value =
                            seen[(r * STEP_H + AT_H(0, kh)) * PITCH + AT_W(0, kw)];
                        #pragma unroll
                        for (int o = 0; o < OWN_OUT; o++)
                            sum[o][in][kh][kw] += g[o] * value;
                    }
            }
        }
    }

    #pragma unroll
    for (int o = 0; o < OWN_OUT; o++)
        #pragma unroll
        for (int in = 0; in < OWN_IN; in++)
            #pragma unroll
            for (int k = 0; k < TAPS; k++) {
                REAL total = sum[o][in][k / KW][k % KW];
                for (int other = 16; other > 0; other /= 2)
                    total += __shfl_down_sync(0xffffffff, total, other);
                if (lane % 32 == 0)
                    warp_sums[lane / 32][o][in][k] = total;
            }
    __syncthreads();
    for (int i = lane; i < BLOCK_OUT * BLOCK_IN * TAPS; i += THREADS) {
        const int k = i % TAPS, in = i / TAPS % BLOCK_IN, out = i / TAPS / BLOCK_IN;
        const int from = (out / OWN_OUT * SLICES_IN + in / OWN_IN) * WARPS;
        REAL total = 0;
        for (int warp = 0; warp < WARPS; warp++)
            total += warp_sums[from + warp][out % OWN_OUT][in % OWN_IN][k];
        const long long o = ((long long)split * groups + group) * OUT + first_out + out;
        parts[(o * IN + first_in + in) * TAPS + k] = total;
    }
}
