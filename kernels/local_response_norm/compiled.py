"""Local response normalisation in Numba: window sums without subtraction, for a few pixels at once.

Channels are split into groups of the window's size. A window is the end of one group and the
beginning of the next; summing all ends and beginnings takes three additions per channel, for any
window size. A running sum that subtracts the channel leaving the window would keep its rounding
error in all later sums, and NaN once it is infinite. Threads divide the pixels.
"""

import math

import numpy as np

from ..jit import kernel
from ..thread_pool import shared
from ..threads import parallel_ranges

PIXELS = 128  # pixels of an image in a block: their channels stay in the cache


def local_response_norm_forward(x, size, alpha, beta, k):
    """x (N, C, *) -> y (N, C, *)."""
    y = np.empty(x.shape, x.dtype)
    settings = size, *map(x.dtype.type, (alpha / size, beta, k))
    _run_parallel(_forward, settings, x, y)
    return y


def local_response_norm_backward(gy, x, size, alpha, beta, k):
    """gy, x (N, C, *) -> gx (N, C, *)."""
    gx = np.empty(x.shape, x.dtype)
    settings = size, *map(x.dtype.type, (alpha / size, beta, k, -2 * alpha * beta / size))
    _run_parallel(_backward, settings, gy, x, gx)
    return gx


def _run_parallel(run, settings, *arrays):
    N, C, L = *arrays[0].shape[:2], math.prod(arrays[0].shape[2:])
    flat = [np.ascontiguousarray(array).reshape(N, C, L) for array in arrays]
    parallel_ranges(run, N * -(-L // PIXELS), arrays[0].size, *settings, *flat)


@kernel(allocates=True)
def _window_sums(terms, before, size, P, ends, total):
    """total[c] = sum of terms[c - before ... c - before + size - 1], for the first P pixels."""
    C = len(terms)
    beginning = np.empty(P, terms.dtype)
    for start in range(-before, C - before, size):
        for j in range(size - 1, -1, -1):  # ends[j] = terms[start + j ... start + size - 1]
            i, end = start + j, ends[j, :P]
            if j == size - 1:
                end[:] = 0
            else:
                end[:] = ends[j + 1, :P]
            if 0 <= i < C:
                row = terms[i]
                for p in range(P):
                    end[p] += row[p]
        beginning[:] = 0
        for j in range(min(size, C - before - start)):
            i, end, out = start + size + j - 1, ends[j], total[start + j + before]
            if j and 0 <= i < C:
                row = terms[i]
                for p in range(P):
                    beginning[p] += row[p]
            for p in range(P):
                out[p] = end[p] + beginning[p]


@kernel
def inverse_powers(s, beta, c, k, P):
    """s = (k + c s)^-beta, in place."""
    one = s.dtype.type(1)
    for i in range(len(s)):
        row = s[i]
        if beta == s.dtype.type(0.75):  # AlexNet's, by roots
            for p in range(P):
                root = np.sqrt(k + c * row[p])
                row[p] = one / (root * np.sqrt(root))
        else:
            for p in range(P):
                row[p] = (k + c * row[p]) ** -beta


@kernel(allocates=True)
def _forward(size, c, beta, k, x, y, pool, first, last):
    if shared(pool, first, last):
        return
    _, C, L = x.shape
    blocks = -(-L // PIXELS)
    squares, powers = np.empty((C, PIXELS), x.dtype), np.empty((C, PIXELS), x.dtype)
    ends = np.empty((size, PIXELS), x.dtype)
    for block in range(first, last):
        n, start = block // blocks, block % blocks * PIXELS
        count = min(PIXELS, L - start)
        for i in range(C):
            row, square = x[n, i, start:], squares[i]
            for p in range(count):
                square[p] = row[p] * row[p]
        _window_sums(squares, size // 2, size, count, ends, powers)
        inverse_powers(powers, beta, c, k, count)
        for i in range(C):
            row, out, power = x[n, i, start:], y[n, i, start:], powers[i]
            for p in range(count):
                out[p] = row[p] * power[p]


@kernel(allocates=True)
def _backward(size, c, beta, k, factor, gy, x, gx, pool, first, last):
    if shared(pool, first, last):
        return
    _, C, L = x.shape
    blocks = -(-L // PIXELS)
    terms, energies = np.empty((C, PIXELS), x.dtype), np.empty((C, PIXELS), x.dtype)
    powers, sums = np.empty((C, PIXELS), x.dtype), np.empty((C, PIXELS), x.dtype)
    ends = np.empty((size, PIXELS), x.dtype)
    for block in range(first, last):
        n, start = block // blocks, block % blocks * PIXELS
        count = min(PIXELS, L - start)
        for i in range(C):
            row, square = x[n, i, start:], terms[i]
            for p in range(count):
                square[p] = row[p] * row[p]
        _window_sums(terms, size // 2, size, count, ends, energies)
        powers[:] = energies
        inverse_powers(powers, beta, c, k, count)
        for i in range(C):
            row, g, term, s, power = (
                x[n, i, start:],
                gy[n, i, start:],
                terms[i],
                energies[i],
                powers[i],
            )
            for p in range(count):
                term[p] = g[p] * row[p] * power[p] / (k + c * s[p])
        before = (size - 1) // 2
        _window_sums(terms, before, size, count, ends, sums)
        for i in range(C):
            row, g, out = x[n, i, start:], gy[n, i, start:], gx[n, i, start:]
            power, total = powers[i], sums[i]
            for p in range(count):
                out[p] = g[p] * power[p] + factor * row[p] * total[p]
