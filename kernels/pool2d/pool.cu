// Pooling: one thread per element written, which reads its window through the cache.
//
// Adjacent threads write adjacent elements and read overlapping windows, so that x is read from
// memory once. Set by -D: REAL, INDEX (the integer type of argmax), KH and KW: the loops over the
// window are unrolled, or KH = KW = 0 if its size is known only at the call.

#include "prelude.h"
#include "planes.h"

#define ROWS (KH > 0 ? KH : kh)
#define COLUMNS (KW > 0 ? KW : kw)

// The maximum so far and its index. The first of equal values wins; NaN beats any number.
struct Largest {
    REAL value;
    INDEX index;

    __device__ void see(REAL other, INDEX at)
    {
        if (index < 0 || other > value || other != other) {
            value = other;
            index = at;
        }
    }
};

// y, argmax (planes, OH, OW) from x (planes, H, W).
extern "C" __global__ void __launch_bounds__(256) max_pool(
    const REAL* x, REAL* y, INDEX* argmax, long long planes, int H, int W, int OH, int OW, int kh,
    int kw, int stride_h, int stride_w, int before_h, int before_w, int dilation_h, int dilation_w)
{
    const Place place = locate(planes, OH, OW);
    if (place.plane == planes)
        return;
    const REAL* plane = x + place.plane * H * W;
    const int h0 = place.row * stride_h - before_h, w0 = place.column * stride_w - before_w;
    Largest largest = {-INFINITY, -1};
    #pragma unroll
    for (int k = 0; k < ROWS; k++) {
        const int h = h0 + k * dilation_h;
        #pragma unroll
        for (int l = 0; l < COLUMNS; l++) {
            const int w = w0 + l * dilation_w;
            if (0 <= h && h < H && 0 <= w && w < W)
                largest.see(plane[(long long)h * W + w], (INDEX)h * W + w);
        }
    }
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    y[i] = largest.value;
    argmax[i] = largest.index;
}

// The divisor along one axis: the number of taps inside the input or, with `padded`, inside the
// input and its padding. Taps that ceil_mode adds beyond the padding never count.
__device__ inline int cells(int first, int taps, int dilation, int size, int after, bool padded)
{
    int count = 0;
    for (int k = 0; k < taps; k++) {
        const int at = first + k * dilation;
        count += padded ? at < size + after : 0 <= at && at < size;
    }
    return count;
}

__device__ inline REAL divisor(
    int h0, int w0, int rows, int columns, int dilation_h, int dilation_w, int H, int W, int after_h,
    int after_w, bool padded, int override)
{
    if (override != 0)
        return override;
    const int count = cells(h0, rows, dilation_h, H, after_h, padded)
        * cells(w0, columns, dilation_w, W, after_w, padded);
    return count > 1 ? count : 1;
}

// y (planes, OH, OW) from x (planes, H, W).
extern "C" __global__ void __launch_bounds__(256) avg_pool(
    const REAL* x, REAL* y, long long planes, int H, int W, int OH, int OW, int kh, int kw,
    int stride_h, int stride_w, int before_h, int before_w, int dilation_h, int dilation_w,
    int after_h, int after_w, bool padded, int override)
{
    const Place place = locate(planes, OH, OW);
    if (place.plane == planes)
        return;
    const REAL* plane = x + place.plane * H * W;
    const int h0 = place.row * stride_h - before_h, w0 = place.column * stride_w - before_w;
    REAL sum = 0;
    #pragma unroll
    for (int k = 0; k < ROWS; k++) {
        const int h = h0 + k * dilation_h;
        #pragma unroll
        for (int l = 0; l < COLUMNS; l++) {
            const int w = w0 + l * dilation_w;
            if (0 <= h && h < H && 0 <= w && w < W)
                sum += plane[(long long)h * W + w];
        }
    }
    y[(long long)blockIdx.x * blockDim.x + threadIdx.x] = sum
        / divisor(h0, w0, ROWS, COLUMNS, dilation_h, dilation_w, H, W, after_h, after_w, padded,
                  override);
}

// gx (planes, H, W) from gy (planes, OH, OW): the thread of a pixel gathers from the windows that
// contain it, so that no two threads write to one element.
extern "C" __global__ void __launch_bounds__(256) avg_pool_input_grad(
    const REAL* gy, REAL* gx, long long planes, int H, int W, int OH, int OW, int kh, int kw,
    int stride_h, int stride_w, int before_h, int before_w, int dilation_h, int dilation_w,
    int after_h, int after_w, bool padded, int override)
{
    const Place place = locate(planes, H, W);
    if (place.plane == planes)
        return;
    const REAL* plane = gy + place.plane * OH * OW;
    REAL sum = 0;
    for (int k = 0; k < ROWS; k++) {
        const int h = place.row + before_h - k * dilation_h, i = h / stride_h;
        if (h < 0 || h % stride_h != 0 || i >= OH)
            continue;
        for (int l = 0; l < COLUMNS; l++) {
            const int w = place.column + before_w - l * dilation_w, j = w / stride_w;
            if (w < 0 || w % stride_w != 0 || j >= OW)
                continue;
            sum += plane[(long long)i * OW + j]
                / divisor(i * stride_h - before_h, j * stride_w - before_w, ROWS, COLUMNS, dilation_h,
                          dilation_w, H, W, after_h, after_w, padded, override);
        }
    }
    gx[(long long)blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

// gx (planes, H, W) from gy, argmax (planes, OH, OW): the thread of a pixel gathers from the windows
// whose maximum it is. So the sum has a fixed order, and every element is written once.
extern "C" __global__ void __launch_bounds__(256) max_pool_input_grad(
    const REAL* gy, const INDEX* argmax, REAL* gx, long long planes, int H, int W, int OH, int OW,
    int span_h, int span_w, int stride_h, int stride_w, int before_h, int before_w)
{
    const Place place = locate(planes, H, W);
    if (place.plane == planes)
        return;
    const long long first = place.plane * OH * OW;
    const int h = place.row + before_h, w = place.column + before_w;
    const INDEX here = (INDEX)place.row * W + place.column;
    // Outputs i with i * stride_h <= h < i * stride_h + span_h, and likewise j.
    const int top = h < span_h ? 0 : (h - span_h) / stride_h + 1;
    const int left = w < span_w ? 0 : (w - span_w) / stride_w + 1;
    const int bottom = min(h / stride_h, OH - 1), right = min(w / stride_w, OW - 1);
    REAL sum = 0;
    for (int i = top; i <= bottom; i++)
        for (int j = left; j <= right; j++) {
            const long long at = first + (long long)i * OW + j;
            if (argmax[at] == here)
                sum += gy[at];
        }
    gx[(long long)blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

// gx (planes, size)[argmax] += gy (planes, outputs) for any argmax; gx must be zero at the start. A
// warp adds a plane, 32 outputs at a time. Of lanes with the same element the lowest adds first, so
// that the order of the additions is that of the outputs.
extern "C" __global__ void __launch_bounds__(256) max_pool_scatter(
    const REAL* gy, const INDEX* argmax, REAL* gx, long long planes, int size, int outputs)
{
    const int lane = threadIdx.x % 32;
    const long long plane = (long long)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (plane >= planes)
        return;
    for (int start = 0; start < outputs; start += 32) {
        const int i = start + lane;
        const long long from = plane * outputs + i;
        const INDEX found = i < outputs ? argmax[from] : (INDEX)-1;
        const INDEX at = 0 <= found && found < size ? found : (INDEX)-1;
        int rank = 0;  // lower lanes with the same element
        for (int other = 0; other < 31; other++) {
            const INDEX theirs = __shfl_sync(0xffffffff, at, other);
            rank += other < lane && theirs == at;
        }
        for (int turn = 0; __any_sync(0xffffffff, at >= 0 && rank >= turn); turn++) {
            if (at >= 0 && rank == turn)
                gx[plane * size + at] += gy[from];
            __syncwarp();
        }
    }
}

// y (planes, OH, OW) = x (planes, H, W)[argmax].
extern "C" __global__ void __launch_bounds__(256) max_pool_gather(
    const REAL* x, const INDEX* argmax, REAL* y, long long planes, int size, int outputs)
{
    const Place place = locate(planes, 1, outputs);
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (place.plane == planes)
        return;
    const INDEX at = argmax[i];
    y[i] = 0 <= at && at < size ? x[place.plane * size + at] : REAL(NAN);
}
