"""Sums and concatenations of large arrays, on all threads: residual connections, the gradients that
meet at a tensor, and dense connections are limited by memory, which one thread does not exhaust.

Results are those of NumPy, which also computes whatever is small or of another form.
"""

from typing import NamedTuple

import numpy as np

from ..dispatch import this_thread
from ..jit import has_numba

LARGE = 2**17  # elements: for fewer, NumPy takes less time than calling a kernel


class Rows(NamedTuple):
    """An array as rows of adjacent elements: row r begins at flat[r * step]."""

    flat: np.ndarray
    step: int


def add(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a + b"""
    if a.size < LARGE or not _fits(a, b):
        return a + b
    rows = _rows_of_all(a, b)
    if rows is None:
        return a + b
    from . import compiled

    first, second = rows
    return compiled.add(first, second, a.shape)


def add_to(y: np.ndarray, x: np.ndarray) -> None:
    """y += x, in place."""
    if y.size >= LARGE and _fits(y, x) and not np.may_share_memory(y, x):
        rows = _rows_of_all(y, x)
        if rows is not None:
            from . import compiled

            first, second = rows
            compiled.add_to(first, second, y.shape)
            return
    y += x


def concatenate(arrays: tuple[np.ndarray, ...], axis: int) -> np.ndarray:
    """np.concatenate of arrays of one dtype, whose other axes agree."""
    if axis == 1 and sum(x.size for x in arrays) >= LARGE and _have_one_type(arrays):
        rows = _rows_of_all(*arrays)
        if rows is not None:
            from . import compiled

            return compiled.concatenate(rows, [x.shape for x in arrays])
    return np.concatenate(arrays, axis)


def _fits(a: np.ndarray, b: np.ndarray) -> bool:
    is_alike = type(b) is np.ndarray and a.shape == b.shape and a.dtype == b.dtype
    return is_alike and _compiles(a)


def _have_one_type(arrays: tuple[np.ndarray, ...]) -> bool:
    dtype = arrays[0].dtype
    return all(_compiles(x) and x.dtype == dtype for x in arrays)


def _compiles(a: np.ndarray) -> bool:
    is_usual = type(a) is np.ndarray and a.dtype.char in "fd" and a.dtype.isnative
    return is_usual and this_thread.forced is None and has_numba()


def _rows_of_all(*arrays: np.ndarray) -> list[Rows] | None:
    """The rows of all arrays; None if the elements of a row are not adjacent."""
    rows = [_rows(array) for array in arrays]
    return None if None in rows else rows  # type: ignore[return-value]


def _rows(array: np.ndarray) -> Rows | None:
    """A row for each index of the first axis; None if its elements are not adjacent."""
    if array.ndim < 2 or not array.size or not array[0].flags.c_contiguous:
        return None
    step, rest = divmod(array.strides[0], array.itemsize)
    length = array[0].size
    if rest or step < length or not array.flags.aligned:
        return None
    extent = (len(array) - 1) * step + length
    if array.flags.c_contiguous:
        return Rows(array.reshape(-1), step)
    flat = np.lib.stride_tricks.as_strided(array, (extent,), (array.itemsize,))
    return Rows(flat, step)
