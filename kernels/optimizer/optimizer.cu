// Steps of optimizers, fused: every array of a step is read once and written once.
//
// A thread updates VECTOR elements. State that an optimizer does not keep is a null pointer.
// Set by -D: REAL, VECTOR (1 or 4).

#include "prelude.h"
#include "vector.h"

// v = momentum v + gain g, p -= lr v, where g includes decay p.
extern "C" __global__ void __launch_bounds__(256) sgd(
    REAL* p, const REAL* g, REAL* v, long long units, REAL lr, REAL momentum, REAL gain, REAL decay,
    bool nesterov)
{
    const long long unit = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (unit >= units)
        return;
    const long long at = unit * VECTOR;
    LOAD(values, p + at);
    LOAD(steps, g + at);
    #pragma unroll
    for (int i = 0; i < VECTOR; i++)
        steps[i] += decay * values[i];
    if (v) {
        LOAD(speeds, v + at);
        #pragma unroll
        for (int i = 0; i < VECTOR; i++) {
            speeds[i] = momentum * speeds[i] + gain * steps[i];
            steps[i] = nesterov ? steps[i] + momentum * speeds[i] : speeds[i];
        }
        STORE(v + at, speeds);
    }
    #pragma unroll
    for (int i = 0; i < VECTOR; i++)
        values[i] -= lr * steps[i];
    STORE(p + at, values);
}

// m and s are running means of g and g^2, p = shrink p - rate m / (sqrt(s) / correction + eps).
extern "C" __global__ void __launch_bounds__(256) adam(
    REAL* p, const REAL* g, REAL* m, REAL* s, REAL* largest, long long units, REAL rate, REAL beta1,
    REAL rest1, REAL beta2, REAL rest2, REAL eps, REAL correction, REAL decay, REAL shrink)
{
    const long long unit = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (unit >= units)
        return;
    const long long at = unit * VECTOR;
    LOAD(values, p + at);
    LOAD(steps, g + at);
    LOAD(means, m + at);
    LOAD(squares, s + at);
    #pragma unroll
    for (int i = 0; i < VECTOR; i++) {
        steps[i] += decay * values[i];
        means[i] = beta1 * means[i] + rest1 * steps[i];
        squares[i] = beta2 * squares[i] + rest2 * steps[i] * steps[i];
    }
    STORE(m + at, means);
    STORE(s + at, squares);
    if (largest) {
        LOAD(before, largest + at);
        #pragma unroll
        for (int i = 0; i < VECTOR; i++)
            squares[i] = before[i] > squares[i] || before[i] != before[i] ? before[i] : squares[i];
        STORE(largest + at, squares);
    }
    #pragma unroll
    for (int i = 0; i < VECTOR; i++)
        values[i] = shrink * values[i] - rate * (means[i] / (sqrt(squares[i]) / correction + eps));
    STORE(p + at, values);
}
