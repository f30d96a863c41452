"""Local response normalisation in NumPy: the sum over a window is a sum of shifted arrays.

This takes `size` passes; the Numba implementation takes a constant number of additions per channel.
One image is computed at a time, so that its scratch arrays stay in cache.
"""

import numpy as np

from ..workspace import scratch


def local_response_norm_forward(x: np.ndarray, size, alpha, beta, k):
    """x (N, C, *) -> y (N, C, *)."""
    y = np.empty(x.shape, x.dtype)
    for image, out in zip(x, y, strict=True):
        np.multiply(image, _energy(image, size, alpha, k) ** -beta, out=out)
    return y


def local_response_norm_backward(gy, x: np.ndarray, size, alpha, beta, k):
    """gy, x (N, C, *) -> gx (N, C, *)."""
    gx = np.empty(x.shape, x.dtype)
    for image, g_image, out in zip(x, gy, gx, strict=True):
        s = _energy(image, size, alpha, k)
        g_direct = g_image * s**-beta
        terms = scratch("squares", image.shape, x.dtype)
        np.multiply(g_direct, image, out=terms)
        terms /= s
        np.multiply(_window_sum(terms, (size - 1) // 2, size // 2), image, out=out)
        out *= -2 * alpha * beta / size
        out += g_direct
    return gx


def _energy(image, size, alpha, k):
    """image (C, *) -> s (C, *) as defined in the operator. The result is scratch memory."""
    squares = np.square(image, out=scratch("squares", image.shape, image.dtype))
    s = _window_sum(squares, size // 2, (size - 1) // 2)
    s *= alpha / size
    s += k
    return s


def _window_sum(terms, before, after):
    """terms (C, *) -> (C, *), the sums of terms[c - before ... c + after], in scratch memory."""
    total = scratch("window_sum", terms.shape, terms.dtype)
    total[...] = terms
    last = len(terms) - 1
    for shift in range(1, min(before, last) + 1):
        total[shift:] += terms[:-shift]
    for shift in range(1, min(after, last) + 1):
        total[:-shift] += terms[shift:]
    return total
