"""Cross-entropy in Numba: the logits of a sample, or of a few hundred pixels, stay in the cache.

Threads divide the samples or the pixels.
"""

from functools import lru_cache

import numpy as np

from ..bits import largest_of
from ..exponential import exp
from ..jit import kernel
from ..sums import added
from ..thread_pool import shared
from ..threads import parallel_ranges

PIXELS = 256  # pixels of an image in a block
ZERO = np.float32(0)


def cross_entropy_forward(x, target, weight, ignore_index, smoothing):
    """x (N, C, L), target (N, L), weight (C,) -> y, m, s (N, L)."""
    found = np.empty((3, *target.shape), x.dtype)
    q = _classes(x, weight, smoothing)
    _run_parallel(_forward_rows, _forward_pixels, x, target, ignore_index, *q, found)
    return found[0], found[1], found[2]


def cross_entropy_backward(gy, x, m, s, target, weight, ignore_index, smoothing):
    """gy, m, s (N, L), x (N, C, L) -> gx (N, C, L)."""
    gx = np.empty(x.shape, x.dtype)
    q = _classes(x, weight, smoothing)
    gy = np.ascontiguousarray(gy)
    _run_parallel(_backward_rows, _backward_pixels, x, target, ignore_index, *q, gy, m, s, gx)
    return gx


def _classes(x, weight, smoothing):
    """Two arrays (C,): the part of q for the target class, and the part for every class."""
    C = x.shape[1]
    hard, soft = _plain_classes(C, x.dtype, smoothing)
    return (hard, soft) if weight is None else (weight * hard, weight * soft)


@lru_cache(maxsize=256)
def _plain_classes(C, dtype, smoothing):
    return np.full(C, 1 - smoothing, dtype), np.full(C, smoothing / C, dtype)


def _run_parallel(rows, pixels, x, target, ignore_index, *arrays):
    N, C, L = x.shape
    x, target = np.ascontiguousarray(x), np.ascontiguousarray(target, np.int64)
    if L == 1:
        arrays = [a.reshape(a.shape[:-1]) if a.ndim > 1 else a for a in arrays]
        parallel_ranges(rows, N, x.size, x.reshape(N, C), target.reshape(N), ignore_index, *arrays)
    else:
        blocks = N * -(-L // PIXELS)
        parallel_ranges(pixels, blocks, x.size, x, target, ignore_index, *arrays)


@kernel
def _forward_rows(x, target, ignore_index, hard, soft, found, pool, first, last):
    if shared(pool, first, last):
        return
    y, m, s = found[0], found[1], found[2]
    C = x.shape[1]
    smooth = _is_smoothed(soft)
    for n in range(first, last):
        row = x[n]
        largest = largest_of(row)
        total = ZERO
        for c in range(C):
            total = added(total, exp(row[c] - largest))
        m[n], s[n] = largest, total
        loss = ZERO
        if target[n] != ignore_index:
            log_s, t = np.log(total), target[n]
            if hard[t] != 0:
                loss = hard[t] * (log_s + (largest - row[t]))
            if smooth:
                for c in range(C):
                    term = soft[c] * (log_s + (largest - row[c]))
                    loss = added(loss, term if soft[c] != 0 else ZERO)
        y[n] = loss


@kernel
def _backward_rows(x, target, ignore_index, hard, soft, gy, m, s, gx, pool, first, last):
    if shared(pool, first, last):
        return
    C = x.shape[1]
    spread = _total(soft)
    for n in range(first, last):
        row, out = x[n], gx[n]
        if target[n] == ignore_index:
            out[:] = ZERO
            continue
        t, largest, g = target[n], m[n], gy[n]
        factor = g * (hard[t] + spread) / s[n]
        for c in range(C):
            out[c] = exp(row[c] - largest) * factor - g * soft[c]
        out[t] -= g * hard[t]


@kernel
def _forward_pixels(x, target, ignore_index, hard, soft, found, pool, first, last):
    if shared(pool, first, last):
        return
    y, m, s = found[0], found[1], found[2]
    _, C, L = x.shape
    smooth = _is_smoothed(soft)
    blocks = -(-L // PIXELS)
    for block in range(first, last):
        n, start = block // blocks, block % blocks * PIXELS
        stop = min(start + PIXELS, L)
        largest, total = m[n, start:stop], s[n, start:stop]
        at, loss = target[n, start:stop], y[n, start:stop]
        largest[:] = -np.inf
        total[:] = ZERO
        for c in range(C):
            row = x[n, c, start:stop]
            for i in range(row.size):
                largest[i] = row[i] if row[i] > largest[i] else largest[i]
        for c in range(C):
            row = x[n, c, start:stop]
            for i in range(row.size):
                total[i] += exp(row[i] - largest[i])
        for i in range(loss.size):
            loss[i] = ZERO
            if at[i] != ignore_index:
                log_s = np.log(total[i])
                if hard[at[i]] != 0:
                    loss[i] = hard[at[i]] * (log_s + (largest[i] - x[n, at[i], start + i]))
                if smooth:
                    for c in range(C):
                        if soft[c] != 0:
                            loss[i] += soft[c] * (log_s + (largest[i] - x[n, c, start + i]))


@kernel(allocates=True)
def _backward_pixels(x, target, ignore_index, hard, soft, gy, m, s, gx, pool, first, last):
    if shared(pool, first, last):
        return
    _, C, L = x.shape
    spread = _total(soft)
    blocks = -(-L // PIXELS)
    factor, g = np.empty(PIXELS, x.dtype), np.empty(PIXELS, x.dtype)
    for block in range(first, last):
        n, start = block // blocks, block % blocks * PIXELS
        stop = min(start + PIXELS, L)
        largest, at = m[n, start:stop], target[n, start:stop]
        for i in range(at.size):
            if at[i] == ignore_index:
                g[i] = factor[i] = ZERO
            else:
                g[i] = gy[n, start + i]
                factor[i] = g[i] * (hard[at[i]] + spread) / s[n, start + i]
        for c in range(C):
            row, out = x[n, c, start:stop], gx[n, c, start:stop]
            for i in range(row.size):
                out[i] = exp(row[i] - largest[i]) * factor[i] - g[i] * soft[c]
        for i in range(at.size):
            if at[i] != ignore_index:
                gx[n, at[i], start + i] -= g[i] * hard[at[i]]


@kernel
def _is_smoothed(soft):
    found = False
    for weight in soft:
        found = found or weight != 0
    return found


@kernel
def _total(soft):
    total = ZERO
    for weight in soft:
        total += weight
    return total
