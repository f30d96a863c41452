"""Resampling in Numba: along the columns, whose elements are gathered, and along the rows.

Gathering takes longest, so the columns come where there are fewer rows: first where the planes
grow, otherwise last. The adjoint also gathers, by the rows of the transposed matrices. Threads
divide the planes.
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
    grows = len(maps) == 2 and sizes[0] >= maps[0].size
    return _apply(_grow if grows else _shrink, x, sizes, maps, _linear, _linear)


def resample_input_grad(gy, maps):
    """gy (*, one output size for each map) -> gx (*, sizes of the maps)."""
    sizes = [axis_map.size for axis_map in maps]
    return _apply(_adjoint, gy, sizes, maps, _transposed, _padded)


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


def _padded(axis_map, dtype):
    """The entries of `_transposed` as column (K, size) and weight (K, size), K the most of a row.

    Where a row has fewer, the others have the weight 0 and the column behind the last.
    """
    start, column, weight = _transposed(axis_map, dtype)
    counts = np.diff(start)
    row = np.repeat(np.arange(axis_map.size), counts)
    at = np.arange(len(column)) - start[row], row
    shape = counts.max(initial=0), axis_map.size
    columns = np.full(shape, len(axis_map.lower), np.uint64)
    weights = np.zeros(shape, dtype)
    columns[at], weights[at] = column, weight
    return columns, weights


def _apply(run, x: np.ndarray, sizes, maps, rows_of, columns_of):
    """Resample the last axes of x to `sizes`: run the kernel with the arrays of both maps."""
    before = x.shape[: -len(maps)]
    y = np.empty((*before, *sizes), x.dtype)
    planes = math.prod(before)
    source, out = (
        array.reshape(planes, math.prod(size[:-1]), size[-1])
        for array, size in ((np.ascontiguousarray(x), x.shape[len(before) :]), (y, sizes))
    )
    along_rows, along_columns = (IDENTITY, *maps)[-2:]
    rows, columns = rows_of(along_rows, x.dtype), columns_of(along_columns, x.dtype)
    parallel_ranges(run, planes, max(x.size, y.size), source, out, *rows, *columns)
    return y


@kernel(inline=True)
def _between(a, b, t, one):
    """a (1 - t) + b t, with the 1 of their dtype; a copy where t is 0, even if b is infinite."""
    return a if t == 0 else a * (one - t) + b * t


@kernel(allocates=True)
def _grow(x, y, above, below, slope, lower, upper, t, pool, first, last):
    if shared(pool, first, last):
        return
    one = x.dtype.type(1)
    lines = np.empty((2, y.shape[2]), x.dtype)  # the last two input rows, resampled: row h in h % 2
    for plane in range(first, last):
        done = -1
        for i in range(y.shape[1]):
            while done < np.int64(below[i]):
                done = max(done + 1, np.int64(above[i]))
                source, line = x[plane, done], lines[done % 2]
                for j in range(line.size):
                    line[j] = _between(source[lower[j]], source[upper[j]], t[j], one)
            a, b, share = lines[np.int64(above[i]) % 2], lines[np.int64(below[i]) % 2], slope[i]
            out = y[plane, i]
            for j in range(out.size):
                out[j] = _between(a[j], b[j], share, one)


@kernel(allocates=True)
def _shrink(x, y, above, below, slope, lower, upper, t, pool, first, last):
    if shared(pool, first, last):
        return
    one = x.dtype.type(1)
    line = np.empty(x.shape[2], x.dtype)
    for plane in range(first, last):
        for i in range(y.shape[1]):
            a, b, share = x[plane, above[i]], x[plane, below[i]], slope[i]
            for w in range(line.size):
                line[w] = _between(a[w], b[w], share, one)
            out = y[plane, i]
            for j in range(out.size):
                out[j] = _between(line[lower[j]], line[upper[j]], t[j], one)


@kernel(allocates=True)
def _adjoint(x, y, row_start, row, row_weight, column, weight, pool, first, last):
    if shared(pool, first, last):
        return
    whole = np.zeros(x.shape[2] + 1, x.dtype)  # with the 0 that `_padded` refers to
    line = whole[:-1]
    for plane in range(first, last):
        for i in range(y.shape[1]):
            line[:] = 0
            for k in range(row_start[i], row_start[i + 1]):
                source, share = x[plane, row[k]], row_weight[k]
                for w in range(line.size):
                    line[w] += share * source[w]
            out = y[plane, i]
            out[:] = 0
            for k in range(len(weight)):
                shares, places = weight[k], column[k]
                for j in range(out.size):
                    out[j] += shares[j] * whole[places[j]]
