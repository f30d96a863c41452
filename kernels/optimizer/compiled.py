"""Steps of optimizers in Numba: every array is read and written once.

Threads divide the elements of a parameter. Parameters are updated one by one, in place: moving
those of a model into one array would detach them from other references to them.
"""

import numpy as np

from ..jit import kernel
from ..thread_pool import shared
from ..threads import parallel_ranges


def sgd_step(p, g, v, lr, momentum, gain, weight_decay, nesterov):
    """p, g, v (*), in place."""
    if v is None:
        _run_parallel(_descend, (lr, weight_decay), p, g)
    else:
        settings = lr, momentum, gain, weight_decay, nesterov
        _run_parallel(_descend_with_momentum, settings, p, g, v)


def lars_step(p, g, v, rate, momentum, weight_decay):
    """p, g, v (*), in place."""
    _run_parallel(_lars, (rate, momentum, weight_decay), p, g, v)


def rmsprop_step(p, g, s, m, b, lr, alpha, eps, momentum, weight_decay):
    """p, g, s, m, b (*), in place."""
    settings = lr, alpha, 1 - alpha, eps, momentum, weight_decay
    _run_parallel(_rmsprop, settings, p, g, s, m, b)


def adam_step(p, g, m, s, largest, rate, beta1, beta2, eps, correction, decay, shrink):
    """p, g, m, s, largest (*), in place."""
    settings = rate, beta1, 1 - beta1, beta2, 1 - beta2, eps, correction, decay, shrink
    _run_parallel(_adam, settings, p, g, m, s, largest)


def _run_parallel(run, settings, p, *others):
    """run(*settings, *arrays) for all elements, on all threads."""
    settings = [p.dtype.type(setting) for setting in settings]
    flat = [None if array is None else array.reshape(-1) for array in (p, *others)]
    parallel_ranges(run, p.size, p.size, *settings, *flat)


@kernel
def _descend(lr, decay, p, g, pool, first, last):
    if shared(pool, first, last):
        return
    p, g = p[first:last], g[first:last]
    for i in range(p.size):
        p[i] -= lr * (g[i] + decay * p[i])


@kernel
def _descend_with_momentum(lr, momentum, gain, decay, nesterov, p, g, v, pool, first, last):
    if shared(pool, first, last):
        return
    p, g, v = p[first:last], g[first:last], v[first:last]
    for i in range(p.size):
        step = g[i] + decay * p[i]
        v[i] = momentum * v[i] + gain * step
        p[i] -= lr * (step + momentum * v[i] if nesterov else v[i])


@kernel
def _lars(rate, momentum, decay, p, g, v, pool, first, last):
    if shared(pool, first, last):
        return
    p, g, v = p[first:last], g[first:last], v[first:last]
    for i in range(p.size):
        v[i] = momentum * v[i] + rate * (g[i] + decay * p[i])
        p[i] -= v[i]


@kernel
def _rmsprop(lr, alpha, rest, eps, momentum, decay, p, g, s, m, b, pool, first, last):
    if shared(pool, first, last):
        return
    p, g, s = p[first:last], g[first:last], s[first:last]
    if m is not None:
        means = m[first:last]
    if b is not None:
        buffer = b[first:last]
    for i in range(p.size):
        step = g[i] + decay * p[i]
        s[i] = alpha * s[i] + rest * (step * step)
        spread = s[i]
        if m is not None:
            means[i] = alpha * means[i] + rest * step
            spread -= means[i] * means[i]
        step /= np.sqrt(spread) + eps
        if b is not None:
            buffer[i] = momentum * buffer[i] + step
            step = buffer[i]
        p[i] -= lr * step


@kernel
def _adam(
    rate,
    beta1,
    rest1,
    beta2,
    rest2,
    eps,
    correction,
    decay,
    shrink,
    p,
    g,
    m,
    s,
    largest,
    pool,
    first,
    last,
):
    if shared(pool, first, last):
        return
    p, g, m, s = p[first:last], g[first:last], m[first:last], s[first:last]
    if largest is not None:
        maximum = largest[first:last]
    for i in range(p.size):
        step = g[i] + decay * p[i]
        m[i] = beta1 * m[i] + rest1 * step
        s[i] = beta2 * s[i] + rest2 * (step * step)
        spread = s[i]
        if largest is not None:
            spread = max(maximum[i], spread)
            maximum[i] = spread
        p[i] = p[i] * shrink - rate * m[i] / (np.sqrt(spread) / correction + eps)
