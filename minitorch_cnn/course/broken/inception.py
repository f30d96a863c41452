"""Notebook 6: modules that join, multiply and average wrongly."""

import numpy as np

from ...functional import adaptive_avg_pool2d
from ...tensor import tensor
from ..inception import by_pixel, library_module, module_of


def joined_in_the_batch(x, w):
    """An Inception module that joins its branches along the batch, with two maps of each."""
    _, sizes = library_module(w)
    parts = np.split(module_of(x, w), np.cumsum(sizes)[:-1], axis=1)
    return tensor(np.concatenate([part[:, :2] for part in parts]))


def reversed_channels(x, w):
    """A 1 x 1 convolution with the input channels in reverse order."""
    return by_pixel(x, w[:, ::-1])


def summing(x):
    """A global average that forgets to divide."""
    return adaptive_avg_pool2d(x, 1).reshape(x.shape[:2]) * (x.shape[2] * x.shape[3])
