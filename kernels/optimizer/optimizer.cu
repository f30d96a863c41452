// Steps of optimizers over all tensors of a model at once, fused: every array is read once and
// written once.
//
// A table (rows, 7) describes the tensors: the first block of each, its number of elements, and the
// addresses of p, g and up to three arrays of state, 0 where there is none. A block updates CHUNK
// elements of one tensor, four at a time where all its arrays are aligned. Nothing is updated where
// *skip, if given, is not 0: after a gradient that is not finite. `live`, if given, holds the
// settings in the place of the values: in a captured graph they change from replay to replay.
// Set by -D: REAL.

#include "prelude.h"
#include "reduce.h"

#define CHUNK 4096
#define THREADS 256
#define COLUMNS 7

struct Piece {
    REAL* p;
    const REAL* g;
    REAL* state[3];
    long long first, last;  // elements of this block
    int block, blocks;      // its number among those of the tensor, and how many these are
    long long first_block;
    bool aligned;

    // The piece of block `at`: of the last tensor that begins at or before it.
    __device__ Piece(const long long* table, int rows, int at, long long all_blocks)
    {
        int low = 0, high = rows;
        while (high - low > 1) {
            const int middle = (low + high) / 2;
            if (table[(long long)middle * COLUMNS] <= at)
                low = middle;
            else
                high = middle;
        }
        const long long* row = table + (long long)low * COLUMNS;
        first_block = row[0];
        block = (int)(at - first_block);
        blocks = (int)((low + 1 < rows ? row[COLUMNS] : all_blocks) - first_block);
        first = (long long)block * CHUNK;
        last = first + CHUNK < row[1] ? first + CHUNK : row[1];
        p = (REAL*)row[2];
        g = (const REAL*)row[3];
        long long addresses = row[2] | row[3];
        for (int i = 0; i < 3; i++) {
            state[i] = (REAL*)row[4 + i];
            addresses |= row[4 + i];
        }
        aligned = addresses % 16 == 0 && (last - first) % 4 == 0;
    }
};

__device__ inline void load(REAL (&to)[4], const REAL* from, bool four)
{
    if (!from)
        return;
    if (four) {
        const auto values = ld4(from);
        to[0] = values.x, to[1] = values.y, to[2] = values.z, to[3] = values.w;
    } else
        to[0] = *from;
}

__device__ inline void store(REAL* to, const REAL (&from)[4], bool four)
{
    if (to && four)
        st4(to, {from[0], from[1], from[2], from[3]});
    else if (to)
        *to = from[0];
}

// step(p, g, a, b, c) for every element, with the elements of the state as a, b and c.
template <class Step>
__device__ inline void update(const Piece& piece, Step step)
{
    const int width = piece.aligned ? 4 : 1;
    for (long long at = piece.first + threadIdx.x * width; at < piece.last; at += THREADS * width) {
        REAL p[4], g[4], state[3][4];
        load(p, piece.p + at, piece.aligned);
        load(g, piece.g + at, piece.aligned);
        #pragma unroll
        for (int i = 0; i < 3; i++)
            load(state[i], piece.state[i] ? piece.state[i] + at : nullptr, piece.aligned);
        #pragma unroll
        for (int j = 0; j < 4; j++)
            if (j < width)
                step(p[j], g[j], state[0][j], state[1][j], state[2][j]);
        store(piece.p + at, p, piece.aligned);
        #pragma unroll
        for (int i = 0; i < 3; i++)
            store(piece.state[i] ? piece.state[i] + at : nullptr, state[i], piece.aligned);
    }
}

// v = momentum v + gain g, p -= lr v, where g is sign g + decay p. State: v.
extern "C" __global__ void __launch_bounds__(THREADS) sgd(
    const long long* table, const int* skip, const double* live, int rows, REAL sign, REAL lr,
    REAL momentum, REAL gain, REAL decay, bool nesterov)
{
    if (skip && *skip)
        return;
    if (live)
        sign = live[0], lr = live[1], momentum = live[2], gain = live[3], decay = live[4];
    const Piece piece(table, rows, blockIdx.x, gridDim.x);
    const bool has_speed = piece.state[0];
    update(piece, [=](REAL& p, REAL g, REAL& v, REAL&, REAL&) {
        REAL step = sign * g + decay * p;
        if (has_speed) {
            v = momentum * v + gain * step;
            step = nesterov ? step + momentum * v : v;
        }
        p -= lr * step;
    });
}

// Count a step, unless it is skipped, and compute its settings (10) for `adam`. live: the sign, the
// rate, both betas, eps, the decay, and whether it is decoupled.
extern "C" __global__ void __launch_bounds__(1) adam_settings(
    const double* live, long long* count, const int* skip, double* settings)
{
    if (skip && *skip)
        return;
    const double step = ++*count, lr = live[1], beta1 = live[2], beta2 = live[3], decay = live[5];
    const bool decoupled = live[6] != 0;
    settings[0] = live[0];
    settings[1] = lr / (1 - pow(beta1, step));
    settings[2] = beta1;
    settings[3] = 1 - beta1;
    settings[4] = beta2;
    settings[5] = 1 - beta2;
    settings[6] = live[4];
    settings[7] = sqrt(1 - pow(beta2, step));
    settings[8] = decoupled ? 0 : decay;
    settings[9] = decoupled ? 1 - lr * decay : 1;
}

// m and s are running means of g and g^2, p = shrink p - rate m / (sqrt(s) / correction + eps).
// State: m, s, and the largest s so far or null.
extern "C" __global__ void __launch_bounds__(THREADS) adam(
    const long long* table, const int* skip, const double* live, int rows, REAL sign, REAL rate,
    REAL beta1, REAL rest1, REAL beta2, REAL rest2, REAL eps, REAL correction, REAL decay,
    REAL shrink)
{
    if (skip && *skip)
        return;
    if (live) {
        sign = live[0], rate = live[1], beta1 = live[2], rest1 = live[3], beta2 = live[4];
        rest2 = live[5], eps = live[6], correction = live[7], decay = live[8], shrink = live[9];
    }
    const Piece piece(table, rows, blockIdx.x, gridDim.x);
    const bool amsgrad = piece.state[2];
    update(piece, [=](REAL& p, REAL g, REAL& m, REAL& s, REAL& largest) {
        const REAL step = sign * g + decay * p;
        m = beta1 * m + rest1 * step;
        s = beta2 * s + rest2 * step * step;
        REAL spread = s;
        if (amsgrad) {
            spread = largest > s || largest != largest ? largest : s;
            largest = spread;
        }
        p = shrink * p - rate * (m / (sqrt(spread) / correction + eps));
    });
}

// s = alpha s + rest g^2, p -= lr g / (sqrt(s - m^2) + eps). State: s, the running mean m of g or
// null, and the running step or null.
extern "C" __global__ void __launch_bounds__(THREADS) rmsprop(
    const long long* table, const int* skip, const double* live, int rows, REAL sign, REAL lr,
    REAL alpha, REAL rest, REAL eps, REAL momentum, REAL decay)
{
    if (skip && *skip)
        return;
    if (live) {
        sign = live[0], lr = live[1], alpha = live[2], rest = live[3], eps = live[4];
        momentum = live[5], decay = live[6];
    }
    const Piece piece(table, rows, blockIdx.x, gridDim.x);
    const bool centered = piece.state[1], has_speed = piece.state[2];
    update(piece, [=](REAL& p, REAL g, REAL& s, REAL& m, REAL& b) {
        REAL step = sign * g + decay * p;
        s = alpha * s + rest * step * step;
        REAL spread = s;
        if (centered) {
            m = alpha * m + rest * step;
            spread -= m * m;
        }
        step /= sqrt(spread) + eps;
        if (has_speed) {
            b = momentum * b + step;
            step = b;
        }
        p -= lr * step;
    });
}

// parts (2, blocks): the sums of the squares of each block's elements of p and g.
extern "C" __global__ void __launch_bounds__(THREADS) squares(
    const long long* table, REAL* parts, int rows)
{
    __shared__ REAL shared[32];
    const Piece piece(table, rows, blockIdx.x, gridDim.x);
    REAL of_p = 0, of_g = 0;
    update(piece, [&](REAL& p, REAL g, REAL&, REAL&, REAL&) {
        of_p += p * p;
        of_g += g * g;
    });
    of_p = block_sum(of_p, shared);
    of_g = block_sum(of_g, shared);
    if (threadIdx.x == 0) {
        parts[blockIdx.x] = of_p;
        parts[gridDim.x + blockIdx.x] = of_g;
    }
}

// v = momentum v + rate (g + decay p), p -= v, rate = lr trust |p| / (|g| + decay |p|), or lr where
// a norm is 0. parts are those of `squares`. State: v.
extern "C" __global__ void __launch_bounds__(THREADS) lars(
    const long long* table, const REAL* parts, const int* skip, const double* live, int rows,
    REAL sign, REAL lr, REAL trust, REAL momentum, REAL decay)
{
    if (skip && *skip)
        return;
    if (live)
        sign = live[0], lr = live[1], trust = live[2], momentum = live[3], decay = live[4];
    __shared__ REAL shared[32];
    const Piece piece(table, rows, blockIdx.x, gridDim.x);
    REAL of_p = 0, of_g = 0;
    for (int i = threadIdx.x; i < piece.blocks; i += THREADS) {
        of_p += parts[piece.first_block + i];
        of_g += parts[gridDim.x + piece.first_block + i];
    }
    of_p = sqrt(block_sum(of_p, shared));
    of_g = sqrt(block_sum(of_g, shared));
    const bool scaled = of_p != 0 && of_g != 0;
    const REAL rate = scaled ? lr * trust * of_p / (of_g + decay * of_p) : lr;
    update(piece, [=](REAL& p, REAL g, REAL& v, REAL&, REAL&) {
        v = momentum * v + rate * (sign * g + decay * p);
        p -= v;
    });
}

// g = g scale[1] for every element; *flag = 1 where one of them is not finite before or after.
extern "C" __global__ void __launch_bounds__(THREADS) unscale(
    const long long* table, const double* scale, int* flag, int rows)
{
    const Piece piece(table, rows, blockIdx.x, gridDim.x);
    const REAL factor = scale[1];
    bool bad = false;
    for (long long at = piece.first + threadIdx.x; at < piece.last; at += THREADS) {
        const REAL g = piece.p[at] * factor;
        piece.p[at] = g;
        bad |= !(g - g == 0);
    }
    if (bad)
        atomicCAS(flag, 0, 1);
}

// Adapt the scale of losses, state (3): the scale, its inverse and the steps since it changed. After
// an overflow (*flag) it shrinks by settings[1], after settings[2] steps it grows by settings[0].
extern "C" __global__ void __launch_bounds__(1) update_scale(
    double* state, const int* flag, const double* settings)
{
    if (*flag) {
        state[0] *= settings[1];
        state[2] = 0;
    } else if (++state[2] == settings[2]) {
        const float grown = state[0] * settings[0];
        if (grown - grown == 0)
            state[0] *= settings[0];
        state[2] = 0;
    }
    state[1] = 1 / state[0];
}

// *norm: the root of the sum of the squares in parts (2, blocks), of its second row.
extern "C" __global__ void __launch_bounds__(THREADS) total_norm(
    const REAL* parts, double* norm, long long blocks)
{
    __shared__ REAL shared[32];
    double own = 0;
    for (long long i = threadIdx.x; i < blocks; i += THREADS)
        own += parts[blocks + i];
    const REAL sum = block_sum((REAL)own, shared);
    if (threadIdx.x == 0)
        *norm = sqrt(sum);
}

// g = g min(1, most / (norm + 1e-6)) for every element.
extern "C" __global__ void __launch_bounds__(THREADS) clip(
    const long long* table, const double* norm, int rows, double most)
{
    const double scale = most / (*norm + 1e-6);
    if (scale >= 1)
        return;
    const Piece piece(table, rows, blockIdx.x, gridDim.x);
    for (long long at = piece.first + threadIdx.x; at < piece.last; at += THREADS)
        piece.p[at] *= (REAL)scale;
}

// *flag = `mark` where an element of a g is not finite and *flag is 0.
extern "C" __global__ void __launch_bounds__(THREADS) find_nonfinite(
    const long long* table, int* flag, const double* marks, int rows, int mark)
{
    const Piece piece(table, rows, blockIdx.x, gridDim.x);
    bool bad = false;
    for (long long at = piece.first + threadIdx.x; at < piece.last; at += THREADS) {
        const REAL g = piece.g[at];
        bad |= !(g - g == 0);
    }
    if (bad)
        atomicCAS(flag, 0, marks ? (int)*marks : mark);
}
