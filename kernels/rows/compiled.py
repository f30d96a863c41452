"""Sums and concatenations in Numba: threads divide the rows and parts of them."""

import numpy as np

from ..jit import kernel
from ..thread_pool import shared
from ..threads import parallel_ranges

PART = 2**12  # elements of a row that are computed at once


def add(a, b, shape):
    """The sum (shape) of two arrays' rows."""
    y = np.empty(shape, a.flat.dtype)
    length = y[0].size
    settings = y.reshape(-1), a.step, b.step, length
    _run(_add, len(y), length, y.size, _read_only(a.flat), _read_only(b.flat), *settings)
    return y


def add_to(y, x, shape):
    """Add the rows of x to those of y."""
    length = int(np.prod(shape[1:]))
    settings = _read_only(x.flat), y.flat, x.step, y.step, length
    _run(_add_to, shape[0], length, shape[0] * length, *settings)


def concatenate(arrays, shapes):
    """The rows of the arrays, joined along axis 1."""
    N, _, *rest = shapes[0]
    y = np.empty((N, sum(shape[1] for shape in shapes), *rest), arrays[0].flat.dtype)
    flat, step, at = y.reshape(-1), y[0].size, 0
    for array, shape in zip(arrays, shapes, strict=True):
        length = int(np.prod(shape[1:]))
        settings = _read_only(array.flat), flat, array.step, step, at, length
        _run(_copy, N, length, N * length, *settings)
        at += length
    return y


def _run(kernel, rows, length, size, *arrays):
    parallel_ranges(kernel, rows * -(-length // PART), size, *arrays)


def _read_only(flat):
    """A read-only view, so that all calls have arguments of one type."""
    view = flat.view()
    view.flags.writeable = False
    return view


@kernel
def _add(a, b, y, a_step, b_step, length, pool, first, last):
    if shared(pool, first, last):
        return
    parts = (length + PART - 1) // PART
    for item in range(first, last):
        row, start = item // parts, item % parts * PART
        count = min(PART, length - start)
        p, q = a[row * a_step + start :], b[row * b_step + start :]
        total = y[row * length + start :]
        for i in range(count):
            total[i] = p[i] + q[i]


@kernel
def _add_to(x, y, x_step, y_step, length, pool, first, last):
    if shared(pool, first, last):
        return
    parts = (length + PART - 1) // PART
    for item in range(first, last):
        row, start = item // parts, item % parts * PART
        count = min(PART, length - start)
        terms, total = x[row * x_step + start :], y[row * y_step + start :]
        for i in range(count):
            total[i] += terms[i]


@kernel
def _copy(x, y, x_step, y_step, at, length, pool, first, last):
    if shared(pool, first, last):
        return
    parts = (length + PART - 1) // PART
    for item in range(first, last):
        row, start = item // parts, item % parts * PART
        count = min(PART, length - start)
        source, target = x[row * x_step + start :], y[row * y_step + at + start :]
        for i in range(count):
            target[i] = source[i]
