"""Cross-entropy between the softmax of logits and class indices, without probability arrays.

    y[n, l] = sum over c of q[c] (log s + m - x[n, c, l]),
    m = max over c of x[n, c, l],  s = sum over c of e^(x[n, c, l] - m)
    q[c] = (1 - smoothing) w[c] where c is the target, plus smoothing / C w[c]

A term with q = 0 is 0, also at a logit of -inf. Where the target is ignore_index, y is 0.
Subtracting m prevents overflow for logits of any magnitude.
Source of the smoothing: Szegedy et al. (2016), Rethinking the Inception Architecture, section 7.
"""

from typing import Any, NamedTuple

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
    implementation: Any = OPERATOR.choose(Case(type(x), x.dtype, x.shape))
    return Entropies(
        *implementation.cross_entropy_forward(x, target, weight, ignore_index, smoothing)
    )


class MeanEntropy(NamedTuple):
    """The mean (), the sum of the weights that it was divided by (), and m and s (N, L)."""

    mean: np.ndarray
    total: np.ndarray
    m: np.ndarray
    s: np.ndarray


def cross_entropy_mean(
    x: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None = None,
    ignore_index: int = -100,
    smoothing: float = 0.0,
) -> MeanEntropy:
    """The sum of cross_entropy_forward's y over that of the weights of the targets that count.

    The host does not wait for a GPU. So nobody checks the targets: one outside of the classes
    makes the mean NaN.
    """
    _check("cross_entropy_mean", x, target, weight)
    settings = weight, ignore_index, smoothing
    implementation: Any = OPERATOR.choose(Case(type(x), x.dtype, x.shape))
    fused = getattr(implementation, "cross_entropy_mean", None)
    if fused is not None:
        return MeanEntropy(*fused(x, target, *settings))
    counts = (target >= 0) & (target < x.shape[1])
    known = np.where(counts, target, 0)
    y, m, s = implementation.cross_entropy_forward(x, known, *settings)
    w = (target != ignore_index).astype(x.dtype)
    if weight is not None:
        w = w * weight[known]
    wrong = (target != ignore_index) & ~counts
    y = np.where(wrong, x.dtype.type("nan"), np.where(target == ignore_index, 0, y))
    total = w.sum()
    return MeanEntropy(y.sum() / total, total, m, s)


def tally(
    loss: np.ndarray,
    total: np.ndarray | None,
    x: np.ndarray | None,
    target: np.ndarray | None,
    sums: np.ndarray,
    counts: np.ndarray,
    flag: np.ndarray,
    labels: int,
    samples: int,
    mark: Any,
) -> None:
    """Add a training step on a GPU to sums that the host reads later, in one launch.

    loss () of a batch, total () as from cross_entropy_mean or None, x (N, C, L) and target (N, L)
    or None. In place: sums (2,) of float64 += (loss * w, w) with the batch's weight w = samples *
    total / labels, or samples without total; counts (2,) of uint64 += (targets that are classes,
    those at the largest logit); flag () of int32 = mark, if it is 0, where the loss is not finite
    though w is not 0. mark: an integer, or in a captured graph an array (1,) of float64.
    """
    implementation: Any = OPERATOR.choose(Case(type(loss), loss.dtype, (1, 1, 1)))
    implementation.tally(loss, total, x, target, sums, counts, flag, labels, samples, mark)


def cross_entropy_backward(
    gy: np.ndarray,
    x: np.ndarray,
    m: np.ndarray,
    s: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None = None,
    ignore_index: int = -100,
    smoothing: float = 0.0,
    total: np.ndarray | None = None,
) -> np.ndarray:
    """gy, m, s (N, L), x (N, C, L), the others as in the forward -> gx (N, C, L).

    gx[c] = gy (p[c] * sum of q - q[c]),  p[c] = e^(x[c] - m) / s
    total: that of cross_entropy_mean; gy () is then the mean's, and gy / total, or gy where total
    is 0, is in the place of gy.
    """
    name = "cross_entropy_backward"
    _check(name, x, target, weight)
    if gy.shape != (target.shape if total is None else ()):
        raise ValueError(f"{name}: gy has the shape {gy.shape}, target {target.shape}")
    implementation: Any = OPERATOR.choose(Case(type(x), x.dtype, x.shape))
    settings = target, weight, ignore_index, smoothing
    if total is None:
        return implementation.cross_entropy_backward(gy, x, m, s, *settings)
    if hasattr(implementation, "cross_entropy_mean"):
        return implementation.cross_entropy_backward(gy, x, m, s, *settings, total)
    share = np.empty_like(m)
    share[...] = gy / np.where(total == 0, 1, total)
    return implementation.cross_entropy_backward(share, x, m, s, *settings)


def _check(name: str, x: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> None:
    if x.ndim != 3 or x.shape[1] == 0:
        raise ValueError(f"{name}: x of shape {x.shape} must be (N, C, L) with C >= 1")
    if target.shape != (x.shape[0], x.shape[2]):
        raise ValueError(f"{name}: target of shape {target.shape} must be (N, L) of x {x.shape}")
    if weight is not None and weight.shape != x.shape[1:2]:
        raise ValueError(f"{name}: weight has the shape {weight.shape}, it must be {x.shape[1:2]}")
