"""Steps of optimizers in NumPy, or in CuPy: several passes over blocks that stay in the cache."""

import numpy as np

BLOCK = 1 << 15  # elements: the blocks of all arrays fit the second-level cache


def sgd_step(p, g, v, lr, momentum, gain, weight_decay, nesterov):
    """p, g, v (*), in place."""
    arrays = p, g, v
    for p, g, v, step, scratch in _in_blocks(*arrays):
        if weight_decay:
            np.multiply(p, weight_decay, out=step)
            g = np.add(step, g, out=step)
        if v is not None:
            v *= momentum
            v += g if gain == 1 else np.multiply(g, gain, out=scratch)
            if nesterov:
                np.multiply(v, momentum, out=scratch)
                g = np.add(g, scratch, out=step)
            else:
                g = v
        p -= np.multiply(g, lr, out=scratch)


def lars_step(p, g, v, rate, momentum, weight_decay):
    """p, g, v (*), in place."""
    arrays = p, g, v
    for p, g, v, step, _ in _in_blocks(*arrays):
        np.multiply(p, weight_decay, out=step)
        step += g
        step *= rate
        v *= momentum
        v += step
        p -= v


def rmsprop_step(p, g, s, m, b, lr, alpha, eps, momentum, weight_decay):
    """p, g, s, m, b (*), in place."""
    arrays = p, g, s, m, b
    for p, g, s, m, b, step, scratch in _in_blocks(*arrays):
        if weight_decay:
            np.multiply(p, weight_decay, out=step)
            g = np.add(step, g, out=step)
        np.multiply(g, g, out=scratch)
        scratch *= 1 - alpha
        s *= alpha
        s += scratch
        root = s
        if m is not None:
            m *= alpha
            m += np.multiply(g, 1 - alpha, out=scratch)
            np.multiply(m, m, out=scratch)
            root = np.subtract(s, scratch, out=scratch)
        root = np.sqrt(root, out=scratch)
        root += eps
        u = np.divide(g, root, out=step)
        if b is not None:
            b *= momentum
            b += u
            u = b
        p -= np.multiply(u, lr, out=scratch)


def adam_step(p, g, m, s, largest, rate, beta1, beta2, eps, correction, decay, shrink):
    """p, g, m, s, largest (*), in place."""
    arrays = p, g, m, s, largest
    for p, g, m, s, largest, step, scratch in _in_blocks(*arrays):
        if decay:
            np.multiply(p, decay, out=step)
            g = np.add(step, g, out=step)
        m *= beta1
        m += np.multiply(g, 1 - beta1, out=scratch)
        np.multiply(g, g, out=scratch)
        scratch *= 1 - beta2
        s *= beta2
        s += scratch
        if largest is not None:
            s = np.maximum(largest, s, out=largest)
        root = np.sqrt(s, out=scratch)
        root /= correction
        root += eps
        u = np.divide(m, root, out=step)
        u *= rate
        if shrink != 1:
            p *= shrink
        p -= u


def _in_blocks(*arrays):
    """Blocks of arrays of the same shape (None stays None), with two scratch arrays each.

    So each array is read from main memory once, which makes a step twice as fast for 20 million
    parameters. Non-contiguous arrays cannot be cut without a copy and form one block, as do arrays
    of a GPU.
    """
    first = arrays[0]
    in_order = all(a is None or a.flags.c_contiguous for a in arrays)
    if type(first) is not np.ndarray or not in_order:
        yield [*arrays, np.empty_like(first), np.empty_like(first)]
        return
    flat = [None if a is None else a.reshape(-1) for a in arrays]
    a, b = np.empty((2, min(first.size, BLOCK)), first.dtype)
    for start in range(0, first.size, BLOCK):
        pieces = [None if x is None else x[start : start + BLOCK] for x in flat]
        n = min(BLOCK, first.size - start)
        yield [*pieces, a[:n], b[:n]]
