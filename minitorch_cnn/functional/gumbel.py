"""gumbel_softmax: differentiable samples of classes."""

from __future__ import annotations

import numpy as np

from .. import devices, random
from ..tensor.half import in_float32
from ..tensor.tensor import Tensor
from .checks import check_float


@in_float32
def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """softmax((logits + g) / tau) along `dim`, g = -log(-log u) with u uniform (Jang et al. 2017).

    hard: 1 at the largest and 0 elsewhere, with the gradient of the softmax. eps is ignored, as in
    PyTorch.

    Raises: ValueError for tau <= 0, TypeError for dtypes other than floats.
    """
    check_float("gumbel_softmax", logits=logits)
    if not tau > 0:
        raise ValueError(f"gumbel_softmax: tau={tau} must be above 0")
    drawn = -np.log(random.default_generator().standard_exponential(logits.shape))
    noise = devices.moved(drawn.astype(logits.dtype), logits.device, "gumbel_softmax")
    soft = ((logits + Tensor(noise)) / tau).softmax(dim)
    if not hard:
        return soft
    at = soft.argmax(dim, keepdim=True)
    one = soft.detach() * 0
    return one.scatter(dim, at, 1.0) - soft.detach() + soft
