// Adaptive pooling: window i of an axis covers [floor(i * size / outputs), ceil((i + 1) * size /
// outputs)).
//
// Averages over whole planes, the last pooling of most networks, have few outputs with many inputs:
// a warp computes one output, and its lanes read adjacent inputs. Set by -D: REAL, INDEX.

#include "prelude.h"
#include "planes.h"

// The dividend fits 31 bits, since no side of a pooled plane has 2^15 elements.
__device__ inline int first_of(int i, int size, int outputs)
{
    return i * size / outputs;
}

__device__ inline int last_of(int i, int size, int outputs)
{
    return ((i + 1) * size + outputs - 1) / outputs;
}

// y (planes, OH, OW) from x (planes, H, W).
extern "C" __global__ void __launch_bounds__(256) adaptive_avg_pool(
    const REAL* x, REAL* y, long long planes, int H, int W, int OH, int OW)
{
    const int lane = threadIdx.x % 32;
    const long long output = (long long)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    const long long number = output / OW / OH;
    if (number >= planes)  // the whole warp
        return;
    const int i = (int)(output / OW % OH), j = (int)(output % OW);
    const int h0 = first_of(i, H, OH), h1 = last_of(i, H, OH);
    const int w0 = first_of(j, W, OW), w1 = last_of(j, W, OW);
    const int cells = (h1 - h0) * (w1 - w0);
    const REAL* plane = x + number * H * W;
    REAL sum = 0;
    for (int cell = lane; cell < cells; cell += 32) {
        const int h = h0 + cell / (w1 - w0), w = w0 + cell % (w1 - w0);
        sum += plane[(long long)h * W + w];
    }
    for (int d = 16; d > 0; d /= 2)
        sum += __shfl_down_sync(0xffffffff, sum, d);
    if (lane == 0)
        y[output] = sum / cells;
}

// gx (planes, H, W) from gy (planes, OH, OW): the windows of pixel h are floor(h * OH / H) up to
// and excluding ceil((h + 1) * OH / H), the same rule with inputs and outputs swapped.
extern "C" __global__ void __launch_bounds__(256) adaptive_avg_pool_input_grad(
    const REAL* gy, REAL* gx, long long planes, int H, int W, int OH, int OW)
{
    const Place place = locate(planes, H, W);
    if (place.plane == planes)
        return;
    const REAL* plane = gy + place.plane * OH * OW;
    REAL sum = 0;
    for (int i = first_of(place.row, OH, H); i < last_of(place.row, OH, H); i++)
        for (int j = first_of(place.column, OW, W); j < last_of(place.column, OW, W); j++) {
            const int rows = last_of(i, H, OH) - first_of(i, H, OH);
            const int columns = last_of(j, W, OW) - first_of(j, W, OW);
            sum += plane[(long long)i * OW + j] / (rows * columns);
        }
    gx[(long long)blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

// y, argmax (planes, OH, OW) from x (planes, H, W). The first of equal values wins; NaN beats any
// number.
extern "C" __global__ void __launch_bounds__(256) adaptive_max_pool(
    const REAL* x, REAL* y, INDEX* argmax, long long planes, int H, int W, int OH, int OW)
{
    const Place place = locate(planes, OH, OW);
    if (place.plane == planes)
        return;
    const REAL* plane = x + place.plane * H * W;
    REAL value = -INFINITY;
    int index = -1;
    for (int h = first_of(place.row, H, OH); h < last_of(place.row, H, OH); h++)
        for (int w = first_of(place.column, W, OW); w < last_of(place.column, W, OW); w++) {
            const REAL other = plane[(long long)h * W + w];
            if (index < 0 || other > value || other != other) {
                value = other;
                index = h * W + w;
            }
        }
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    y[i] = value;
    argmax[i] = index;
}
