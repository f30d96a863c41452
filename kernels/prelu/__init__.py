"""PReLU: the ReLU with a learnt slope for negative inputs, one per channel.

    y = x where x > 0, w x elsewhere

At 0 the derivative is the left one. NaN stays NaN.
Source: He et al. (2015), Delving Deep into Rectifiers, equation 1.
"""

from typing import NamedTuple

import numpy as np

from ..cuda.array import anywhere
from ..dispatch import standard
from . import loops, vectorised


class Case(NamedTuple):
    """The property by which an implementation is chosen: the array type."""

    array: type
    dtype: np.dtype


def _compiled():
    from . import compiled

    return compiled


OPERATOR = standard("prelu", loops, vectorised, _compiled, numpy_can=anywhere)


class Gradients(NamedTuple):
    """gx (N, C, L) = gy where x > 0, w gy elsewhere; gw (C,) = sum of gy x where x is not > 0."""

    gx: np.ndarray
    gw: np.ndarray


def prelu_forward(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """x (N, C, L), w (C,) -> y (N, C, L)."""
    _check("prelu_forward", x, w)
    return OPERATOR.choose(Case(type(x), x.dtype)).prelu_forward(x, w)


def prelu_backward(gy: np.ndarray, x: np.ndarray, w: np.ndarray) -> Gradients:
    """gy, x (N, C, L), w (C,) -> gx (N, C, L), gw (C,)."""
    name = "prelu_backward"
    _check(name, x, w)
    if gy.shape != x.shape:
        raise ValueError(f"{name}: gy has the shape {gy.shape}, x {x.shape}; they must agree")
    return Gradients(*OPERATOR.choose(Case(type(x), x.dtype)).prelu_backward(gy, x, w))


def _check(name: str, x: np.ndarray, w: np.ndarray) -> None:
    if x.ndim != 3:
        raise ValueError(f"{name}: x of shape {x.shape} must be (N, C, L)")
    if w.shape != x.shape[1:2]:
        raise ValueError(f"{name}: w of shape {w.shape} must be {x.shape[1:2]}, the channels of x")
