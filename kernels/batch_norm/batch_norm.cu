// Batch normalisation of (N, C, L); the N * L elements of a channel are split over several blocks.
//
// A set of samples has a count, a mean and a sum of squared deviations from the mean. For the union
// of two sets,
//
//     mean = mean_a + (mean_b - mean_a) * n_b / n
//     squares = squares_a + squares_b + (mean_b - mean_a)^2 * n_a * n_b / n
//
// which subtracts no large numbers; means are relative to the channel's first element, so that they
// are small, too. So one pass over x gives an accurate variance even if the mean is large. (Chan,
// Golub, LeVeque (1983), Algorithms for Computing the Sample Variance, equation 2.1.)
// The backward reads gy and x twice: for two sums, then for gx. Parts of sums are merged by the block
// that is the last to write one, so that a sum takes one launch.
//
// A unit is VECTOR adjacent elements of a row, read at once. Set by -D: REAL, VECTOR (1 or 4).

#include "prelude.h"
#include "reduce.h"
#include "vector.h"

// The units of channel blockIdx.x that this thread reads: its first, then every
// blockDim.x * gridDim.y-th. It divides at the start, not in the loop.
struct Walk {
    int n, unit, rows, units, C;
    int step_n, step_unit;

    __device__ Walk(int N, int C, int units) : rows(N), units(units), C(C)
    {
        const int step = blockDim.x * gridDim.y, first = blockIdx.y * blockDim.x + threadIdx.x;
        n = first / units;
        unit = first % units;
        step_n = step / units;
        step_unit = step % units;
    }

    __device__ bool is_inside() const { return n < rows; }
    __device__ long long offset() const
    {
        return (((long long)n * C + blockIdx.x) * units + unit) * VECTOR;
    }
    __device__ void go_on()
    {
        n += step_n;
        unit += step_unit;
        if (unit >= units) {
            unit -= units;
            n++;
        }
    }
};

struct Samples {
    REAL count, mean, squares;

    __device__ void add(const Samples& other)
    {
        const REAL total = count + other.count;
        if (total == 0)
            return;
        const REAL apart = other.mean - mean, share = other.count / total;
        mean += apart * share;
        squares += other.squares + apart * apart * count * share;
        count = total;
    }
};

__device__ inline Samples lane_of(const Samples& own, int other)
{
    return {__shfl_down_sync(0xffffffff, own.count, other),
            __shfl_down_sync(0xffffffff, own.mean, other),
            __shfl_down_sync(0xffffffff, own.squares, other)};
}

// The union of the samples of a warp's lanes, in lane 0.
__device__ inline Samples merged(Samples own)
{
    for (int other = 16; other > 0; other /= 2)
        own.add(lane_of(own, other));
    return own;
}

// Where the statistics of a batch go: mean, var, invstd (C,), and
// running = (1 - momentum) running + momentum new with the unbiased variance, var * unbias. batches,
// if given, is counted up by 1.
struct Statistics {
    REAL *mean, *var, *invstd, *running_mean, *running_var;
    long long* batches;
    REAL eps, momentum, unbias;

    // Of the samples of channel c, whose mean is relative to `near`.
    __device__ void write(int c, const Samples& total, REAL near) const
    {
        const REAL variance = total.squares / total.count;
        const REAL new_mean = near + total.mean;
        const REAL new_var = variance < 0 ? REAL(0) : variance;  // NaN stays NaN
        mean[c] = new_mean;
        var[c] = new_var;
        invstd[c] = 1 / sqrt(new_var + eps);
        if (running_mean) {
            running_mean[c] = (1 - momentum) * running_mean[c] + momentum * new_mean;
            running_var[c] = (1 - momentum) * running_var[c] + momentum * (new_var * unbias);
        }
        if (batches && c == 0)
            *batches += 1;
    }
};

// The Statistics of x. parts (3, splits, C) are the count, mean and squares of the samples of each
// block; the last block of a channel merges them.
extern "C" __global__ void __launch_bounds__(256) statistics(
    const REAL* x, REAL* parts, int* counters, REAL* mean, REAL* var, REAL* invstd,
    REAL* running_mean, REAL* running_var, long long* batches, int N, int C, int units, REAL eps,
    REAL momentum, REAL unbias)
{
    __shared__ Samples warps[8];
    const int c = blockIdx.x, splits = gridDim.y;
    const long long all = (long long)splits * C;
    // A thread sums deviations from its first element, so that the sums stay small.
    Walk walk(N, C, units);
    const REAL near = walk.is_inside() ? x[walk.offset()] : REAL(0);
    const REAL first_number = x[(long long)c * units * VECTOR];
    REAL count = 0, sum = 0, squares = 0;
    for (; walk.is_inside(); walk.go_on()) {
        LOAD(values, x + walk.offset());
        #pragma unroll
        for (int v = 0; v < VECTOR; v++) {
            const REAL apart = values[v] - near;
            sum += apart;
            squares += apart * apart;
        }
        count += VECTOR;
    }
    Samples own = {0, 0, 0};
    if (count > 0)
        own = {count, near - first_number + sum / count, squares - sum * (sum / count)};
    own = merged(own);
    if (threadIdx.x % 32 == 0)
        warps[threadIdx.x / 32] = own;
    __syncthreads();
    if (threadIdx.x == 0) {
        for (int i = 1; i < blockDim.x / 32; i++)
            own.add(warps[i]);
        const long long at = (long long)blockIdx.y * C + c;
        parts[at] = own.count;
        parts[at + all] = own.mean;
        parts[at + 2 * all] = own.squares;
    }
    if (!is_last_block(counters + c, splits) || threadIdx.x >= 32)
        return;
    Samples total = {0, 0, 0};
    for (int split = threadIdx.x; split < splits; split += 32) {
        const long long at = (long long)split * C + c;
        total.add({parts[at], parts[at + all], parts[at + 2 * all]});
    }
    total = merged(total);
    const Statistics to = {mean, var, invstd, running_mean, running_var, batches,
                           eps, momentum, unbias};
    if (threadIdx.x == 0)
        to.write(c, total, first_number);
}

// The Statistics of x by the moments (2, count, C) that a convolution has written of it: means of `per`
// samples each, of fewer in the last part, and sums of squared deviations. A lane merges those of a
// channel; parts (3, splits, C) as above, with means relative to the first.
extern "C" __global__ void __launch_bounds__(256) merge_statistics(
    const REAL* moments, REAL* parts, int* counters, REAL* mean, REAL* var, REAL* invstd,
    REAL* running_mean, REAL* running_var, long long* batches, int count, int C, int per,
    long long samples, REAL eps, REAL momentum, REAL unbias)
{
    __shared__ Samples warps[8][32];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, splits = gridDim.y;
    const int c = blockIdx.x * 32 + lane;
    const long long all = (long long)splits * C;
    const REAL near = c < C ? moments[c] : REAL(0);
    Samples own = {0, 0, 0};
    for (int part = blockIdx.y * 8 + warp; part < count && c < C; part += 8 * splits) {
        const REAL here = min((long long)per, samples - (long long)part * per);
        const REAL* at = moments + (long long)part * C + c;
        own.add({here, at[0] - near, at[(long long)count * C]});
    }
    warps[warp][lane] = own;
    __syncthreads();
    if (warp == 0 && c < C) {
        for (int i = 1; i < 8; i++)
            own.add(warps[i][lane]);
        const long long at = (long long)blockIdx.y * C + c;
        parts[at] = own.count;
        parts[at + all] = own.mean;
        parts[at + 2 * all] = own.squares;
    }
    if (!is_last_block(counters + blockIdx.x, splits) || warp != 0 || c >= C)
        return;
    Samples total = {0, 0, 0};
    for (int split = 0; split < splits; split++) {
        const long long at = (long long)split * C + c;
        total.add({parts[at], parts[at + all], parts[at + 2 * all]});
    }
    const Statistics to = {mean, var, invstd, running_mean, running_var, batches,
                           eps, momentum, unbias};
    to.write(c, total, near);
}

// The affine function of a channel.
struct Affine {
    REAL mean, scale, shift;

    __device__ Affine(
        const REAL* weight, const REAL* bias, const REAL* means, const REAL* invstd, int c)
    {
        mean = means[c];
        scale = weight ? invstd[c] * weight[c] : invstd[c];
        shift = bias ? bias[c] : REAL(0);
    }

    __device__ REAL operator()(REAL x) const { return (x - mean) * scale + shift; }
};

__device__ inline bool is_cut(REAL y, REAL ceiling)
{
    return y <= 0 || y >= ceiling;
}

// y (rows, L) = (x - mean) * invstd * weight + bias + residual, with relu from 0 to ceiling; a row is
// a channel of an image. residual: as x, or null.
extern "C" __global__ void __launch_bounds__(256) normalise(
    const REAL* x, const REAL* weight, const REAL* bias, const REAL* mean, const REAL* invstd,
    const REAL* residual, REAL* y, int rows, int C, int units, bool relu, REAL ceiling)
{
    const long long row = blockIdx.x * (long long)blockDim.y + threadIdx.y;
    if (row >= rows)
        return;
    const Affine affine(weight, bias, mean, invstd, (int)(row % C));
    const long long first = row * units * VECTOR;
    for (int unit = blockIdx.y * blockDim.x + threadIdx.x; unit < units;
         unit += gridDim.y * blockDim.x) {
        const long long at = first + (long long)unit * VECTOR;
        LOAD(values, x + at);
        REAL out[VECTOR], added[VECTOR] = {};
        if (residual) {
            LOAD(found, residual + at);
            #pragma unroll
            for (int v = 0; v < VECTOR; v++)
                added[v] = found[v];
        }
        #pragma unroll
        for (int v = 0; v < VECTOR; v++) {
            out[v] = affine(values[v]) + added[v];
            if (relu && out[v] <= 0)
                out[v] = 0;
            if (relu && out[v] > ceiling)
                out[v] = ceiling;
        }
        STORE(y + at, out);
    }
}

// gb, gw (C,): the sums of gy and of gy * xhat; with relu, without clipped y. parts (2, splits, C)
// are the sums of each block; the last block of a channel adds them.
extern "C" __global__ void __launch_bounds__(256) gradient_sums(
    const REAL* gy, const REAL* x, const REAL* weight, const REAL* bias, const REAL* mean,
    const REAL* invstd, REAL* parts, int* counters, REAL* gw, REAL* gb, int N, int C, int units,
    bool relu, REAL ceiling)
{
    __shared__ REAL shared[32];
    const int c = blockIdx.x, splits = gridDim.y;
    const long long all = (long long)splits * C;
    const Affine affine(weight, bias, mean, invstd, c);
    REAL sum = 0, product = 0;
    for (Walk walk(N, C, units); walk.is_inside(); walk.go_on()) {
        LOAD(values, x + walk.offset());
        LOAD(gradients, gy + walk.offset());
        #pragma unroll
        for (int v = 0; v < VECTOR; v++) {
            const REAL passed = relu && is_cut(affine(values[v]), ceiling) ? REAL(0) : gradients[v];
            sum += passed;
            product += passed * (values[v] - affine.mean);
        }
    }
    sum = block_sum(sum, shared);
    product = block_sum(product, shared);
    if (threadIdx.x == 0) {
        const long long at = (long long)blockIdx.y * C + c;
        parts[at] = sum;
        parts[at + all] = product;
    }
    if (!is_last_block(counters + c, splits) || threadIdx.x >= 32)
        return;
    sum = product = 0;
    for (int split = threadIdx.x; split < splits; split += 32) {
        sum += parts[(long long)split * C + c];
        product += parts[(long long)split * C + c + all];
    }
    sum = warp_sum(sum);
    product = warp_sum(product);
    if (threadIdx.x == 0) {
        gb[c] = sum;
        gw[c] = product * invstd[c];
    }
}

// gx (rows, L) = weight * invstd * (gy - gb / M - xhat * gw / M), where samples = M.
extern "C" __global__ void __launch_bounds__(256) input_grad(
    const REAL* gy, const REAL* x, const REAL* weight, const REAL* bias, const REAL* mean,
    const REAL* invstd, const REAL* gw, const REAL* gb, REAL* gx, int rows, int C, int units,
    REAL samples, bool relu, REAL ceiling)
{
    const long long row = blockIdx.x * (long long)blockDim.y + threadIdx.y;
    if (row >= rows)
        return;
    const int c = (int)(row % C);
    const Affine affine(weight, bias, mean, invstd, c);
    const REAL through_mean = gb[c] / samples, through_var = gw[c] * invstd[c] / samples;
    const long long first = row * units * VECTOR;
    for (int unit = blockIdx.y * blockDim.x + threadIdx.x; unit < units;
         unit += gridDim.y * blockDim.x) {
        const long long at = first + (long long)unit * VECTOR;
        LOAD(values, x + at);
        LOAD(gradients, gy + at);
        REAL out[VECTOR];
        #pragma unroll
        for (int v = 0; v < VECTOR; v++) {
            const REAL passed = relu && is_cut(affine(values[v]), ceiling) ? REAL(0) : gradients[v];
            const REAL apart = values[v] - affine.mean;
            out[v] = (passed - through_mean - apart * through_var) * affine.scale;
        }
        STORE(gx + at, out);
    }
}
