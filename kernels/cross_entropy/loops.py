"""The definition of cross-entropy: one element at a time, never optimised.

Every other implementation is compared with this one.
"""

import math

import numpy as np


def cross_entropy_forward(x: np.ndarray, target, weight, ignore_index, smoothing):
    """x (N, C, L), target (N, L), weight (C,) -> y, m, s (N, L)."""
    y, m, s = np.zeros((3, *target.shape), x.dtype)
    for n, pixel in np.ndindex(target.shape):
        logits = [float(value) for value in x[n, :, pixel]]
        largest = max(logits)
        total = sum(math.exp(value - largest) for value in logits)
        m[n, pixel], s[n, pixel] = largest, total
        masses = mass(x, target[n, pixel], weight, ignore_index, smoothing)
        for q, value in zip(masses, logits, strict=True):
            if q:
                y[n, pixel] += q * (math.log(total) + (largest - value))
    return y, m, s


def cross_entropy_backward(gy, x, m, s, target, weight, ignore_index, smoothing):
    """gy, m, s (N, L), x (N, C, L) -> gx (N, C, L)."""
    gx = np.empty(x.shape, x.dtype)
    for n, pixel in np.ndindex(target.shape):
        q = mass(x, target[n, pixel], weight, ignore_index, smoothing)
        for c in range(x.shape[1]):
            p = math.exp(x[n, c, pixel] - m[n, pixel]) / s[n, pixel]
            gx[n, c, pixel] = gy[n, pixel] * (p * sum(q) - q[c])
    return gx


def mass(x, target, weight, ignore_index, smoothing):
    """q[c] of all classes."""
    classes = x.shape[1]
    if target == ignore_index:
        return [0.0] * classes
    w = [1.0] * classes if weight is None else [float(value) for value in weight]
    return [w[c] * ((1 - smoothing) * (c == target) + smoothing / classes) for c in range(classes)]
