"""PReLU in Numba: one pass forward, one pass backward for both gradients.

Threads divide the planes (image, channel). Each plane has its own partial sum of the slope's
gradient, so results do not depend on the number of threads.
"""

import numpy as np

from ..jit import kernel
from ..sums import added
from ..thread_pool import shared
from ..threads import parallel_ranges

RUN = 4096  # values of a partial sum in x's precision; partial sums are added in double precision


def prelu_forward(x, w):
    """x (N, C, L), w (C,) -> y (N, C, L)."""
    x = np.ascontiguousarray(x)
    y = np.empty(x.shape, x.dtype)
    parallel_ranges(_forward, _planes(x), x.size, x, _like(w, x), y)
    return y


def prelu_backward(gy, x, w):
    """gy, x (N, C, L), w (C,) -> gx (N, C, L), gw (C,)."""
    gy, x = np.ascontiguousarray(gy, x.dtype), np.ascontiguousarray(x)
    gx, sums = np.empty(x.shape, x.dtype), np.empty(x.shape[:2])
    parallel_ranges(_backward, _planes(x), x.size, gy, x, _like(w, x), gx, sums)
    return gx, sums.sum(0).astype(w.dtype)


def _planes(x):
    return x.shape[0] * x.shape[1]


def _like(w, x):
    return np.ascontiguousarray(w, x.dtype)


@kernel
def _forward(x, w, y, pool, first, last):
    if shared(pool, first, last):
        return
    for plane in range(first, last):
        n, c = divmod(plane, w.size)
        row, out, slope = x[n, c], y[n, c], w[c]
        for i in range(row.size):
            out[i] = row[i] if row[i] > 0 else slope * row[i]


@kernel
def _backward(gy, x, w, gx, sums, pool, first, last):
    if shared(pool, first, last):
        return
    zero = x.dtype.type(0)
    for plane in range(first, last):
        n, c = divmod(plane, w.size)
        slope, total = w[c], 0.0
        for start in range(0, x.shape[2], RUN):
            run = slice(start, start + RUN)
            g, row, out, part = gy[n, c, run], x[n, c, run], gx[n, c, run], zero
            for i in range(row.size):
                passes = row[i] > 0
                out[i] = g[i] if passes else slope * g[i]
                part = added(part, zero if passes else g[i] * row[i])
            total += part
        sums[n, c] = total
