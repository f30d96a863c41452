"""Batch normalisation in NumPy: some channels at a time, which stay in cache for all passes."""

import math

import numpy as np

from ..workspace import cut, scratch

BLOCK = 2**18  # bytes of x


def batch_norm_statistics(x):
    """x (N, C, *) -> mean (C,), var (C,)."""
    x = _flatten(x)
    mean, var = np.zeros(x.shape[1], x.dtype), np.zeros(x.shape[1], x.dtype)
    if x.size == 0:
        return mean, var
    for c in _blocks(x):
        near = x[:, c].mean(axis=(0, 2))
        deviation = scratch("deviation", x[:, c].shape, x.dtype)
        np.subtract(x[:, c], near[:, None], out=deviation)
        rest = deviation.mean(axis=(0, 2))  # the rounding error of `near`
        mean[c] = near + rest
        var[c] = np.square(deviation, out=deviation).mean(axis=(0, 2)) - rest**2
    return mean, np.maximum(var, 0, out=var)


def batch_norm_training(x, weight, bias, eps, relu=False, ceiling=math.inf):
    """x (N, C, *), weight and bias (C,) -> y (N, C, *), mean (C,), var (C,)."""
    mean, var = batch_norm_statistics(x)
    invstd = 1 / np.sqrt(var + x.dtype.type(eps))
    return batch_norm_forward(x, weight, bias, mean, invstd, relu, ceiling), mean, var


def batch_norm_forward(x, weight, bias, mean, invstd, relu=False, ceiling=math.inf):
    """x (N, C, *), all others (C,) -> y (N, C, *)."""
    y = np.empty(x.shape, x.dtype)
    x, out = _flatten(x), _flatten(y)
    scale = invstd if weight is None else invstd * weight
    for c in _blocks(x):
        part = np.subtract(x[:, c], mean[c, None], out=out[:, c])
        part *= scale[c, None]
        if bias is not None:
            part += bias[c, None]
        if relu:
            np.clip(part, 0, ceiling, out=part)
    return y


def batch_norm_backward(gy, x, weight, bias, mean, invstd, relu=False, ceiling=math.inf):
    """gy, x (N, C, *), all others (C,) -> gx (N, C, *), gw (C,), gb (C,)."""
    if relu:
        y = batch_norm_forward(x, weight, bias, mean, invstd)
        gy = gy * ~((y <= 0) | (y >= ceiling))
    gx = np.empty(x.shape, x.dtype)
    x, gy, out = _flatten(x), _flatten(gy), _flatten(gx)
    N, C, L = x.shape
    gw, gb = np.zeros(C, x.dtype), np.zeros(C, x.dtype)
    scale = invstd if weight is None else invstd * weight
    for c in _blocks(x):
        xhat = scratch("xhat", x[:, c].shape, x.dtype)
        np.subtract(x[:, c], mean[c, None], out=xhat)
        xhat *= invstd[c, None]
        products = np.multiply(gy[:, c], xhat, out=scratch("products", xhat.shape, x.dtype))
        gb[c] = gy[:, c].sum(axis=(0, 2))
        gw[c] = products.sum(axis=(0, 2))
        xhat *= (gw[c] / (N * L))[:, None]  # the path through the variance
        part = np.subtract(gy[:, c], xhat, out=out[:, c])
        part -= (gb[c] / (N * L))[:, None]  # the path through the mean
        part *= scale[c, None]
    return gx, gw, gb


def _flatten(x):
    """(N, C, *) -> (N, C, L)."""
    return x.reshape(*x.shape[:2], math.prod(x.shape[2:]))


def _blocks(x):
    """Slices of channels of x (N, C, L) of about BLOCK bytes each; none for an empty x."""
    N, C, L = x.shape
    return cut(C, BLOCK // (N * L * x.itemsize)) if x.size else []
