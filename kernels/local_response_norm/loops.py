"""The definition of local response normalisation: one element at a time, never optimised.

Every other implementation is compared with this one.
"""

import numpy as np


def local_response_norm_forward(x, size, alpha, beta, k):
    """x (N, C, *) -> y (N, C, *)."""
    y = np.empty(x.shape, x.dtype)
    for n, *pixel in np.ndindex(x[:, 0].shape):
        for c in range(x.shape[1]):
            column = x[(n, slice(None), *pixel)]  # one pixel, all channels
            y[(n, c, *pixel)] = column[c] * energy(column, c, size, alpha, k) ** -beta
    return y


def local_response_norm_backward(gy, x, size, alpha, beta, k):
    """gy, x (N, C, *) -> gx (N, C, *)."""
    gx = np.zeros(x.shape, x.dtype)
    for n, *pixel in np.ndindex(x[:, 0].shape):
        column, gy_column = x[(n, slice(None), *pixel)], gy[(n, slice(None), *pixel)]
        gx_column = gx[(n, slice(None), *pixel)]
        for c in range(x.shape[1]):
            s = energy(column, c, size, alpha, k)
            gx_column[c] += gy_column[c] * s**-beta
            for i in neighbours(c, size, x.shape[1]):
                gs = gy_column[c] * column[c] * -beta * s ** (-beta - 1)
                gx_column[i] += gs * 2 * alpha / size * column[i]
    return gx


def energy(column, c, size, alpha, k):
    """s[c] = k + alpha / size * sum of the squares in c's window."""
    total = 0
    for i in neighbours(c, size, len(column)):
        total += column[i] ** 2
    return k + alpha / size * total


def neighbours(c, size, channels):
    """The channels in the window of c."""
    return range(max(0, c - size // 2), min(channels, c + (size - 1) // 2 + 1))
