"""Gradient clipping: by the norm of all gradients together, or value by value."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from ..tensor.tensor import Tensor


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scale all gradients by min(1, max_norm / (norm + 1e-6)), norm their norm as one vector.

    norm_type may be infinity, for the largest absolute value. Returns the norm before clipping, 0
    without gradients.

    Raises: RuntimeError for a norm that is not finite, if error_if_nonfinite.
    """
    gradients = grads_of(parameters)
    norms = [float(np.linalg.norm(g.data.ravel(), norm_type)) for g in gradients]
    total = np.linalg.norm(np.array(norms), norm_type) if norms else np.float32(0)
    if error_if_nonfinite and not math.isfinite(total):
        raise RuntimeError(f"clip_grad_norm_: the norm of the gradients is {total}")
    scale = max_norm / (float(total) + 1e-6)
    if not scale >= 1:  # NaN scales too, as in PyTorch: a broken gradient must not look whole
        for g in gradients:
            g.data *= scale
            g.bump_version()
    return Tensor(np.asarray(total))


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Limit every element of the gradients to [-clip_value, clip_value]."""
    for g in grads_of(parameters):
        np.clip(g.data, -clip_value, clip_value, out=g.data)
        g.bump_version()


def grads_of(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """The gradients that exist."""
    params = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p.grad for p in params if p.grad is not None]
