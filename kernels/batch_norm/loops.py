"""The definition of batch normalisation: one element at a time, never optimised.

Every other implementation is compared with this one.
"""

import math

import numpy as np


def batch_norm_statistics(x):
    """x (N, C, *) -> mean (C,), var (C,)."""
    mean, var = np.zeros(x.shape[1], x.dtype), np.zeros(x.shape[1], x.dtype)
    for c in range(x.shape[1]):
        sample = [float(value) for value in x[:, c].flat]
        if sample:
            middle = sum(sample) / len(sample)
            mean[c] = middle
            var[c] = sum((value - middle) ** 2 for value in sample) / len(sample)
    return mean, var


def batch_norm_training(x, weight, bias, eps, relu=False, ceiling=math.inf):
    """x (N, C, *), weight and bias (C,) -> y (N, C, *), mean (C,), var (C,)."""
    mean, var = batch_norm_statistics(x)
    invstd = 1 / np.sqrt(var + x.dtype.type(eps))
    return batch_norm_forward(x, weight, bias, mean, invstd, relu, ceiling), mean, var


def batch_norm_forward(x, weight, bias, mean, invstd, relu=False, ceiling=math.inf):
    """x (N, C, *), all others (C,) -> y (N, C, *)."""
    y = np.empty(x.shape, x.dtype)
    for at in np.ndindex(x.shape):
        c = at[1]
        xhat = (x[at] - mean[c]) * invstd[c]
        y[at] = xhat * (1 if weight is None else weight[c]) + (0 if bias is None else bias[c])
        if relu and y[at] <= 0:
            y[at] = 0
        if relu and y[at] > ceiling:
            y[at] = ceiling
    return y


def batch_norm_backward(gy, x, weight, bias, mean, invstd, relu=False, ceiling=math.inf):
    """gy, x (N, C, *), all others (C,) -> gx (N, C, *), gw (C,), gb (C,)."""
    if relu:
        y = batch_norm_forward(x, weight, bias, mean, invstd)
        gy = gy.copy()
        for at in np.ndindex(x.shape):
            if y[at] <= 0 or y[at] >= ceiling:
                gy[at] = 0
    gx = np.empty(x.shape, x.dtype)
    gw, gb = np.zeros(x.shape[1], x.dtype), np.zeros(x.shape[1], x.dtype)
    M = x[:, 0].size
    for at in np.ndindex(x.shape):
        c = at[1]
        gb[c] += gy[at]
        gw[c] += gy[at] * (x[at] - mean[c]) * invstd[c]
    for at in np.ndindex(x.shape):
        c = at[1]
        xhat = (x[at] - mean[c]) * invstd[c]
        through_mean = gb[c] / M
        through_var = xhat * gw[c] / M
        gx[at] = (
            (1 if weight is None else weight[c]) * invstd[c] * (gy[at] - through_mean - through_var)
        )
    return gx, gw, gb
