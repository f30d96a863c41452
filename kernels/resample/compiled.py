"""Resampling in Numba: each output row gathers its input rows, then each output its columns.

The adjoint also gathers, by the rows of the transposed matrices, so that it accumulates in
registers and not in memory. Threads divide the planes.
"""

import math

import numpy as np

from ..jit import kernel
from ..thread_pool import shared
from ..threads import parallel_ranges
from .axis_map import AxisMap

IDENTITY = AxisMap(
    1, np.zeros(1, np.int64)
)  # the identity, for the rows where only one axis changes


def resample_forward(x, maps):
    """x (*, sizes of the maps) -> y (*, one output size for each map)."""
    sizes = [len(axis_map.lower) for axis_map in maps]
    return _apply(_interpolate, x, sizes, maps, _linear)


def resample_input_grad(gy, maps):
    """gy (*, one output size for each map) -> gx (*, sizes of the maps)."""
    sizes = [axis_map.size for axis_map in maps]
    return _apply(_gather, gy, sizes, maps, _transposed)


def _linear(axis_map, dtype):
    """lower, upper and t of every output; unsigned, so that Numba does not test indices' signs."""
    lower = axis_map.lower.astype(np.uint64)
    if axis_map.t is None:
        return lower, lower, np.zeros(len(lower), dtype)
    return lower, axis_map.upper.astype(np.uint64), axis_map.t.astype(dtype)


def _transposed(axis_map, dtype):
    """The rows of the transposed matrix, without zero entries: start, column, weight.

    Row i has the entries start[i] ... start[i + 1] - 1.
    """
    o = np.arange(len(axis_map.lower))
    row, column, weight = axis_map.lower, o, np.ones(len(o))
    if axis_map.t is not None:
        row, column = np.concatenate([row, axis_map.upper]), np.concatenate([o, o])
        weight = np.concatenate([1 - axis_map.t, axis_map.t])
        row, column, weight = (array[weight != 0] for array in (row, column, weight))
    order = np.lexsort((column, row))
    start = np.searchsorted(row[order], np.arange(axis_map.size + 1))
    return start, column[order], weight[order].astype(dtype)


def _apply(run, x: np.ndarray, sizes, maps, arrays_of):
    """Resample the last axes of x to `sizes`: run the kernel with arrays_of(map) for both maps."""
    before = x.shape[: -len(maps)]
    y = np.empty((*before, *sizes), x.dtype)
    planes = math.prod(before)
    source, out = (
        array.reshape(planes, math.prod(size[:-1]), size[-1])
        for array, size in ((np.ascontiguousarray(x), x.shape[len(before) :]), (y, sizes))
    )
    rows, columns = (arrays_of(axis_map, x.dtype) for axis_map in (IDENTITY, *maps)[-2:])
    parallel_ranges(run, planes, max(x.size, y.size), source, out, *rows, *columns)
    return y


@kernel
def _interpolate(x, y, above, below, slope, lower, upper, t, pool, first, last):
    if shared(pool, first, last):
        return
    one = x.dtype.type(1)
    line = np.empty(x.shape[2], x.dtype)
    for plane in range(first, last):
        for i in range(y.shape[1]):
            a, b, share = x[plane, above[i]], x[plane, below[i]], slope[i]
            for w in range(line.size):
                line[w] = a[w] * (one - share) + b[w] * share
            out = y[plane, i]
            for j in range(out.size):
                out[j] = line[lower[j]] * (one - t[j]) + line[upper[j]] * t[j]


@kernel
def _gather(x, y, row_start, row, row_weight, start, column, weight, pool, first, last):
    if shared(pool, first, last):
        return
    line = np.empty(x.shape[2], x.dtype)
    for plane in range(first, last):
        for i in range(y.shape[1]):
            line[:] = 0
            for k in range(row_start[i], row_start[i + 1]):
                source, share = x[plane, row[k]], row_weight[k]
                for w in range(line.size):
                    line[w] += share * source[w]
            out = y[plane, i]
            for j in range(out.size):
                total = x.dtype.type(0)
                for k in range(start[j], start[j + 1]):
                    total += weight[k] * line[column[k]]
                out[j] = total
