"""Activations in Numba: one pass for any formula. Threads divide the elements.

Kernels with an exponential compute in float32 throughout.
"""

import numpy as np

from ..exponential import exp, exp_minus_1, in_long_vectors, normal, sigmoid
from ..jit import kernel
from ..thread_pool import shared
from ..threads import parallel_ranges
from . import loops

ONE, TWO, THREE = np.float32(1), np.float32(2), np.float32(3)
TWO_A, B = np.float32(2 * loops.A), np.float32(loops.B)
SATURATION = np.float32(20)  # here tanh rounds to 1; for larger x, e^2x or x^3 could overflow


def activation_forward(x, kind, *settings):
    """x (*) -> y (*)."""
    y = np.empty(x.shape, x.dtype)
    _run_parallel(VALUES[kind], settings, x, y)
    return y


def activation_backward(gy, kept, kind, *settings):
    """gy, kept (*) -> gx (*)."""
    gx = np.empty(kept.shape, kept.dtype)
    _run_parallel(SLOPES[kind], settings, gy.astype(kept.dtype, copy=False), kept, gx)
    return gx


def relu_of_sum(a, b):
    """a, b (*) -> max(a + b, 0) (*)."""
    y = np.empty(a.shape, a.dtype)
    _run_parallel(_relu_of_sum, (), a, b, y)
    return y


def relu_backward_of_sum(a, b, y):
    """a, b, y (*) -> gx (*): a + b where the relu with output y passed, else 0."""
    gx = np.empty(y.shape, y.dtype)
    _run_parallel(_relu_slope_of_sum, (), a, b, y, gx)
    return gx


def _run_parallel(run, settings, *arrays):
    """run(*settings, *arrays) for all elements, on all threads."""
    flat = [np.ascontiguousarray(array).reshape(-1) for array in arrays]
    settings = [flat[-1].dtype.type(setting) for setting in settings]
    parallel_ranges(run, flat[0].size, flat[0].size, *settings, *flat)


@kernel
def _clip(x, low, high):
    x = low if x < low else x
    return high if x > high else x  # a NaN stays NaN


@kernel
def _relu(x, y, pool, first, last):
    if shared(pool, first, last):
        return
    x, y = x[first:last], y[first:last]
    zero = x.dtype.type(0)
    for i in range(x.size):
        y[i] = zero if x[i] <= zero else x[i]


@kernel
def _relu_slope(gy, y, gx, pool, first, last):
    if shared(pool, first, last):
        return
    gy, y, gx = gy[first:last], y[first:last], gx[first:last]
    zero = y.dtype.type(0)
    for i in range(y.size):
        gx[i] = zero if y[i] <= zero else gy[i]


@kernel
def _relu_of_sum(a, b, y, pool, first, last):
    if shared(pool, first, last):
        return
    a, b, y = a[first:last], b[first:last], y[first:last]
    zero = y.dtype.type(0)
    for i in range(y.size):
        total = a[i] + b[i]
        y[i] = zero if total <= zero else total


@kernel
def _relu_slope_of_sum(a, b, y, gx, pool, first, last):
    if shared(pool, first, last):
        return
    a, b, y, gx = a[first:last], b[first:last], y[first:last], gx[first:last]
    zero = y.dtype.type(0)
    for i in range(y.size):
        gx[i] = zero if y[i] <= zero else a[i] + b[i]


@kernel
def _relu6(x, y, pool, first, last):
    if shared(pool, first, last):
        return
    x, y = x[first:last], y[first:last]
    zero, six = x.dtype.type(0), x.dtype.type(6)
    for i in range(x.size):
        y[i] = _clip(x[i], zero, six)


@kernel
def _relu6_slope(gy, y, gx, pool, first, last):
    if shared(pool, first, last):
        return
    gy, y, gx = gy[first:last], y[first:last], gx[first:last]
    zero, six = y.dtype.type(0), y.dtype.type(6)
    for i in range(y.size):
        gx[i] = gy[i] if (y[i] > zero) & (y[i] < six) else zero


@kernel
def _leaky_relu(a, x, y, pool, first, last):
    if shared(pool, first, last):
        return
    x, y = x[first:last], y[first:last]
    for i in range(x.size):
        y[i] = x[i] if x[i] > 0 else a * x[i]


@kernel
def _leaky_relu_slope(a, gy, x, gx, pool, first, last):
    if shared(pool, first, last):
        return
    gy, x, gx = gy[first:last], x[first:last], gx[first:last]
    for i in range(x.size):
        gx[i] = gy[i] if x[i] > 0 else a * gy[i]


@kernel
def _elu(a, b, x, y, pool, first, last):
    if shared(pool, first, last):
        return
    in_long_vectors()
    x, y = x[first:last], y[first:last]
    for i in range(x.size):
        left = b * a * exp_minus_1(x[i])
        y[i] = b * x[i] if x[i] > 0 else left


@kernel
def _elu_slope(a, b, gy, x, gx, pool, first, last):
    if shared(pool, first, last):
        return
    in_long_vectors()
    gy, x, gx = gy[first:last], x[first:last], gx[first:last]
    for i in range(x.size):
        left = b * a * exp(x[i])
        gx[i] = gy[i] * (b if x[i] > 0 else left)


@kernel
def _sigmoid(x, y, pool, first, last):
    if shared(pool, first, last):
        return
    in_long_vectors()
    x, y = x[first:last], y[first:last]
    for i in range(x.size):
        y[i] = sigmoid(x[i])


@kernel
def _sigmoid_slope(gy, y, gx, pool, first, last):
    if shared(pool, first, last):
        return
    gy, y, gx = gy[first:last], y[first:last], gx[first:last]
    for i in range(y.size):
        gx[i] = gy[i] * (y[i] * (ONE - y[i]))


@kernel
def _tanh(x, y, pool, first, last):
    if shared(pool, first, last):
        return
    in_long_vectors()
    x, y = x[first:last], y[first:last]
    for i in range(x.size):
        m = exp_minus_1(TWO * x[i])
        y[i] = m / (m + TWO)


@kernel
def _tanh_slope(gy, y, gx, pool, first, last):
    if shared(pool, first, last):
        return
    gy, y, gx = gy[first:last], y[first:last], gx[first:last]
    for i in range(y.size):
        gx[i] = gy[i] * (ONE - y[i] * y[i])


@kernel
def _silu(x, y, pool, first, last):
    if shared(pool, first, last):
        return
    in_long_vectors()
    x, y = x[first:last], y[first:last]
    for i in range(x.size):
        y[i] = x[i] * sigmoid(x[i])


@kernel
def _silu_slope(gy, x, gx, pool, first, last):
    if shared(pool, first, last):
        return
    in_long_vectors()
    gy, x, gx = gy[first:last], x[first:last], gx[first:last]
    for i in range(x.size):
        s = sigmoid(x[i])
        gx[i] = gy[i] * (s * (ONE + x[i] * (ONE - s)))


@kernel
def _gelu(x, y, pool, first, last):
    if shared(pool, first, last):
        return
    in_long_vectors()
    x, y = x[first:last], y[first:last]
    for i in range(x.size):
        below, _ = normal(x[i])
        y[i] = x[i] * below


@kernel
def _gelu_slope(gy, x, gx, pool, first, last):
    if shared(pool, first, last):
        return
    in_long_vectors()
    gy, x, gx = gy[first:last], x[first:last], gx[first:last]
    for i in range(x.size):
        below, density = normal(x[i])
        gx[i] = gy[i] * (below + x[i] * density)


@kernel
def _gelu_tanh(x, y, pool, first, last):
    if shared(pool, first, last):
        return
    in_long_vectors()
    x, y = x[first:last], y[first:last]
    for i in range(x.size):
        y[i] = x[i] * sigmoid(TWO_A * x[i] * (ONE + B * x[i] * x[i]))


@kernel
def _gelu_tanh_slope(gy, x, gx, pool, first, last):
    if shared(pool, first, last):
        return
    in_long_vectors()
    gy, x, gx = gy[first:last], x[first:last], gx[first:last]
    for i in range(x.size):
        near = _clip(x[i], -SATURATION, SATURATION)
        square = B * near * near
        s = sigmoid(TWO_A * near * (ONE + square))
        gx[i] = gy[i] * (s + near * s * (ONE - s) * TWO_A * (ONE + THREE * square))


@kernel
def _hardswish(x, y, pool, first, last):
    if shared(pool, first, last):
        return
    x, y = x[first:last], y[first:last]
    zero, three, six = x.dtype.type(0), x.dtype.type(3), x.dtype.type(6)
    sixth = x.dtype.type(1 / 6)
    for i in range(x.size):
        y[i] = x[i] * (_clip(x[i] + three, zero, six) * sixth)


@kernel
def _hardswish_slope(gy, x, gx, pool, first, last):
    if shared(pool, first, last):
        return
    gy, x, gx = gy[first:last], x[first:last], gx[first:last]
    zero, one, three = x.dtype.type(0), x.dtype.type(1), x.dtype.type(3)
    third, half = x.dtype.type(1 / 3), x.dtype.type(0.5)
    for i in range(x.size):
        passed = gy[i] * (one if x[i] >= three else x[i] * third + half)
        gx[i] = zero if x[i] <= -three else passed  # even of an infinite gy


VALUES = {
    "relu": _relu,
    "relu6": _relu6,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "silu": _silu,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "hardswish": _hardswish,
}
SLOPES = {
    "relu": _relu_slope,
    "relu6": _relu6_slope,
    "leaky_relu": _leaky_relu_slope,
    "elu": _elu_slope,
    "sigmoid": _sigmoid_slope,
    "tanh": _tanh_slope,
    "silu": _silu_slope,
    "gelu": _gelu_slope,
    "gelu_tanh": _gelu_tanh_slope,
    "hardswish": _hardswish_slope,
}
