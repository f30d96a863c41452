"""Resampling in Numba: along the columns, whose elements are gathered, and along the rows.

Gathering takes longest, so the columns come where there are fewer rows: first where the planes
grow, otherwise last. The adjoint also gathers, by the rows of the transposed matrices. Where the
columns are doubled, all pairs but the outermost read with a step that is known, and nothing is
gathered. Threads divide the planes.
"""

import math
from typing import NamedTuple

import numpy as np

from ..jit import kernel
from ..thread_pool import shared
from ..threads import get_num_threads, parallel_ranges
from ..workspace import thread_scratch
from .axis_map import AxisMap

IDENTITY = AxisMap(
    1, np.zeros(1, np.int64)
)  # the identity, for the rows where only one axis changes


def resample_forward(x, maps):
    """x (*, sizes of the maps) -> y (*, one output size for each map)."""
    sizes = [len(axis_map.lower) for axis_map in maps]
    grows = len(maps) == 2 and sizes[0] >= maps[0].size
    return _apply(_grow if grows else _shrink, x, sizes, maps, _linear, _linear_pairs)


def resample_input_grad(gy, maps):
    """gy (*, one output size for each map) -> gx (*, sizes of the maps)."""
    sizes = [axis_map.size for axis_map in maps]
    return _apply(_adjoint, gy, sizes, maps, _transposed, _padded_pairs)


class Pairs(NamedTuple):
    """The pairs k = first ... last - 1 of elements 2 k, 2 k + 1 that have a simple rule.

    Forward: they are outputs, which read the inputs k + even, k + odd and those to the right of
    each. Adjoint: k is an output, which reads elements from 2 k + even on.
    """

    first: int
    last: int
    even: int
    odd: int


def _linear(axis_map, dtype):
    """lower, upper and t of every output; unsigned, so that Numba does not test indices' signs."""
    lower = axis_map.lower.astype(np.uint64)
    if axis_map.t is None:
        return lower, lower, np.zeros(len(lower), dtype)
    return lower, axis_map.upper.astype(np.uint64), axis_map.t.astype(dtype)


def _linear_pairs(axis_map, dtype):
    """`_linear`, and the Pairs of its outputs."""
    lower, upper, t = _linear(axis_map, dtype)
    k = np.arange(len(lower) // 2)
    shift = axis_map.lower[: 2 * len(k)].reshape(-1, 2) - k[:, None]
    even, odd = (int(one) for one in shift[len(k) // 2]) if len(k) else (0, 0)
    is_next = ((upper == lower + 1) | (t == 0)) & (lower + 1 < axis_map.size)
    fits = (shift == (even, odd)).all(1) & is_next[: 2 * len(k)].reshape(-1, 2).all(1)
    return lower, upper, t, Pairs(*_middle_run(fits), even, odd)


def _middle_run(fits) -> tuple[int, int]:
    """The ends of the run of true values around the middle; (0, 0) if that is false."""
    middle = len(fits) // 2
    if not fits.any() or not fits[middle]:
        return 0, 0
    before, after = np.flatnonzero(~fits[:middle]), np.flatnonzero(~fits[middle:])
    first = int(before[-1]) + 1 if before.size else 0
    return first, middle + int(after[0]) if after.size else len(fits)


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


def _padded_pairs(axis_map, dtype):
    """`_padded`, and the Pairs of its outputs: each has 2 or 4 adjacent entries."""
    columns, weights = _padded(axis_map, dtype)
    K, size = columns.shape
    place = columns.astype(np.int64) - 2 * np.arange(size) - np.arange(K)[:, None]
    start = int(place[0, size // 2]) if K else 0
    fits = (place == start).all(0) & (K in (2, 4))
    return columns, weights, Pairs(*_middle_run(fits), start, 0)


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
    width = 2 * max(source.shape[2], out.shape[2]) + 1
    lines = thread_scratch("lines", get_num_threads(), width, x.dtype)
    arrays = source, out, *rows, *columns, lines
    parallel_ranges(run, planes, max(x.size, y.size), *arrays, threads=len(lines))
    return y


@kernel(inline=True)
def _between(a, b, t, one):
    """a (1 - t) + b t, with the 1 of their dtype; a copy where t is 0, even if b is infinite."""
    return a if t == 0 else a * (one - t) + b * t


@kernel(inline=True)
def _resample_row(source, lower, upper, t, pairs, out):
    """One row of outputs; its pairs by loads of adjacent elements, the others gathered."""
    one, start, stop = source.dtype.type(1), 2 * pairs.first, 2 * pairs.last
    for j in range(start):
        out[j] = _between(source[lower[j]], source[upper[j]], t[j], one)
    a, b = source[pairs.first + pairs.even :], source[pairs.first + pairs.odd :]
    two, shares = out[start:], t[start:]
    for k in range(pairs.last - pairs.first):
        two[2 * k] = _between(a[k], a[k + 1], shares[2 * k], one)
        two[2 * k + 1] = _between(b[k], b[k + 1], shares[2 * k + 1], one)
    rest, low, high, shares = out[stop:], lower[stop:], upper[stop:], t[stop:]
    for j in range(rest.size):
        rest[j] = _between(source[low[j]], source[high[j]], shares[j], one)


@kernel
def _grow(x, y, above, below, slope, lower, upper, t, pairs, memory, pool, first, last):
    if shared(pool, first, last):
        return
    one = x.dtype.type(1)
    W = y.shape[2]
    lines = memory[-pool, : 2 * W].reshape(2, W)  # the last two input rows: row h in h % 2
    for plane in range(first, last):
        done = -1
        for i in range(y.shape[1]):
            while done < np.int64(below[i]):
                done = max(done + 1, np.int64(above[i]))
                _resample_row(x[plane, done], lower, upper, t, pairs, lines[done % 2])
            a, b, share = lines[np.int64(above[i]) % 2], lines[np.int64(below[i]) % 2], slope[i]
            out = y[plane, i]
            for j in range(out.size):
                out[j] = _between(a[j], b[j], share, one)


@kernel
def _shrink(x, y, above, below, slope, lower, upper, t, pairs, memory, pool, first, last):
    if shared(pool, first, last):
        return
    one = x.dtype.type(1)
    line = memory[-pool, : x.shape[2]]
    for plane in range(first, last):
        for i in range(y.shape[1]):
            a, b, share = x[plane, above[i]], x[plane, below[i]], slope[i]
            for w in range(line.size):
                line[w] = _between(a[w], b[w], share, one)
            _resample_row(line, lower, upper, t, pairs, y[plane, i])


@kernel
def _adjoint(x, y, row_start, row, row_weight, column, weight, pairs, memory, pool, first, last):
    if shared(pool, first, last):
        return
    whole = memory[-pool, : x.shape[2] + 1]
    line, whole[-1] = whole[:-1], 0  # the 0 is what `_padded` refers to
    for plane in range(first, last):
        for i in range(y.shape[1]):
            _sum_rows(x[plane], row_start[i], row_start[i + 1], row, row_weight, line)
            out = y[plane, i]
            if pairs.first < pairs.last:
                _gather_some(whole, column, weight, 0, pairs.first, out)
                _sum_pairs(whole, weight, pairs, out)
                _gather_some(whole, column, weight, pairs.last, out.size, out)
                continue
            out[:] = 0
            for k in range(len(weight)):
                shares, places = weight[k], column[k]
                for j in range(out.size):
                    out[j] += shares[j] * whole[places[j]]


@kernel(inline=True)
def _sum_rows(x, k, end, row, weight, line):
    """line = the sum of weight[k] x[row[k]] to the end, two rows at a time."""
    if (end - k) % 2:
        a, share = x[row[k]], weight[k]
        for w in range(line.size):
            line[w] = share * a[w]
        k += 1
    else:
        line[:] = 0
    while k < end:
        a, b, share, other = x[row[k]], x[row[k + 1]], weight[k], weight[k + 1]
        for w in range(line.size):
            line[w] += share * a[w] + other * b[w]
        k += 2


@kernel
def _gather_some(whole, column, weight, start, stop, out):
    """The few outputs beside the pairs."""
    for j in range(start, stop):
        total = out.dtype.type(0)
        for k in range(len(weight)):
            total += weight[k, j] * whole[column[k, j]]
        out[j] = total


@kernel(inline=True)
def _sum_pairs(whole, weight, pairs, out):
    """The outputs of `pairs`, of two entries each, or of four."""
    part, source = out[pairs.first : pairs.last], whole[2 * pairs.first + pairs.even :]
    a, b = weight[0, pairs.first :], weight[1, pairs.first :]
    if len(weight) == 2:
        for j in range(part.size):
            part[j] = a[j] * source[2 * j] + b[j] * source[2 * j + 1]
    else:
        c, d, after = weight[2, pairs.first :], weight[3, pairs.first :], source[2:]
        for j in range(part.size):
            near = a[j] * source[2 * j] + b[j] * source[2 * j + 1]
            part[j] = near + (c[j] * after[2 * j] + d[j] * after[2 * j + 1])
