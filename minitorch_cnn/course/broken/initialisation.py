"""Notebook 4: rules, fans and nonlinearities with common errors."""

import numpy as np


def variance(rule, fan_in, fan_out):
    """Variances, or a bound, instead of standard deviations."""
    return {
        "lecun": 1 / fan_in,
        "torch": 1 / np.sqrt(fan_in),
        "glorot": 2 / (fan_in + fan_out),
        "he": 2 / fan_in,
    }[rule]


def without_area(shape):
    """Fans without the window of a convolution."""
    return shape[1], shape[0]


def exchanged(a):
    """An ELU with its two cases exchanged."""
    return np.where(a > 0, np.expm1(np.minimum(a, 600)), a)


def zeros(y):
    """The fraction of zeros instead of dead units."""
    return float((y == 0).mean())
