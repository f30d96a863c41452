"""Notebook 2: convolutions and a col2im with common bugs."""

import numpy as np

from ...kernels.conv2d.loops import conv2d_forward
from ...kernels.window import Window
from ..convolution import gathered, last_of_a_pixel, scattered


def flipped(x, w, stride=1, padding=0):
    """The convolution of mathematics, with a flipped kernel."""
    return conv2d_forward(x, w[:, :, ::-1, ::-1], Window(w.shape[2], stride, padding))


def too_small(x, w, stride=1, padding=0):
    """A convolution without the last row of outputs."""
    return conv2d_forward(x, w, Window(w.shape[2], stride, padding))[:, :, :-1]


def overwriting(columns, shape, K, stride=1, padding=0):
    """A col2im in which the last window over a pixel overwrites the others."""
    parts = columns.reshape(gathered(np.zeros(shape), stride, padding, K).shape)
    return scattered(last_of_a_pixel(parts, shape, stride, padding), shape, stride, padding)
