"""Activations and distances composed of Tensor operations, whose gradients they inherit: celu, glu,
softsign, tanhshrink, softmin; normalize, cosine_similarity, pairwise_distance, pdist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..tensor.arithmetic import where
from ..tensor.half import in_float32
from ..tensor.movement import axis_of
from ..tensor.promotion import to_floating
from ..tensor.softmax import softmax
from ..tensor.tensor import Tensor
from .checks import check_float

if TYPE_CHECKING:
    from ..tensor.types import Dims, DTypeLike


@in_float32
def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return x where x > 0 and alpha * (exp(x / alpha) - 1) elsewhere (Barron 2017).

    Raises: ValueError if alpha is 0.
    """
    check_float("celu", input=input)
    if alpha == 0:
        raise ValueError(f"celu: alpha={alpha} must not be 0")

    # The branch not taken must be finite, because its gradient is multiplied by 0.
    left = (input.clamp(max=0) / alpha).expm1() * alpha
    return where(input > 0, input, left)


@in_float32
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a * sigmoid(b), where a and b are the halves of `input` along `dim` (Dauphin et al. 2016).

    Raises: ValueError for an odd size, IndexError for an axis that does not exist.
    """
    check_float("glu", input=input)
    size = input.shape[axis_of(dim, input.ndim, "glu")]
    if size % 2:
        raise ValueError(f"glu: size {size} of axis {dim} must be even")
    a, b = input.split(size // 2, dim) if size else (input, input)
    return a * b.sigmoid()


@in_float32
def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|), elementwise."""
    x = to_floating(input, "softsign")
    return x / (x.abs() + 1)


@in_float32
def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x), elementwise."""
    x = to_floating(input, "tanhshrink")
    return x - x.tanh()


def softmin(input: Tensor, dim: int | None = None, dtype: DTypeLike | None = None) -> Tensor:
    """softmax(-x) along `dim`, computed in `dtype`; `softmax` determines a missing dim."""
    check_float("softmin", input=input)
    return softmax(-input, dim, dtype)


@in_float32
def normalize(input: Tensor, p: float = 2.0, dim: Dims = 1, eps: float = 1e-12) -> Tensor:
    """Scale vectors along `dim` to length 1: x / max(its p-norm, eps)."""
    check_float("normalize", input=input)
    return input / input.norm(p, dim, keepdim=True).clamp(min=eps)


@in_float32
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along `dim`: x1 x2 / (max(|x1|, eps) max(|x2|, eps)).

    x1 and x2 broadcast; the result has the broadcast shape without the axis `dim`.
    """
    check_float("cosine_similarity", x1=x1, x2=x2)

    ndim = max(x1.ndim, x2.ndim)
    x1, x2 = (x.reshape((1,) * (ndim - x.ndim) + x.shape) for x in (x1, x2))
    lengths = [x.norm(2, dim, keepdim=True).clamp(min=eps) for x in (x1, x2)]
    return ((x1 / lengths[0]) * (x2 / lengths[1])).sum(dim)


@in_float32
def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last axis.    x1, x2 (N, D) or (D,) -> y (N,) or ()"""
    check_float("pairwise_distance", x1=x1, x2=x2)
    return (x1 - x2 + eps).norm(p, -1, keepdim=keepdim)


@in_float32
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """Compute the p-norms between all pairs of rows i < j, ordered by i, then j.

    x (N, D) -> y (N (N - 1) / 2,)

    Raises: ValueError for another number of axes, TypeError for dtypes other than floats.
    """
    check_float("pdist", input=input)
    if input.ndim != 2:
        raise ValueError(f"pdist: input of shape {input.shape} must be (N, D)")
    i, j = np.triu_indices(len(input), 1)
    first, second = (Tensor(np.asarray(at, like=input.array)) for at in (i, j))
    return (input.index_select(0, first) - input.index_select(0, second)).norm(p, -1)
