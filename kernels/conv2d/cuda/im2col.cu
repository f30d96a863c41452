// im2col and its adjoint col2im for any window, with one thread per output or input position.
//
//     columns[p, kh, kw, i, j] = x[p, h, w]
//     gx[p, h, w]              = sum of the columns[p, kh, kw, i, j] that are copies of x[p, h, w]
//
//     with  h = i * SH + kh * DH - top,  w = j * SW + kw * DW - left
//
// where p counts the planes, images times channels. col2im gathers: each thread adds the copies of
// its pixel in a fixed order, so no two threads write to one element and no operation is atomic.
// Adjacent threads have adjacent columns of one row: a warp accesses consecutive memory.

#include "prelude.h"

extern "C" __global__ void __launch_bounds__(256) im2col(
    const REAL* x, REAL* columns, int planes, int H, int W, int OH, int OW, int KH, int KW,
    int SH, int SW, int top, int left, int DH, int DW)
{
    const long long position = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    const long long positions = (long long)OH * OW;
    if (position >= positions)
        return;
    const int h0 = (int)(position / OW) * SH - top;
    const int w0 = (int)(position % OW) * SW - left;
    for (int plane = blockIdx.y; plane < planes; plane += gridDim.y) {
        const REAL* source = x + (long long)plane * H * W;
        REAL* target = columns + plane * positions * KH * KW + position;
        for (int kh = 0; kh < KH; kh++) {
            const int h = h0 + kh * DH;
            for (int kw = 0; kw < KW; kw++) {
                const int w = w0 + kw * DW;
                const bool inside = 0 <= h && h < H && 0 <= w && w < W;
                *target = inside ? source[(long long)h * W + w] : REAL(0);
                target += positions;
            }
        }
    }
}

extern "C" __global__ void __launch_bounds__(256) col2im(
    const REAL* columns, REAL* gx, int planes, int H, int W, int OH, int OW, int KH, int KW,
    int SH, int SW, int top, int left, int DH, int DW)
{
    const long long position = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (position >= (long long)H * W)
        return;
    const int h = (int)(position / W) + top;
    const int w = (int)(position % W) + left;
    const long long positions = (long long)OH * OW;
    for (int plane = blockIdx.y; plane < planes; plane += gridDim.y) {
        const REAL* source = columns + plane * positions * KH * KW;
        REAL sum = 0;
        for (int kh = 0; kh < KH; kh++) {
            const int i = (h - kh * DH) / SH;
            if (h < kh * DH || i * SH != h - kh * DH || i >= OH)
                continue;
            for (int kw = 0; kw < KW; kw++) {
                const int j = (w - kw * DW) / SW;
                if (w >= kw * DW && j * SW == w - kw * DW && j < OW)
                    sum += source[(kh * KW + kw) * positions + (long long)i * OW + j];
            }
        }
        gx[(long long)plane * H * W + position] = sum;
    }
}
