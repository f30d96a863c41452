"""Notebook 4: wrong deviations, fans, nonlinearities and counts."""

import numpy as np

from ..initialisation import library_deviation, library_fans, other_case


def bound(rule, fan_in, fan_out):
    """The bound of Torch's uniform distribution for its deviation."""
    right = library_deviation(rule, fan_in, fan_out)
    return right * np.sqrt(3) if rule == "torch" else right


def without_area(shape):
    """Fans without the window of a convolution."""
    return library_fans(shape[:2])


def exchanged(a):
    """An ELU with its two cases exchanged."""
    return other_case(a)


def zeros(y):
    """The fraction of zeros instead of dead units."""
    return 1 - np.count_nonzero(y) / y.size
