"""The product of matrices, by NumPy's BLAS, shared between our own threads.

BLAS has threads of its own, which go on spinning after their work and take the cores from
ours, and from other programs. So it is held to one, and a large product is cut into parts of rows
or columns, a stack of products into shorter stacks, always the same ones: the bits do not depend on
the number of threads.
"""

import math
import os
import threading
from contextlib import contextmanager
from functools import cache

import numpy as np

from .threads import parallel_for
from .workspace import cut

LITTLE = 2**18  # multiply-adds of a product, for which BLAS wakes no thread up
LITTLE_OF_VECTORS = 2**13  # the same where a matrix is a row or a column
PART = 2**21  # multiply-adds of a part, about
PARTS = 8  # at most

_lock = threading.Lock()
_holding = 0  # calls that hold BLAS to one thread now
_before: list[int] = []  # how many threads each BLAS had


def matmul(a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """a (*, M, K), b (*, K, N) -> a @ b (*, M, N), the axes before the last two are broadcast.

    out: where the result is written, of its shape and dtype.
    """
    if a.ndim == b.ndim == 2:  # what most are
        macs = a.size * b.shape[1]
        if macs <= LITTLE_OF_VECTORS or (macs <= LITTLE and len(a) > 1 < b.shape[1]):
            return np.matmul(a, b, out=out)
    if type(a) is not np.ndarray or a.dtype.char not in "fd" or a.ndim < 2 or b.ndim < 2:
        return np.matmul(a, b, out=out)  # without BLAS, or without matrices
    (M, K), N = a.shape[-2:], b.shape[-1]
    macs = M * K * N
    little = macs <= (LITTLE if M > 1 and N > 1 else LITTLE_OF_VECTORS)
    if (little and max(a.size * N, b.size * M) <= PART) or not a.size or not b.size:
        return np.matmul(a, b, out=out)
    with one_blas_thread():
        if a.dtype != b.dtype or a.shape[-1] != b.shape[-2] or not _libraries():
            return np.matmul(a, b, out=out)
        if a.ndim == b.ndim == 2:
            y = np.empty((M, N), a.dtype) if out is None else out
            _in_parts(a, b, y, macs)
        else:
            batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
            y = np.empty((*batch, M, N), a.dtype) if out is None else out
            a, b = (np.broadcast_to(c, batch + c.shape[-2:]) for c in (a, b))
            _stack(a, b, y, macs)
    return y


def _in_parts(a, b, y, macs):
    """y (M, N) = a @ b, rows or columns at a time."""
    if macs <= PART:
        np.matmul(a, b, out=y)
        return
    by_rows = y.shape[0] >= y.shape[1]
    parts = cut(max(y.shape), -(-max(y.shape) // min(PARTS, -(-macs // PART))))

    def multiply(k):
        at = parts[k]
        if by_rows:
            np.matmul(a[at], b, out=y[at])
        else:
            np.matmul(a, b[:, at], out=y[:, at])

    parallel_for(multiply, len(parts))


def _stack(a, b, y, macs):
    """y (*, M, N) = a @ b, all with the same first axes: one by one, or some of the longest."""
    batch = y.shape[:-2]
    if macs > PART:
        for at in np.ndindex(batch):
            _in_parts(a[at], b[at], y[at], macs)
        return
    axis = batch.index(max(batch))
    parts = cut(batch[axis], -(-batch[axis] // min(PARTS, -(-macs * math.prod(batch) // PART))))

    def multiply(k):
        at = (slice(None),) * axis + (parts[k],)
        np.matmul(a[at], b[at], out=y[at])

    parallel_for(multiply, len(parts))


@cache
def _libraries() -> list:
    """NumPy's BLAS, as threadpoolctl controls it, and others that are loaded by now."""
    from threadpoolctl import ThreadpoolController

    found = ThreadpoolController().lib_controllers
    return [library for library in found if library.user_api == "blas"]


@contextmanager
def one_blas_thread():
    """Hold BLAS to one thread, until the last of the calls that overlap is done."""
    _hold(1)
    try:
        yield
    finally:
        _hold(-1)


def _hold(change: int) -> None:
    """One call more or less that holds BLAS to one thread."""
    global _holding
    with _lock:
        _holding += change
        if _holding == 1 == change:
            _before[:] = [library.num_threads for library in _libraries()]
            for library, count in zip(_libraries(), _before, strict=True):
                if count != 1:
                    _set_threads(library, 1)
        elif _holding == 0:
            for library, count in zip(_libraries(), _before, strict=True):
                if count != 1:
                    _set_threads(library, count)


def _set_threads(library, count: int) -> None:
    # Threadpoolctl lets only the first Python thread that asks set OpenBLAS, as long as it lives.
    getattr(library, "_real_set_num_threads", library.set_num_threads)(count)


def _after_fork() -> None:
    """Start anew: the calls that hold BLAS are those of threads that a forked child has not."""
    global _lock, _holding
    _lock = threading.Lock()
    if _holding:
        _hold(-_holding)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
