"""The definition of the activations: one element at a time, never optimised.

Every other implementation is compared with this one.
"""

import math

import numpy as np

A, B = math.sqrt(2 / math.pi), 0.044715  # of gelu_tanh


def activation_forward(x, kind, *settings):
    """x (*) -> y (*)."""
    y = np.empty(x.shape, x.dtype)
    for at in np.ndindex(x.shape):
        y[at] = VALUES[kind](float(x[at]), *settings)
    return y


def activation_backward(gy, kept, kind, *settings):
    """gy, kept (*) -> gx (*)."""
    gx = np.empty(kept.shape, kept.dtype)
    for at in np.ndindex(kept.shape):
        slope = SLOPES[kind](float(kept[at]), *settings)
        gx[at] = gy[at] * slope if slope else 0
    return gx


def relu6(x):
    """min(max(x, 0), 6), NaN where x is."""
    return 0.0 if x <= 0 else 6.0 if x >= 6 else x


def sigmoid(x):
    """1 / (1 + e^-x) without overflow."""
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))


def cdf(x):
    """P(X <= x) of a standard normal X."""
    return 0.5 * math.erfc(-x * math.sqrt(0.5))


def inner(x):
    """2 u of gelu_tanh."""
    return 2 * A * x * (1 + B * x * x)


VALUES = {
    "relu": lambda x: 0.0 if x <= 0 else x,
    "relu6": relu6,
    "leaky_relu": lambda x, a: x if x > 0 else a * x,
    "elu": lambda x, a, b: b * x if x > 0 else b * a * math.expm1(x),
    "sigmoid": sigmoid,
    "tanh": math.tanh,
    "silu": lambda x: x * sigmoid(x),
    "gelu": lambda x: x * cdf(x),
    "gelu_tanh": lambda x: x * sigmoid(inner(x)),
    "hardswish": lambda x: x * relu6(x + 3) / 6,
}


def silu_slope(x):
    """y' = s (1 + x (1 - s))."""
    s = sigmoid(x)
    return s * (1 + x * (1 - s))


def gelu_slope(x):
    """y' = P(X <= x) + x times the density at x."""
    return cdf(x) + x * math.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def gelu_tanh_slope(x):
    """y' = s + x s (1 - s) (2 u)', s = sigmoid(2 u)."""
    s = sigmoid(inner(x))
    return s + x * s * (1 - s) * 2 * A * (1 + 3 * B * x * x)


def hardswish_slope(x):
    """y' = 0, x / 3 + 1/2, 1."""
    return 0.0 if x <= -3 else 1.0 if x >= 3 else x / 3 + 0.5


SLOPES = {
    "relu": lambda y: 0.0 if y <= 0 else 1.0,
    "relu6": lambda y: 1.0 if 0 < y < 6 else 0.0,
    "leaky_relu": lambda x, a: 1.0 if x > 0 else a,
    "elu": lambda x, a, b: b if x > 0 else b * a * math.exp(x),
    "sigmoid": lambda y: y * (1 - y),
    "tanh": lambda y: 1 - y * y,
    "silu": silu_slope,
    "gelu": gelu_slope,
    "gelu_tanh": gelu_tanh_slope,
    "hardswish": hardswish_slope,
}
