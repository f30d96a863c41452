"""Notebook 2: convolutions and a col2im with common bugs."""

import numpy as np

from ...kernels.conv2d.loops import conv2d_forward
from ...kernels.window import Window


def flipped(x, w, stride=1, padding=0):
    """The convolution of mathematics, with a flipped kernel."""
    return conv2d_forward(x, w[:, :, ::-1, ::-1], Window(w.shape[2], stride, padding))


def too_small(x, w, stride=1, padding=0):
    """A convolution without the last row of outputs."""
    return conv2d_forward(x, w, Window(w.shape[2], stride, padding))[:, :, :-1]


def overwriting(columns, shape, K, stride=1, padding=0):
    """A col2im in which the last window over a pixel overwrites the others."""
    N, C, H, W = shape
    OH, OW = (H + 2 * padding - K) // stride + 1, (W + 2 * padding - K) // stride + 1
    gx = np.zeros((N, C, H + 2 * padding, W + 2 * padding))
    parts = columns.reshape(C, K, K, N, OH, OW)
    for kh, kw in np.ndindex(K, K):
        rows, across = slice(kh, kh + OH * stride, stride), slice(kw, kw + OW * stride, stride)
        gx[:, :, rows, across][:, :, :OH, :OW] = parts[:, kh, kw].swapaxes(0, 1)
    return gx[:, :, padding : padding + H, padding : padding + W]
