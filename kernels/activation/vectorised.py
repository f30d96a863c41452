"""Activations in NumPy, or in CuPy for its arrays: a few passes over the array per function.

Numbers beside an array are arrays of its dtype: converting them takes longer than the operation.
"""

import math

import numpy as np

from ..special import erfc
from .loops import A, B

# For larger |x|, values and derivatives equal their limits to the last bit, but powers of x could
# overflow.
SATURATION = 40.0


def activation_forward(x, kind, *settings):
    """x (*) -> y (*)."""
    return VALUES[kind](x, *settings)


def activation_backward(gy, kept, kind, *settings):
    """gy, kept (*) -> gx (*)."""
    return GRADIENTS[kind](gy, kept, *settings)


ndarray, maximum = np.ndarray, np.maximum
ZEROS, ONES = ({code: np.full((), n, code) for code in "fd"} for n in (0, 1))  # by dtype.char


def zero_of(x):
    """0, in the dtype of a NumPy array."""
    return ZEROS.get(x.dtype.char, 0) if type(x) is ndarray else 0


ROW = 2**14  # elements of ZERO_ROWS
SCALAR = 2**9  # for fewer elements, NumPy's loop with a number takes less time than a row of zeros
ZERO_ROWS = {code: np.zeros(ROW, code) for code in "fd"}


def relu(x):
    """max(x, 0). NumPy vectorises its loop over two arrays, not that over an array and a number."""
    if type(x) is ndarray and SCALAR <= x.size <= ROW and x.flags.c_contiguous:
        zeros = ZERO_ROWS.get(x.dtype.char)
        if zeros is not None:
            return maximum(x, zeros[: x.size].reshape(x.shape))
    return maximum(x, zero_of(x))


def one_of(x):
    """1, in the dtype of a NumPy array."""
    return ONES.get(x.dtype.char, 1) if type(x) is ndarray else 1


def sigmoid(x):
    """1 / (1 + e^-x) without overflow; small values keep their digits."""
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1) / (1 + small)


def cdf(x):
    """P(X <= x) of a standard normal X: exact, but with a Python call per element."""
    return 0.5 * erfc(x * -math.sqrt(0.5))


def inner(x):
    """2 u of gelu_tanh."""
    return 2 * A * x * (1 + B * x * x)


VALUES = {
    "relu": relu,
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x, a: np.maximum(x, 0) + a * np.minimum(x, 0),
    "elu": lambda x, a, b: b * (np.maximum(x, 0) + a * np.expm1(np.minimum(x, 0))),
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "silu": lambda x: x * sigmoid(x),
    "gelu": lambda x: x * cdf(x),
    "gelu_tanh": lambda x: x * sigmoid(inner(np.clip(x, -SATURATION, SATURATION))),
    "hardswish": lambda x: x * (np.clip(x + 3, 0, 6) / 6),
}


def elu_slope(x, a, b):
    """y' = b where x > 0, b a e^x elsewhere."""
    return b * np.where(x > 0, x.dtype.type(1), a * np.exp(np.minimum(x, 0)))


def silu_slope(x):
    """y' = s (1 + x (1 - s))."""
    s = sigmoid(x)
    return s * (1 + x * (1 - s))


def gelu_slope(x):
    """y' = P(X <= x) + x times the density at x."""
    near = np.clip(x, -SATURATION, SATURATION)
    return cdf(x) + near * np.exp(-0.5 * near * near) / math.sqrt(2 * math.pi)


def gelu_tanh_slope(x):
    """y' = s + x s (1 - s) (2 u)', s = sigmoid(2 u)."""
    x = np.clip(x, -SATURATION, SATURATION)
    s = sigmoid(inner(x))
    return s + x * s * (1 - s) * (2 * A * (1 + 3 * B * x * x))


def hardswish_gradient(gy, x):
    """gx = 0 where x <= -3, even of an infinite gy, then gy (x / 3 + 1/2), then gy."""
    gx = gy * (np.minimum(x, 3) / 3 + 0.5)
    return np.where(x <= -3, zero_of(x), np.where(x >= 3, gy, gx))


def relu_gradient(gy, y):
    """gx = 0 where y is 0, even of an infinite gy, and gy elsewhere."""
    gx = gy.copy()
    if type(gx) is ndarray:
        zero = zero_of(y)
        np.putmask(gx, y <= zero, zero)  # half the time of gx[mask] = 0
    else:
        gx[y <= 0] = 0
    return gx


GRADIENTS = {
    "relu": relu_gradient,
    "relu6": lambda gy, y: np.where((y > 0) & (y < 6), gy, zero_of(y)),
    "leaky_relu": lambda gy, x, a: np.where(x > 0, gy, gy * a),
    "elu": lambda gy, x, a, b: gy * elu_slope(x, a, b),
    "sigmoid": lambda gy, y: gy * ((one_of(y) - y) * y),
    "tanh": lambda gy, y: gy * (one_of(y) - y * y),
    "silu": lambda gy, x: gy * silu_slope(x),
    "gelu": lambda gy, x: gy * gelu_slope(x),
    "gelu_tanh": lambda gy, x: gy * gelu_tanh_slope(x),
    "hardswish": hardswish_gradient,
}
