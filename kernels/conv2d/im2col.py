"""Convolution in NumPy: copy the windows into the columns of a matrix, then one matrix product.

    columns = im2col(x)         (groups, K, T),  K = C/groups * KH * KW,  T output positions
    y       = w @ columns       [o,k][k,t] -> [o,t]          forward
    gx      = col2im(w^T @ gy)  [k,o][o,t] -> [k,t]          input gradient
    gw      = gy @ columns^T    [o,t][t,k] -> [o,k]          weight gradient

The whole column matrix is KH * KW times as large as the input. It is never built: blocks of images,
rows and columns of the output share one scratch buffer, small enough to be still in cache when the
product reads it. For a 1x1 kernel without stride or padding, x itself is the column matrix, and so
it is where a kernel covers its whole image: then the layer is a fully connected one. With one input
channel per group (depthwise) the matrices are too thin for a product: numpy_depthwise.py multiplies
and adds whole planes instead.
"""

import math

import numpy as np

from ..matmul import matmul
from ..window import taps
from ..workspace import LIMIT, cut, scratch
from . import numpy_depthwise
from .forms import COVERED, DEPTHWISE, form_of

BLOCK = 4 * 2**20  # bytes of columns in a block
MIN_COLUMNS = 512  # of a block: with fewer, reading w again takes longer than the product


def conv2d_forward(x, w, window, groups=1, bias=None, relu=False):
    """x (N, C, H, W), w (O, C/groups, KH, KW), bias (O,) -> y (N, O, OH, OW)."""
    y = _sums(x, w, window, groups)
    if bias is not None:
        y += bias[:, None, None]
    if relu:
        np.maximum(y, 0, out=y)
    return y


def _sums(x, w, window, groups):
    N, C, H, W = x.shape
    O, CG, KH, KW = w.shape
    form = form_of(window, (H, W), groups, CG)
    if form == DEPTHWISE:
        return numpy_depthwise.forward(x, w, window)
    if form == COVERED:
        y = matmul(_images(x, groups), _matrix(w, groups).swapaxes(-1, -2))
        return _from_matrix(y, (N, O, 1, 1))
    y = np.empty((N, O, *window.output_size(H, W)), x.dtype)
    matrix = w.reshape(groups, O // groups, CG * KH * KW)
    if is_pointwise(window):
        planes = x.reshape(N, groups, CG, H * W)
        matmul(matrix, planes, out=y.reshape(N, groups, O // groups, H * W))
        return y
    for block in _blocks(y.shape, C * KH * KW * x.itemsize):
        columns = im2col(x, window, groups, block)
        product = scratch("product", (groups, O // groups, columns.shape[2]), x.dtype)
        matmul(matrix, columns, out=product)
        scatter(product, y[block])
    return y


def conv2d_input_grad(gy, w, window, input_size, groups=1):
    """gy (N, O, OH, OW), w (O, C/groups, KH, KW) -> gx (N, C, H, W)."""
    N, O, OH, OW = gy.shape
    _, CG, KH, KW = w.shape
    C, form = CG * groups, form_of(window, input_size, groups, CG)
    if form == DEPTHWISE:
        return numpy_depthwise.input_grad(gy, w, window, input_size, groups)
    if form == COVERED:
        gx = matmul(_images(gy, groups), _matrix(w, groups))
        return _from_matrix(gx, (N, C, *input_size))
    matrix = w.reshape(groups, O // groups, CG * KH * KW).swapaxes(1, 2)
    gx = np.zeros((N, C, *input_size), gy.dtype)
    if is_pointwise(window):
        planes = gy.reshape(N, groups, O // groups, OH * OW)
        matmul(matrix, planes, out=gx.reshape(N, groups, CG, OH * OW))
        return gx
    for block in _blocks(gy.shape, C * KH * KW * gy.itemsize):
        part = gather(gy[block], groups)
        columns = scratch("columns", (groups, CG * KH * KW, part.shape[2]), gy.dtype)
        matmul(matrix, part, out=columns)
        col2im(columns, gx, window, block)
    return gx


def conv2d_weight_grad(x, gy, window, groups=1):
    """x (N, C, H, W), gy (N, O, OH, OW) -> gw (O, C/groups, KH, KW)."""
    O, CG = gy.shape[1], x.shape[1] // groups
    form = form_of(window, x.shape[2:], groups, CG)
    if form == DEPTHWISE:
        return numpy_depthwise.weight_grad(x, gy, window)
    KH, KW = window.kernel
    if form == COVERED:
        gw = matmul(_images(gy, groups).swapaxes(-1, -2), _images(x, groups))
        return gw.reshape(O, CG, KH, KW)
    gw = np.zeros((groups, O // groups, CG * KH * KW), x.dtype)
    product = np.empty_like(gw)
    if is_pointwise(window) and gy.shape[2] * gy.shape[3] >= MIN_COLUMNS:
        for x_image, gy_image in zip(x, gy, strict=True):
            planes = gy_image.reshape(groups, O // groups, -1)
            matmul(planes, x_image.reshape(groups, CG, -1).swapaxes(1, 2), out=product)
            gw += product
        return gw.reshape(O, CG, 1, 1)
    for block in _blocks(gy.shape, groups * CG * KH * KW * x.itemsize):
        columns = im2col(x, window, groups, block)
        matmul(gather(gy[block], groups), columns.swapaxes(1, 2), out=product)
        gw += product
    return gw.reshape(O, CG, KH, KW)


def im2col(x, window, groups, block):
    """x (N, C, H, W) -> columns (groups, K, T), the inputs of the outputs in `block`.

    The result is scratch memory. A block is the slices (images, channels, rows, columns) of y; T
    runs over its images, rows and columns.
    """
    images, _, rows, columns = block
    C, H, W = x.shape[1:]
    n, r, c = (at.stop - at.start for at in (images, rows, columns))
    patches = scratch("columns", (C, *window.kernel, n, r, c), x.dtype)
    source = x[images].swapaxes(0, 1)
    for kh, kw, y_at, x_at in _taps(window, H, W, block):
        patch = patches[:, kh, kw]
        if patch[y_at].size < patch.size:
            patch[...] = 0  # the padding
        patch[y_at] = source[x_at]
    return patches.reshape(groups, -1, n * r * c)


def col2im(columns, gx, window, block):
    """The adjoint of im2col: add every column of the block to the inputs that it copies."""
    images, _, rows, columns_of_y = block
    C, H, W = gx.shape[1:]
    n, r, c = (at.stop - at.start for at in (images, rows, columns_of_y))
    patches = columns.reshape(C, *window.kernel, n, r, c)
    target = gx[images].swapaxes(0, 1)
    for kh, kw, y_at, x_at in _taps(window, H, W, block):
        target[x_at] += patches[:, kh, kw][y_at]


def _taps(window, H, W, block):
    return taps(window, H, W, *((at.start, at.stop) for at in block[2:]))


def is_pointwise(window):
    return (window.kernel, window.stride, window.padding) == ((1, 1), (1, 1), ((0, 0), (0, 0)))


def _images(x, groups):
    """(N, C, H, W) -> (N, K), an image in a row; with groups (groups, N, K)."""
    rows = x.reshape(len(x), groups, math.prod(x.shape[1:]) // groups)
    return rows[:, 0] if groups == 1 else rows.swapaxes(0, 1)


def _matrix(w, groups):
    """(O, C/groups, KH, KW) -> (O, K), a kernel in a row; with groups (groups, O/groups, K)."""
    return w.reshape(len(w), -1) if groups == 1 else w.reshape(groups, len(w) // groups, -1)


def _from_matrix(y, shape):
    """The inverse of _images."""
    return (y if y.ndim == 2 else y.swapaxes(0, 1)).reshape(shape)


def _blocks(y_shape, bytes_per_column):
    """Cut y (N, O, OH, OW) into blocks of about BLOCK bytes of columns.

    A block holds whole images where they fit, else rows of one image, else a part of a row.
    """
    N, _, OH, OW = y_shape
    size = max(1, bytes_per_column)
    columns = max(1, BLOCK // size, min(MIN_COLUMNS, LIMIT // size))
    for images in cut(N, columns // (OH * OW)):
        for rows in cut(OH, columns // OW):
            for part in cut(OW, columns):
                yield images, slice(None), rows, part


def gather(part, groups, name="gathered"):
    """(n, O, r, c) -> (groups, O/groups, n*r*c), a copy in the scratch memory `name`."""
    n, O, r, c = part.shape
    rows = scratch(name, (O, n, r, c), part.dtype)
    rows[...] = part.swapaxes(0, 1)
    return rows.reshape(groups, O // groups, n * r * c)


def scatter(product, part):
    """(groups, O/groups, n*r*c) -> part (n, O, r, c): the inverse of gather, written in place."""
    n, O, r, c = part.shape
    part[...] = product.reshape(O, n, r, c).swapaxes(0, 1)
