"""Local response normalisation: divides each value by a power of the energy in nearby channels.

    s[c] = k + alpha / size * sum of x[i]^2 over the channels i of c's window
    y[c] = x[c] * s[c]^(-beta)

The window contains size // 2 channels before c, c itself and (size - 1) // 2 after it, where they
exist. alpha is divided by the full size also at the borders, as in PyTorch.
Source: Krizhevsky, Sutskever, Hinton (2012), ImageNet Classification ..., section 3.3; the alpha of
the paper is alpha / size here.
"""

from typing import NamedTuple

import numpy as np

from ..dispatch import standard
from . import loops, vectorised


def _compiled():
    from . import compiled

    return compiled


def _cuda():
    from . import cuda

    return cuda


OPERATOR = standard("local_response_norm", loops, vectorised, _compiled, _cuda)


class Case(NamedTuple):
    """The properties by which an implementation is chosen: function, array type, shape, window."""

    function: str
    array: type
    dtype: np.dtype
    x: tuple[int, ...]  # N, C, *
    size: int


def local_response_norm_forward(
    x: np.ndarray, size: int, alpha: float, beta: float, k: float
) -> np.ndarray:
    """x (N, C, *) -> y (N, C, *) = x * s^(-beta).

    Raises ValueError for a size below 1.
    """
    name = "local_response_norm_forward"
    _check(name, x, size)
    implementation = OPERATOR.choose(Case(name, type(x), x.dtype, x.shape, size))
    return implementation.local_response_norm_forward(x, size, alpha, beta, k)


def local_response_norm_backward(
    gy: np.ndarray, x: np.ndarray, size: int, alpha: float, beta: float, k: float
) -> np.ndarray:
    """gy, x (N, C, *) -> gx (N, C, *).

    gx[i] = gy[i] * s[i]^(-beta)
            - 2 * alpha * beta / size * x[i] * sum of gy[c] * x[c] * s[c]^(-beta-1)

    The sum runs over all c whose window contains i. This is the mirrored window of i: it has
    (size - 1) // 2 channels before i and size // 2 after it.
    """
    name = "local_response_norm_backward"
    _check(name, x, size)
    if gy.shape != x.shape:
        raise ValueError(f"{name}: gy has the shape {gy.shape}, x {x.shape}; they must agree")
    implementation = OPERATOR.choose(Case(name, type(x), x.dtype, x.shape, size))
    return implementation.local_response_norm_backward(gy, x, size, alpha, beta, k)


def _check(name: str, x: np.ndarray, size: int) -> None:
    if x.ndim < 2:
        raise ValueError(f"{name}: x must have at least 2 axes, not the shape {x.shape}")
    if x.dtype.kind != "f":
        raise TypeError(f"{name}: x must be floating point, not {x.dtype}")
    if size < 1:
        raise ValueError(f"{name}: size={size} must be at least 1")
