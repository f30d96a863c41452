"""Cross-entropy between the softmax of logits and class indices, without probability arrays.

    y[n, l] = sum over c of q[c] (log s + m - x[n, c, l]),
    m = max over c of x[n, c, l],  s = sum over c of e^(x[n, c, l] - m)
    q[c] = (1 - smoothing) w[c] where c is the target, plus smoothing / C w[c]

A term with q = 0 is 0, also at a logit of -inf. Where the target is ignore_index, y is 0.
Subtracting m prevents overflow for logits of any magnitude.
Source of the smoothing: Szegedy et al. (2016), Rethinking the Inception Architecture, section 7.
"""

from typing import NamedTuple

import numpy as np

from ..cuda.array import anywhere
from ..dispatch import standard
from ..jit import can_compile
from . import loops, vectorised


class Case(NamedTuple):
    """The properties by which an implementation is chosen: array type and shape of the logits."""

    array: type
    dtype: np.dtype
    x: tuple[int, int, int]  # N, C, L


def _compiles(case: Case) -> bool:
    return can_compile(case) and case.dtype == np.float32  # the kernels' exponentials are float32


def _compiled():
    from . import compiled

    return compiled


def _cuda():
    from . import cuda

    return cuda


OPERATOR = standard(
    "cross_entropy", loops, vectorised, _compiled, _cuda, numpy_can=anywhere, numba_can=_compiles
)


class Entropies(NamedTuple):
    """y, and m and s for the gradient, each (N, L)."""

    y: np.ndarray
    m: np.ndarray
    s: np.ndarray


def cross_entropy_forward(
    x: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None = None,
    ignore_index: int = -100,
    smoothing: float = 0.0,
) -> Entropies:
    """x (N, C, L), target (N, L), weight w (C,) or None for ones -> y, m, s (N, L).

    The caller must ensure that every target is ignore_index or in 0 ... C - 1.
    """
    _check("cross_entropy_forward", x, target, weight)
    implementation = OPERATOR.choose(Case(type(x), x.dtype, x.shape))
    return Entropies(
        *implementation.cross_entropy_forward(x, target, weight, ignore_index, smoothing)
    )


def cross_entropy_backward(
    gy: np.ndarray,
    x: np.ndarray,
    m: np.ndarray,
    s: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None = None,
    ignore_index: int = -100,
    smoothing: float = 0.0,
) -> np.ndarray:
    """gy, m, s (N, L), x (N, C, L), the others as in the forward -> gx (N, C, L).

    gx[c] = gy (p[c] * sum of q - q[c]),  p[c] = e^(x[c] - m) / s
    """
    name = "cross_entropy_backward"
    _check(name, x, target, weight)
    if gy.shape != target.shape:
        raise ValueError(f"{name}: gy has the shape {gy.shape}, target {target.shape}")
    implementation = OPERATOR.choose(Case(type(x), x.dtype, x.shape))
    return implementation.cross_entropy_backward(
        gy, x, m, s, target, weight, ignore_index, smoothing
    )


def _check(name: str, x: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> None:
    if x.ndim != 3 or x.shape[1] == 0:
        raise ValueError(f"{name}: x of shape {x.shape} must be (N, C, L) with C >= 1")
    if target.shape != (x.shape[0], x.shape[2]):
        raise ValueError(f"{name}: target of shape {target.shape} must be (N, L) of x {x.shape}")
    if weight is not None and weight.shape != x.shape[1:2]:
        raise ValueError(f"{name}: weight has the shape {weight.shape}, it must be {x.shape[1:2]}")
