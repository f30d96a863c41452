"""Matrix products by NumPy's BLAS, divided among the threads of our pool.

BLAS has threads of its own, which keep spinning after their work and take the cores from our
threads and from other programs. So BLAS is limited to one thread. A large product is cut into parts
of rows or columns, a stack of products into shorter stacks. The cuts do not depend on the number of
threads, so neither does any bit of the result.
"""

import math
import os
import threading
from contextlib import contextmanager
from functools import cache

import numpy as np

from .cores import has_threads
from .threads import parallel_for
from .workspace import cut

SERIAL_MACS = 2**18  # multiply-adds of a product, up to which BLAS uses one thread
SERIAL_VECTOR_MACS = 2**13  # the same where a matrix is a row or a column
PART_MACS = 2**21  # multiply-adds of a part, about
MAX_PARTS = 8

ndarray = np.ndarray

_lock = threading.Lock()
_holding = 0  # the number of calls that limit BLAS to one thread now
_before: list[int] = []  # the number of threads that each BLAS had before


def matmul(a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """a (*, M, K), b (*, K, N) -> a @ b (*, M, N), broadcast over the axes before the last two.

    out: the array for the result, of its shape and dtype.
    """
    if type(a) is not ndarray:
        return _on_device(a, b, out)
    is_plain = out is None
    if is_plain and 0 < a.size * b.size <= SERIAL_VECTOR_MACS and a.ndim == b.ndim == 2:
        return a.dot(b)  # the fastest for small matrices
    if a.ndim == b.ndim == 2:  # the most frequent case
        macs = a.size * b.shape[1]
        if macs <= SERIAL_VECTOR_MACS or (macs <= SERIAL_MACS and len(a) > 1 < b.shape[1]):
            # dot takes half the time of np.matmul for small matrices, but copies strided ones.
            if is_plain and b.size <= SERIAL_MACS:
                return a.dot(b)
            return np.matmul(a, b, out=out)
    if a.dtype.char not in "fd" or a.ndim < 2 or b.ndim < 2:
        return np.matmul(a, b, out=out)  # without BLAS, or without matrices
    (M, K), N = a.shape[-2:], b.shape[-1]
    macs = M * K * N
    is_serial = macs <= (SERIAL_MACS if M > 1 and N > 1 else SERIAL_VECTOR_MACS)
    if (is_serial and max(a.size * N, b.size * M) <= PART_MACS) or not a.size or not b.size:
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


def _on_device(a, b, out):
    """The product of arrays that are not NumPy's."""
    from .conv2d.cuda import product

    if out is None and a.dtype.char in "fd" and product.library_refuses(a):
        return product.product(a, b)
    return np.matmul(a, b, out=out)


def _in_parts(a, b, y, macs):
    """y (M, N) = a @ b, in parts of rows or columns."""
    if macs <= PART_MACS:
        np.matmul(a, b, out=y)
        return
    by_rows = y.shape[0] >= y.shape[1]
    parts = cut(max(y.shape), -(-max(y.shape) // min(MAX_PARTS, -(-macs // PART_MACS))))

    def multiply(k):
        at = parts[k]
        if by_rows:
            np.matmul(a[at], b, out=y[at])
        else:
            np.matmul(a, b[:, at], out=y[:, at])

    parallel_for(multiply, len(parts))


def _stack(a, b, y, macs):
    """y (*, M, N) = a @ b with equal leading axes: large products one by one, else shorter stacks
    along the longest axis.
    """
    batch = y.shape[:-2]
    if macs > PART_MACS:
        for at in np.ndindex(batch):
            _in_parts(a[at], b[at], y[at], macs)
        return
    axis = batch.index(max(batch))
    count = min(MAX_PARTS, -(-macs * math.prod(batch) // PART_MACS))
    parts = cut(batch[axis], -(-batch[axis] // count))

    def multiply(k):
        at = (slice(None),) * axis + (parts[k],)
        np.matmul(a[at], b[at], out=y[at])

    parallel_for(multiply, len(parts))


@cache
def _libraries() -> list:
    """The threadpoolctl controllers of NumPy's BLAS and of all others that are loaded by now."""
    if not has_threads():  # in a browser; neither has BLAS
        return []
    from threadpoolctl import ThreadpoolController

    found = ThreadpoolController().lib_controllers
    return [library for library in found if library.user_api == "blas"]


@contextmanager
def one_blas_thread():
    """Limit BLAS to one thread until the last of the overlapping calls is done."""
    _hold(1)
    try:
        yield
    finally:
        _hold(-1)


def _hold(change: int) -> None:
    """Add `change` to the number of calls that limit BLAS to one thread."""
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
    # Threadpoolctl sets OpenBLAS only for the first Python thread that asks, while it lives.
    getattr(library, "_real_set_num_threads", library.set_num_threads)(count)


def _after_fork() -> None:
    """Reset: a forked child does not have the threads whose calls limit BLAS."""
    global _lock, _holding
    _lock = threading.Lock()
    if _holding:
        _hold(-_holding)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
