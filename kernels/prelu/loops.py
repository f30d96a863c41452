"""The definition of PReLU: one element at a time, never optimised.

Every other implementation is compared with this one.
"""

import numpy as np


def prelu_forward(x, w):
    """x (N, C, L), w (C,) -> y (N, C, L)."""
    y = np.empty(x.shape, x.dtype)
    for n, c, i in np.ndindex(x.shape):
        y[n, c, i] = x[n, c, i] if x[n, c, i] > 0 else w[c] * x[n, c, i]
    return y


def prelu_backward(gy, x, w):
    """gy, x (N, C, L), w (C,) -> gx (N, C, L), gw (C,)."""
    gx, gw = np.empty(x.shape, x.dtype), np.zeros(w.shape, w.dtype)
    for n, c, i in np.ndindex(x.shape):
        if x[n, c, i] > 0:
            gx[n, c, i] = gy[n, c, i]
        else:
            gx[n, c, i] = w[c] * gy[n, c, i]
            gw[c] += gy[n, c, i] * x[n, c, i]
    return gx, gw
