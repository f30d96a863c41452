// Activations and their derivatives: one thread per VECTOR elements, each read and written once.
//
// All threads take the same branch of `kind`. Set by -D: REAL, VECTOR (1 or 4).

#include "prelude.h"
#include "vector.h"

// In the order of kinds.py.
enum Kind { RELU, RELU6, LEAKY_RELU, ELU, SIGMOID, TANH, SILU, GELU, GELU_TANH, HARDSWISH };

__device__ inline REAL relu6(REAL x)
{
    return x <= 0 ? REAL(0) : x >= 6 ? REAL(6) : x;  // NaN stays NaN
}

__device__ inline REAL sigmoid(REAL x)
{
    return 1 / (1 + exp(-x));
}

__device__ inline REAL normal_cdf(REAL x)
{
    return REAL(0.5) * erfc(-x * REAL(0.70710678118654752440));
}

__device__ inline REAL inner(REAL x)  // 2 u of gelu_tanh
{
    return REAL(1.59576912160573071176) * x * (1 + REAL(0.044715) * x * x);
}

__device__ inline REAL value(int kind, REAL x, REAL a, REAL b)
{
    switch (kind) {
    case RELU: return x <= 0 ? REAL(0) : x;
    case RELU6: return relu6(x);
    case LEAKY_RELU: return x > 0 ? x : a * x;
    case ELU: return x > 0 ? b * x : b * a * expm1(x);
    case SIGMOID: return sigmoid(x);
    case TANH: return tanh(x);
    case SILU: return x * sigmoid(x);
    case GELU: return x * normal_cdf(x);
    case GELU_TANH: return x * sigmoid(inner(x));
    default: return x * relu6(x + 3) / 6;
    }
}

// `kept` is x or y, by the table of the operator.
__device__ inline REAL slope(int kind, REAL kept, REAL a, REAL b)
{
    const REAL x = kept, y = kept;
    switch (kind) {
    case RELU: return y <= 0 ? REAL(0) : REAL(1);
    case RELU6: return 0 < y && y < 6 ? REAL(1) : REAL(0);
    case LEAKY_RELU: return x > 0 ? REAL(1) : a;
    case ELU: return x > 0 ? b : b * a * exp(x);
    case SIGMOID: return y * (1 - y);
    case TANH: return 1 - y * y;
    case SILU: {
        const REAL s = sigmoid(x);
        return s * (1 + x * (1 - s));
    }
    case GELU:
        return normal_cdf(x) + x * exp(REAL(-0.5) * x * x) * REAL(0.39894228040143267794);
    case GELU_TANH: {
        const REAL s = sigmoid(inner(x)), bend = x * s * (1 - s);
        const REAL steep = REAL(1.59576912160573071176) * (1 + 3 * REAL(0.044715) * x * x);
        return bend == 0 ? s : s + bend * steep;  // steep may be infinite here
    }
    default: return x <= -3 ? REAL(0) : x >= 3 ? REAL(1) : x / 3 + REAL(0.5);
    }
}

// y (units * VECTOR) from x.
extern "C" __global__ void __launch_bounds__(256) forward(
    const REAL* x, REAL* y, long long units, int kind, REAL a, REAL b)
{
    const long long unit = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (unit >= units)
        return;
    LOAD(values, x + unit * VECTOR);
    #pragma unroll
    for (int v = 0; v < VECTOR; v++)
        values[v] = value(kind, values[v], a, b);
    STORE(y + unit * VECTOR, values);
}

// y (units * VECTOR) = max(x + other, 0), NaN stays NaN.
extern "C" __global__ void __launch_bounds__(256) relu_of_sum(
    const REAL* x, const REAL* other, REAL* y, long long units)
{
    const long long unit = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (unit >= units)
        return;
    LOAD(values, x + unit * VECTOR);
    LOAD(others, other + unit * VECTOR);
    #pragma unroll
    for (int v = 0; v < VECTOR; v++)
        values[v] = value(RELU, values[v] + others[v], 0, 0);
    STORE(y + unit * VECTOR, values);
}

// gx (units * VECTOR) = gy + other where the relu with output y passed, else 0.
extern "C" __global__ void __launch_bounds__(256) relu_backward_of_sum(
    const REAL* gy, const REAL* other, const REAL* y, REAL* gx, long long units)
{
    const long long unit = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (unit >= units)
        return;
    LOAD(gradients, gy + unit * VECTOR);
    LOAD(others, other + unit * VECTOR);
    LOAD(values, y + unit * VECTOR);
    #pragma unroll
    for (int v = 0; v < VECTOR; v++)
        values[v] = values[v] <= 0 ? REAL(0) : gradients[v] + others[v];
    STORE(gx + unit * VECTOR, values);
}

// gx (units * VECTOR) = gy times the slope; 0 where the slope is 0, for any gy.
extern "C" __global__ void __launch_bounds__(256) backward(
    const REAL* gy, const REAL* kept, REAL* gx, long long units, int kind, REAL a, REAL b)
{
    const long long unit = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (unit >= units)
        return;
    LOAD(gradients, gy + unit * VECTOR);
    LOAD(values, kept + unit * VECTOR);
    #pragma unroll
    for (int v = 0; v < VECTOR; v++) {
        const REAL steep = slope(kind, values[v], a, b);
        values[v] = steep == 0 ? REAL(0) : gradients[v] * steep;
    }
    STORE(gx + unit * VECTOR, values);
}
