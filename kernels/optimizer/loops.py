"""The definition of the steps: one element at a time, never optimised.

Every other implementation is compared with this one.
"""

import math

import numpy as np


def sgd_step(p, g, v, lr, momentum, gain, weight_decay, nesterov):
    """p, g, v (*), in place."""
    for at in np.ndindex(p.shape):
        step = g[at] + weight_decay * p[at]
        if v is not None:
            v[at] = momentum * v[at] + gain * step
            step = step + momentum * v[at] if nesterov else v[at]
        p[at] -= lr * step


def lars_step(p, g, v, rate, momentum, weight_decay):
    """p, g, v (*), in place."""
    for at in np.ndindex(p.shape):
        v[at] = momentum * v[at] + rate * (g[at] + weight_decay * p[at])
        p[at] -= v[at]


def rmsprop_step(p, g, s, m, b, lr, alpha, eps, momentum, weight_decay):
    """p, g, s, m, b (*), in place."""
    for at in np.ndindex(p.shape):
        step = g[at] + weight_decay * p[at]
        s[at] = alpha * s[at] + (1 - alpha) * step * step
        spread = s[at]
        if m is not None:
            m[at] = alpha * m[at] + (1 - alpha) * step
            spread = spread - m[at] * m[at]
        step = step / (math.sqrt(spread) + eps)
        if b is not None:
            b[at] = momentum * b[at] + step
            step = b[at]
        p[at] -= lr * step


def adam_step(p, g, m, s, largest, rate, beta1, beta2, eps, correction, decay, shrink):
    """p, g, m, s, largest (*), in place."""
    for at in np.ndindex(p.shape):
        step = g[at] + decay * p[at]
        m[at] = beta1 * m[at] + (1 - beta1) * step
        s[at] = beta2 * s[at] + (1 - beta2) * step * step
        spread = s[at]
        if largest is not None:
            largest[at] = max(largest[at], spread)
            spread = largest[at]
        p[at] = p[at] * shrink - rate * m[at] / (math.sqrt(spread) / correction + eps)
