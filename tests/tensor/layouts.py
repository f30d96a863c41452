"""One array in several memory layouts."""

import numpy as np


def fortran(array):
    """Columns first."""
    return np.array(array, order="F")


def backwards(array):
    """Negative strides along every axis."""
    return np.flip(np.flip(array).copy())


def gappy(array):
    """Every other element of a wider array."""
    wide = np.zeros((*array.shape, 2), array.dtype)
    wide[..., 0] = array
    return wide[..., 0]


LAYOUTS = {"fortran": fortran, "backwards": backwards, "gappy": gappy}
