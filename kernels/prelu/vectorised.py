"""PReLU in NumPy, or in CuPy for its arrays: a few passes over the array."""

import numpy as np


def prelu_forward(x, w):
    """x (N, C, L), w (C,) -> y (N, C, L)."""
    return np.where(x > 0, x, w[:, None] * x)


def prelu_backward(gy, x, w):
    """gy, x (N, C, L), w (C,) -> gx (N, C, L), gw (C,)."""
    passes = x > 0
    gx = np.where(passes, gy, w[:, None] * gy)
    gw = np.where(passes, 0, gy * x).sum((0, 2))
    return gx, gw.astype(w.dtype, copy=False)
