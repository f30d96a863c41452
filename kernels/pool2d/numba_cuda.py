"""Pooling in Numba CUDA: one thread per output; in the gradient of averages, one per input.

An input of overlapping windows receives gradients from several outputs. For averages, the thread of
the input gathers them. For maxima, it would have to read the argmax of every window; so the thread
of each output adds its gradient to the input, by an atomic addition.
"""

import numpy as np

from ..cuda.numba_block import cuda, per_element
from .loops import index_type
from .strided import divisors


def max_pool2d_forward(x, window):
    """x (N, C, H, W) -> y, argmax (N, C, OH, OW)."""
    y = np.empty((*x.shape[:2], *window.output_size(*x.shape[2:])), x.dtype, like=x)
    argmax = np.empty(y.shape, index_type(*x.shape[2:]), like=x)
    per_element(largest, y, x, window.kernel, *_geometry(window), argmax)
    return y, argmax


def max_pool2d_input_grad(gy, argmax, input_size, window=None):
    """gy, argmax (N, C, OH, OW) -> gx (N, C, H, W)."""
    gx = np.zeros((*gy.shape[:2], *input_size), gy.dtype, like=gy)
    per_element(scatter, gy, argmax, gx)
    return gx


def max_pool2d_gather(x, argmax):
    """x (N, C, H, W), argmax (N, C, OH, OW) -> y (N, C, OH, OW)."""
    y = np.empty(argmax.shape, x.dtype, like=x)
    per_element(gather, y, x, argmax)
    return y


def adaptive_max_pool2d_forward(x, output_size):
    """x (N, C, H, W) -> y, argmax (N, C, OH, OW)."""
    y = np.empty((*x.shape[:2], *output_size), x.dtype, like=x)
    argmax = np.empty(y.shape, index_type(*x.shape[2:]), like=x)
    per_element(adaptive_largest, y, x, argmax)
    return y, argmax


def avg_pool2d_forward(x, window, count_include_pad=True, divisor_override=None):
    """x (N, C, H, W) -> y (N, C, OH, OW)."""
    H, W = x.shape[2:]
    divisor = divisors(window, H, W, count_include_pad, divisor_override)
    divisor = np.asarray(divisor.astype(x.dtype), like=x)
    y = np.empty((*x.shape[:2], *divisor.shape), x.dtype, like=x)
    per_element(average, y, x, divisor, window.kernel, *_geometry(window))
    return y


def avg_pool2d_input_grad(
    gy, window, input_size: tuple[int, int], count_include_pad=True, divisor_override=None
):
    """gy (N, C, OH, OW) -> gx (N, C, H, W)."""
    divisor = divisors(window, *input_size, count_include_pad, divisor_override)
    divisor = np.asarray(divisor.astype(gy.dtype), like=gy)
    gx = np.empty((*gy.shape[:2], *input_size), gy.dtype, like=gy)
    per_element(average_input_grad, gx, gy, divisor, window.kernel, *_geometry(window))
    return gx


def adaptive_avg_pool2d_forward(x, output_size):
    """x (N, C, H, W) -> y (N, C, OH, OW)."""
    y = np.empty((*x.shape[:2], *output_size), x.dtype, like=x)
    per_element(adaptive_average, y, x)
    return y


def adaptive_avg_pool2d_input_grad(gy, input_size):
    """gy (N, C, OH, OW) -> gx (N, C, H, W)."""
    gx = np.empty((*gy.shape[:2], *input_size), gy.dtype, like=gy)
    per_element(adaptive_average_input_grad, gx, gy)
    return gx


def _geometry(window):
    (top, _), (left, _) = window.padding
    return window.stride, window.dilation, (top, left)


@cuda.jit
def largest(x, kernel, stride, dilation, before, argmax, y):
    """The maximum of a window and its first position; if there is a NaN, the last NaN."""
    at = cuda.grid(1)
    if at >= y.size:
        return
    _, C, OH, OW = y.shape
    j, i, c, n = at % OW, at // OW % OH, at // (OW * OH) % C, at // (OW * OH * C)
    H, W = x.shape[2:]
    best, winner = 0.0, -1
    for kh in range(kernel[0]):
        h = i * stride[0] + kh * dilation[0] - before[0]
        for kw in range(kernel[1]):
            w = j * stride[1] + kw * dilation[1] - before[1]
            if 0 <= h < H and 0 <= w < W:
                value = x[n, c, h, w]
                if winner < 0 or value > best or value != value:
                    best, winner = value, h * W + w
    y[n, c, i, j], argmax[n, c, i, j] = best, winner


@cuda.jit
def adaptive_largest(x, argmax, y):
    """The same for adaptive window (i, j) of OH x OW."""
    at = cuda.grid(1)
    if at >= y.size:
        return
    _, C, OH, OW = y.shape
    j, i, c, n = at % OW, at // OW % OH, at // (OW * OH) % C, at // (OW * OH * C)
    H, W = x.shape[2:]
    best, winner = 0.0, -1
    for h in range(i * H // OH, -(-(i + 1) * H // OH)):
        for w in range(j * W // OW, -(-(j + 1) * W // OW)):
            value = x[n, c, h, w]
            if winner < 0 or value > best or value != value:
                best, winner = value, h * W + w
    y[n, c, i, j], argmax[n, c, i, j] = best, winner


@cuda.jit
def scatter(argmax, gx, gy):
    """gx[argmax] += gy; several windows may have the same argmax."""
    at = cuda.grid(1)
    if at >= gy.size:
        return
    _, C, OH, OW = gy.shape
    j, i, c, n = at % OW, at // OW % OH, at // (OW * OH) % C, at // (OW * OH * C)
    W = gx.shape[3]
    winner = argmax[n, c, i, j]
    cuda.atomic.add(gx, (n, c, winner // W, winner % W), gy[n, c, i, j])


@cuda.jit
def gather(x, argmax, y):
    """y = x[argmax]."""
    at = cuda.grid(1)
    if at >= y.size:
        return
    _, C, OH, OW = y.shape
    j, i, c, n = at % OW, at // OW % OH, at // (OW * OH) % C, at // (OW * OH * C)
    W = x.shape[3]
    winner = argmax[n, c, i, j]
    y[n, c, i, j] = x[n, c, winner // W, winner % W]


@cuda.jit
def average(x, divisor, kernel, stride, dilation, before, y):
    """The sum of a window over its divisor."""
    at = cuda.grid(1)
    if at >= y.size:
        return
    _, C, OH, OW = y.shape
    j, i, c, n = at % OW, at // OW % OH, at // (OW * OH) % C, at // (OW * OH * C)
    total = 0.0
    for kh in range(kernel[0]):
        h = i * stride[0] + kh * dilation[0] - before[0]
        for kw in range(kernel[1]):
            w = j * stride[1] + kw * dilation[1] - before[1]
            if 0 <= h < x.shape[2] and 0 <= w < x.shape[3]:
                total += x[n, c, h, w]
    y[n, c, i, j] = total / divisor[i, j]


@cuda.jit
def average_input_grad(gy, divisor, kernel, stride, dilation, before, gx):
    """The sum of gy / divisor over the windows that contain a pixel."""
    at = cuda.grid(1)
    if at >= gx.size:
        return
    _, C, H, W = gx.shape
    w, h, c, n = at % W, at // W % H, at // (W * H) % C, at // (W * H * C)
    total = 0.0
    for kh in range(kernel[0]):
        i = h + before[0] - kh * dilation[0]  # i * stride
        if i < 0 or i % stride[0] or i >= gy.shape[2] * stride[0]:
            continue
        for kw in range(kernel[1]):
            j = w + before[1] - kw * dilation[1]
            if j < 0 or j % stride[1] or j >= gy.shape[3] * stride[1]:
                continue
            total += (
                gy[n, c, i // stride[0], j // stride[1]] / divisor[i // stride[0], j // stride[1]]
            )
    gx[n, c, h, w] = total


@cuda.jit
def adaptive_average(x, y):
    """The mean of window (i, j): rows floor(i H / OH) to ceil((i + 1) H / OH), same for columns."""
    at = cuda.grid(1)
    if at >= y.size:
        return
    _, C, OH, OW = y.shape
    j, i, c, n = at % OW, at // OW % OH, at // (OW * OH) % C, at // (OW * OH * C)
    top, bottom = i * x.shape[2] // OH, -(-(i + 1) * x.shape[2] // OH)
    left, right = j * x.shape[3] // OW, -(-(j + 1) * x.shape[3] // OW)
    total = 0.0
    for h in range(top, bottom):
        for w in range(left, right):
            total += x[n, c, h, w]
    y[n, c, i, j] = total / ((bottom - top) * (right - left))


@cuda.jit
def adaptive_average_input_grad(gy, gx):
    """The sum over the windows of row h: i from floor(h OH / H) to ceil((h + 1) OH / H)."""
    at = cuda.grid(1)
    if at >= gx.size:
        return
    _, C, H, W = gx.shape
    w, h, c, n = at % W, at // W % H, at // (W * H) % C, at // (W * H * C)
    OH, OW = gy.shape[2:]
    total = 0.0
    for i in range(h * OH // H, -(-(h + 1) * OH // H)):
        rows = -(-(i + 1) * H // OH) - i * H // OH
        for j in range(w * OW // W, -(-(w + 1) * OW // W)):
            columns = -(-(j + 1) * W // OW) - j * W // OW
            total += gy[n, c, i, j] / (rows * columns)
    gx[n, c, h, w] = total
