"""Depthwise convolution in NumPy: one multiply-add of whole planes per kernel position.

With one input channel per group, a matrix product would have only KH * KW terms: mostly overhead
and no reuse. Here every kernel position (tap) is a shifted and strided view of x, times one weight
per channel. A block of images and channels stays in cache for all its taps. Output channel
c * M + m reads input channel c; M = O/C is the channel multiplier.

This module is part of the NumPy implementation.
"""

import numpy as np

from ..window import taps
from ..workspace import plane_blocks, scratch

BLOCK = 2**18  # bytes of output planes: with x and one product they fit the cache of a core


def forward(x, w, window):
    """x (N, C, H, W), w (C*M, 1, KH, KW) -> y (N, C*M, OH, OW)."""
    N, C, H, W = x.shape
    OH, OW = window.output_size(H, W)
    M = w.shape[0] // C
    weights = w.reshape(C, M, 1, 1, *window.kernel)
    y = np.zeros((N, C, M, OH, OW), x.dtype)
    for n, c in plane_blocks(N, C, M * OH * OW * y.itemsize, BLOCK):
        x_block, y_block = x[n, c, None], y[n, c]
        for kh, kw, y_at, x_at in taps(window, H, W, (0, OH), (0, OW)):
            y_tap = y_block[y_at]
            product = scratch("product", y_tap.shape, x.dtype)
            y_tap += np.multiply(x_block[x_at], weights[c, ..., kh, kw], out=product)
    return y.reshape(N, C * M, OH, OW)


def input_grad(gy, w, window, input_size, groups):
    """gy (N, C*M, OH, OW), w (C*M, 1, KH, KW) -> gx (N, C, H, W), C = groups."""
    N, O, OH, OW = gy.shape
    H, W = input_size
    M = O // groups
    weights = w.reshape(groups, M, 1, 1, *window.kernel)
    gy = gy.reshape(N, groups, M, OH, OW)
    gx = np.zeros((N, groups, H, W), gy.dtype)
    for n, c in plane_blocks(N, groups, M * OH * OW * gy.itemsize, BLOCK):
        gx_block, gy_block = gx[n, c], gy[n, c]
        for kh, kw, y_at, x_at in taps(window, H, W, (0, OH), (0, OW)):
            gy_tap = gy_block[y_at]
            product = scratch("product", gy_tap.shape, gy.dtype)
            gx_tap = gx_block[x_at]
            np.multiply(gy_tap, weights[c, ..., kh, kw], out=product)
            for m in range(M):
                gx_tap += product[:, :, m]
    return gx


def weight_grad(x, gy, window):
    """x (N, C, H, W), gy (N, C*M, OH, OW) -> gw (C*M, 1, KH, KW)."""
    N, C, H, W = x.shape
    _, O, OH, OW = gy.shape
    M = O // C
    gy = gy.reshape(N, C, M, OH, OW)
    gw = np.zeros((C, M, *window.kernel), x.dtype)
    for n, c in plane_blocks(N, C, M * OH * OW * gy.itemsize, BLOCK):
        x_block, gy_block = x[n, c], gy[n, c]
        for kh, kw, y_at, x_at in taps(window, H, W, (0, OH), (0, OW)):
            gw[c, :, kh, kw] += np.einsum("ncij,ncmij->cm", x_block[x_at], gy_block[y_at])
    return gw.reshape(O, 1, *window.kernel)
