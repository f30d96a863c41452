"""Convolution in Numba CUDA: im2col and a matrix product; direct sums for depthwise layers.

    columns = im2col(x)         (N, K, T),  K = C * KH * KW,  T = OH * OW
    y       = w @ columns       [o,k][k,t] -> [o,t]          forward
    gx      = col2im(w^T @ gy)  [k,o][o,t] -> [k,t]          input gradient
    gw      = gy @ columns^T    [o,t][t,k] -> [o,k]          weight gradient

im2col is a copy: adjacent threads write adjacent columns. col2im is its adjoint. With one thread
per column, several threads would add to the same pixel. So there is one thread per pixel, which
gathers the columns that hold copies of its pixel: no atomic addition is needed.

With one input channel per group (depthwise) the column matrix has only KH * KW rows. There each
thread sums its few products directly, and a block of threads shares the long sum of each weight's
gradient.
"""

import numpy as np

from ..cuda.numba_block import block_sum, cuda, per_element, per_sum


def conv2d_forward(x, w, window, groups=1, bias=None, relu=False):
    """x (N, C, H, W), w (O, C/groups, KH, KW) -> y (N, O, OH, OW)."""
    N, O = len(x), len(w)
    OH, OW = window.output_size(*x.shape[2:])
    if groups > 1 and w.shape[1] == 1:
        y = np.empty((N, O, OH, OW), x.dtype, like=x)
        per_element(depthwise_forward, y, x, w, *_geometry(window))
    else:
        matrix = w.reshape(groups, O // groups, -1)
        y = (matrix @ _im2col(x, window, groups)).reshape(N, O, OH, OW)
    if bias is not None:
        y += bias[:, None, None]
    return np.maximum(y, 0, out=y) if relu else y


def conv2d_input_grad(gy, w, window, input_size, groups=1):
    """gy (N, O, OH, OW), w (O, C/groups, KH, KW) -> gx (N, C, H, W)."""
    N, O, OH, OW = gy.shape
    gx = np.empty((N, w.shape[1] * groups, *input_size), gy.dtype, like=gy)
    if groups > 1 and w.shape[1] == 1:
        per_element(depthwise_input_grad, gx, gy, w, *_geometry(window))
    else:
        matrix = w.reshape(groups, O // groups, -1).swapaxes(1, 2)
        columns = matrix @ gy.reshape(N, groups, O // groups, OH * OW)
        columns = columns.reshape(N, groups * matrix.shape[1], OH, OW)
        per_element(col2im, gx, columns, window.kernel, *_geometry(window))
    return gx


def conv2d_weight_grad(x, gy, window, groups=1):
    """x (N, C, H, W), gy (N, O, OH, OW) -> gw (O, C/groups, KH, KW)."""
    N, O, OH, OW = gy.shape
    gw = np.zeros((O, x.shape[1] // groups, *window.kernel), x.dtype, like=x)
    if groups > 1 and gw.shape[1] == 1:
        per_sum(depthwise_weight_grad, gw.size, x, gy, *_geometry(window), gw)
        return gw
    columns = _im2col(x, window, groups)
    products = gy.reshape(N, groups, O // groups, OH * OW) @ columns.swapaxes(2, 3)
    return products.sum(axis=0).reshape(gw.shape)


def _geometry(window):
    (top, _), (left, _) = window.padding
    return window.stride, window.dilation, (top, left)


def _im2col(x, window, groups):
    """x (N, C, H, W) -> columns (N, groups, C/groups * KH * KW, OH * OW)."""
    N, C, H, W = x.shape
    OH, OW = window.output_size(H, W)
    KH, KW = window.kernel
    columns = np.empty((N, C * KH * KW, OH, OW), x.dtype, like=x)
    per_element(im2col, columns, x, window.kernel, *_geometry(window))
    return columns.reshape(N, groups, C // groups * KH * KW, OH * OW)


@cuda.jit
def im2col(x, kernel, stride, dilation, before, columns):
    """columns[n, (c, kh, kw), i, j] = the pixel of x that weight (c, kh, kw) reads at (i, j)."""
    at = cuda.grid(1)
    if at >= columns.size:
        return
    _, K, OH, OW = columns.shape
    j, i, k, n = at % OW, at // OW % OH, at // (OW * OH) % K, at // (OW * OH * K)
    KH, KW = kernel
    c, kh, kw = k // (KH * KW), k // KW % KH, k % KW
    h = i * stride[0] + kh * dilation[0] - before[0]
    w = j * stride[1] + kw * dilation[1] - before[1]
    if 0 <= h < x.shape[2] and 0 <= w < x.shape[3]:
        columns[n, k, i, j] = x[n, c, h, w]
    else:
        columns[n, k, i, j] = 0


@cuda.jit
def col2im(columns, kernel, stride, dilation, before, gx):
    """gx[n, c, h, w] = the sum of the columns that hold copies of the pixel."""
    at = cuda.grid(1)
    if at >= gx.size:
        return
    _, C, H, W = gx.shape
    w, h, c, n = at % W, at // W % H, at // (W * H) % C, at // (W * H * C)
    KH, KW = kernel
    total = 0.0
    for kh in range(KH):
        i = h + before[0] - kh * dilation[0]  # i * stride
        if i < 0 or i % stride[0] or i >= columns.shape[2] * stride[0]:
            continue
        for kw in range(KW):
            j = w + before[1] - kw * dilation[1]
            if j < 0 or j % stride[1] or j >= columns.shape[3] * stride[1]:
                continue
            total += columns[n, (c * KH + kh) * KW + kw, i // stride[0], j // stride[1]]
    gx[n, c, h, w] = total


@cuda.jit
def depthwise_forward(x, weight, stride, dilation, before, y):
    """One thread per output: the sum over the KH * KW pixels of its window."""
    at = cuda.grid(1)
    if at >= y.size:
        return
    _, O, OH, OW = y.shape
    j, i, o, n = at % OW, at // OW % OH, at // (OW * OH) % O, at // (OW * OH * O)
    c = o // (O // x.shape[1])
    total = 0.0
    for kh in range(weight.shape[2]):
        h = i * stride[0] + kh * dilation[0] - before[0]
        if 0 <= h < x.shape[2]:
            for kw in range(weight.shape[3]):
                w = j * stride[1] + kw * dilation[1] - before[1]
                if 0 <= w < x.shape[3]:
                    total += x[n, c, h, w] * weight[o, 0, kh, kw]
    y[n, o, i, j] = total


@cuda.jit
def depthwise_input_grad(gy, weight, stride, dilation, before, gx):
    """One thread per pixel: the sum over the outputs that read it, in all output channels o."""
    at = cuda.grid(1)
    if at >= gx.size:
        return
    _, C, H, W = gx.shape
    w, h, c, n = at % W, at // W % H, at // (W * H) % C, at // (W * H * C)
    multiplier = gy.shape[1] // C
    total = 0.0
    for kh in range(weight.shape[2]):
        i = h + before[0] - kh * dilation[0]
        if i < 0 or i % stride[0] or i >= gy.shape[2] * stride[0]:
            continue
        for kw in range(weight.shape[3]):
            j = w + before[1] - kw * dilation[1]
            if j < 0 or j % stride[1] or j >= gy.shape[3] * stride[1]:
                continue
            for o in range(c * multiplier, (c + 1) * multiplier):
                total += gy[n, o, i // stride[0], j // stride[1]] * weight[o, 0, kh, kw]
    gx[n, c, h, w] = total


@cuda.jit
def depthwise_weight_grad(x, gy, stride, dilation, before, gw):
    """One block per weight: its threads divide the N * OH * OW outputs, then add their sums."""
    _, _, KH, KW = gw.shape
    k = cuda.blockIdx.x
    kw, kh, o = k % KW, k // KW % KH, k // (KW * KH)
    N, O, OH, OW = gy.shape
    c = o // (O // x.shape[1])
    partial = 0.0
    for at in range(cuda.threadIdx.x, N * OH * OW, cuda.blockDim.x):
        j, i, n = at % OW, at // OW % OH, at // (OW * OH)
        h = i * stride[0] + kh * dilation[0] - before[0]
        w = j * stride[1] + kw * dilation[1] - before[1]
        if 0 <= h < x.shape[2] and 0 <= w < x.shape[3]:
            partial += x[n, c, h, w] * gy[n, o, i, j]
    total = block_sum(partial)
    if cuda.threadIdx.x == 0:
        gw[o, 0, kh, kw] = total
