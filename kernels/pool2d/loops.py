"""The definition of pooling: one window at a time, never optimised.

Every other implementation is compared with this one.
"""

import math
from typing import Any

import numpy as np

from ..window import adaptive_spans


def index_type(H, W):
    """The dtype of flat indices into planes (H, W): int32 where possible, for less traffic."""
    return np.int32 if H * W < 2**31 else np.int64


def max_pool2d_forward(x, window):
    """x (N, C, H, W) -> y, argmax (N, C, OH, OW)."""
    H, W = x.shape[2:]
    OH, OW = window.output_size(H, W)
    y = np.empty((*x.shape[:2], OH, OW), x.dtype)
    argmax = np.empty(y.shape, index_type(H, W))
    for n, c, i, j in np.ndindex(y.shape):
        y[n, c, i, j], argmax[n, c, i, j] = largest(x[n, c], *cells(window, H, W, i, j))
    return y, argmax


def adaptive_max_pool2d_forward(x, output_size):
    """x (N, C, H, W) -> y, argmax (N, C, OH, OW)."""
    H, W = x.shape[2:]
    rows, columns = adaptive_spans(H, output_size[0]), adaptive_spans(W, output_size[1])
    y = np.empty((*x.shape[:2], *output_size), x.dtype)
    argmax = np.empty(y.shape, index_type(H, W))
    for n, c, i, j in np.ndindex(y.shape):
        y[n, c, i, j], argmax[n, c, i, j] = largest(x[n, c], range(*rows[i]), range(*columns[j]))
    return y, argmax


def largest(plane, rows, columns) -> tuple[Any, Any]:
    """The largest value of a plane (H, W) on rows x columns, and its index h * W + w."""
    W = plane.shape[1]
    value, index = -math.inf, None
    for h in rows:
        for w in columns:
            if index is None or plane[h, w] > value or math.isnan(plane[h, w]):
                value, index = plane[h, w], h * W + w
    return value, index


def max_pool2d_input_grad(gy, argmax, input_size, window=None):
    """gy, argmax (N, C, OH, OW) -> gx (N, C, H, W)."""
    gx = np.zeros((*gy.shape[:2], *input_size), gy.dtype)
    for n, c, i, j in np.ndindex(gy.shape):
        gx[n, c, argmax[n, c, i, j] // input_size[1], argmax[n, c, i, j] % input_size[1]] += gy[
            n, c, i, j
        ]
    return gx


def max_pool2d_gather(x, argmax):
    """x (N, C, H, W), argmax (N, C, OH, OW) -> y (N, C, OH, OW)."""
    W = x.shape[3]
    y = np.empty(argmax.shape, x.dtype)
    for n, c, i, j in np.ndindex(y.shape):
        y[n, c, i, j] = x[n, c, argmax[n, c, i, j] // W, argmax[n, c, i, j] % W]
    return y


def avg_pool2d_forward(x, window, count_include_pad=True, divisor_override=None):
    """x (N, C, H, W) -> y (N, C, OH, OW)."""
    H, W = x.shape[2:]
    y = np.zeros((*x.shape[:2], *window.output_size(H, W)), x.dtype)
    for n, c, i, j in np.ndindex(y.shape):
        rows, columns = cells(window, H, W, i, j)
        for h in rows:
            for w in columns:
                y[n, c, i, j] += x[n, c, h, w]
        y[n, c, i, j] /= divisor(window, H, W, i, j, count_include_pad, divisor_override)
    return y


def avg_pool2d_input_grad(gy, window, input_size, count_include_pad=True, divisor_override=None):
    """gy (N, C, OH, OW) -> gx (N, C, H, W)."""
    H, W = input_size
    gx = np.zeros((*gy.shape[:2], H, W), gy.dtype)
    for n, c, i, j in np.ndindex(gy.shape):
        share = gy[n, c, i, j] / divisor(window, H, W, i, j, count_include_pad, divisor_override)
        rows, columns = cells(window, H, W, i, j)
        for h in rows:
            for w in columns:
                gx[n, c, h, w] += share
    return gx


def adaptive_avg_pool2d_forward(x, output_size):
    """x (N, C, H, W) -> y (N, C, OH, OW)."""
    rows, columns = (adaptive_spans(*sizes) for sizes in zip(x.shape[2:], output_size, strict=True))
    y = np.zeros((*x.shape[:2], *output_size), x.dtype)
    for n, c, i, j in np.ndindex(y.shape):
        for h in range(*rows[i]):
            for w in range(*columns[j]):
                y[n, c, i, j] += x[n, c, h, w]
        y[n, c, i, j] /= len(range(*rows[i])) * len(range(*columns[j]))
    return y


def adaptive_avg_pool2d_input_grad(gy, input_size):
    """gy (N, C, OH, OW) -> gx (N, C, H, W)."""
    rows, columns = (adaptive_spans(*sizes) for sizes in zip(input_size, gy.shape[2:], strict=True))
    gx = np.zeros((*gy.shape[:2], *input_size), gy.dtype)
    for n, c, i, j in np.ndindex(gy.shape):
        share = gy[n, c, i, j] / (len(range(*rows[i])) * len(range(*columns[j])))
        for h in range(*rows[i]):
            for w in range(*columns[j]):
                gx[n, c, h, w] += share
    return gx


def cells(window, H, W, i, j):
    """The rows and the columns of the input that window (i, j) covers."""
    rows = [h for h in positions(window, 0, i) if 0 <= h < H]
    columns = [w for w in positions(window, 1, j) if 0 <= w < W]
    return rows, columns


def positions(window, axis, output):
    """The positions of an output's taps along one axis, including those in the padding."""
    first = output * window.stride[axis] - window.padding[axis][0]
    return [first + k * window.dilation[axis] for k in range(window.kernel[axis])]


def divisor(window, H, W, i, j, count_include_pad, divisor_override):
    """The divisor of the sum of window (i, j), at least 1."""
    if divisor_override is not None:
        return divisor_override
    rows, columns = cells(window, H, W, i, j)
    if count_include_pad:  # without the positions that ceil_mode adds beyond the padding
        rows = [h for h in positions(window, 0, i) if h < H + window.padding[0][1]]
        columns = [w for w in positions(window, 1, j) if w < W + window.padding[1][1]]
    return max(1, len(rows) * len(columns))
