"""The product of two matrices, by NumPy's BLAS, shared between our own threads.

BLAS has threads of its own, which go on turning in circles after their work and take the cores from
ours. So it is held to one, if threadpoolctl is installed, and a large product is cut into parts of
rows or columns, always the same ones: its bits do not depend on the number of threads.
"""

import threading
from contextlib import contextmanager
from functools import cache

import numpy as np

from .threads import parallel_for
from .workspace import cut

LITTLE = 2**18  # multiply-adds, for which BLAS wakes no thread up
PART = 2**21  # multiply-adds of a part, about
PARTS = 8  # at most

_lock = threading.Lock()
_holding = 0  # calls that hold BLAS to one thread now
_before: list[int] = []  # how many threads each BLAS had


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a (M, K), b (K, N) -> a @ b (M, N); other axes before the last two are broadcast."""
    macs = a.size * b.shape[-1]
    if macs <= LITTLE or not a.ndim == b.ndim == 2 or type(a) is not np.ndarray:
        return np.matmul(a, b)
    if a.dtype != b.dtype or not _libraries():
        return np.matmul(a, b)
    y = np.empty((a.shape[0], b.shape[1]), a.dtype)
    by_rows = y.shape[0] >= y.shape[1]
    parts = cut(max(y.shape), -(-max(y.shape) // min(PARTS, -(-macs // PART))))

    def multiply(k):
        at = parts[k]
        if by_rows:
            np.matmul(a[at], b, out=y[at])
        else:
            np.matmul(a, b[:, at], out=y[:, at])

    with _one_thread():
        parallel_for(multiply, len(parts))
    return y


@cache
def _libraries() -> list:
    """The BLAS libraries of this process, as threadpoolctl controls them."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return []
    found = ThreadpoolController().lib_controllers
    return [library for library in found if library.user_api == "blas"]


@contextmanager
def _one_thread():
    """Hold BLAS to one thread, until the last of the calls that overlap is done.

    OpenBLAS listens to the main thread: held from another one it may go on as it was.
    """
    global _holding
    with _lock:
        _holding += 1
        if _holding == 1:
            _before[:] = [library.num_threads for library in _libraries()]
            for library in _libraries():
                library.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            _holding -= 1
            if _holding == 0:
                for library, count in zip(_libraries(), _before, strict=True):
                    library.set_num_threads(count)
