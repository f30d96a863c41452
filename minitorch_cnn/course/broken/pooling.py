"""Notebook 3: lost gradients, and the wrong variance."""

import numpy as np

AXES, WIDE = (0, 2, 3), (None, slice(None), None, None)


def overwriting(gy, argmax, size):
    """Max pooling's backward in which the last window that chose a pixel overwrites the others."""
    N, C = gy.shape[:2]
    gx = np.zeros((N * C, size[0] * size[1]))
    np.put_along_axis(gx, argmax.reshape(N * C, -1), gy.reshape(N * C, -1), 1)
    return gx.reshape(N, C, *size)


def without_variance(gy, x, weight, eps=1e-5):
    """Batch norm's backward without the path through the variance."""
    invstd = 1 / np.sqrt(x.var(AXES) + eps)
    xhat = (x - x.mean(AXES)[WIDE]) * invstd[WIDE]
    gx = (weight * invstd)[WIDE] * (gy - gy.mean(AXES)[WIDE])
    return gx, (gy * xhat).sum(AXES), gy.sum(AXES)


def unbiased(x, weight, bias, eps=1e-5):
    """Batch norm with the unbiased variance."""
    xhat = (x - x.mean(AXES)[WIDE]) / np.sqrt(x.var(AXES, ddof=1) + eps)[WIDE]
    return weight[WIDE] * xhat + bias[WIDE]
