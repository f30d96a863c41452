"""Gradients clipped, parameters as one vector, and weights that are normed before every forward."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import reduce

import numpy as np

from .. import backend
from ..autograd.modes import no_grad
from ..kernels.matmul import one_blas_thread
from ..tensor import cat
from ..tensor.arithmetic import quiet
from ..tensor.half import widened
from ..tensor.tensor import Tensor
from .normed_weights import (
    remove_spectral_norm,
    remove_weight_norm,
    spectral_norm,
    weight_norm,
)

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "parameters_to_vector",
    "remove_spectral_norm",
    "remove_weight_norm",
    "spectral_norm",
    "vector_to_parameters",
    "weight_norm",
]


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients by min(1, max_norm / (norm + 1e-6)), norm the norm of their norms.

    norm_type, the p of (sum |g|^p)^(1/p), may be infinity (also "inf"), for the largest absolute
    value, negative, or 0, for the number of gradients that are not zero. Returns the norm before
    clipping in the gradients' dtype, 0 without gradients; of 16-bit gradients it is taken in
    float32. foreach chooses PyTorch's way to compute and changes nothing here.

    Raises: RuntimeError for a norm that is not finite, if error_if_nonfinite; TypeError for
    parameters that are no Tensors, ValueError for a max_norm or norm_type that is no number.
    """
    name = "clip_grad_norm_"
    gradients = [g for g in grads_of(name, parameters) if g.numel()]
    max_norm = _number(name, "max_norm", max_norm)
    norm_type = _number(name, "norm_type", norm_type)
    with quiet(), one_blas_thread():  # NumPy's norms are products of BLAS
        norms = [float(np.linalg.norm(widened(g.array).ravel(), norm_type)) for g in gradients]
        total = float(np.linalg.norm(np.array(norms), norm_type)) if norms else 0.0
    if error_if_nonfinite and not math.isfinite(total):
        raise RuntimeError(f"clip_grad_norm_: the norm of the gradients is {total}")
    scale = max_norm / (total + 1e-6)
    dtypes = [g.dtype for g in gradients] or [backend.get_default_dtype()]
    with quiet():
        if not scale >= 1:  # NaN scales too, as in PyTorch: a broken gradient must not look whole
            for g in gradients:
                factor = np.float32(scale) if backend.is_half(g.dtype) else scale
                np.multiply(g.array, factor, out=g.array, casting="same_kind")
                g.bump_version()
        return Tensor(np.asarray(total, reduce(np.promote_types, dtypes)))


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Limit every element of the gradients to [-clip_value, clip_value].

    foreach chooses PyTorch's way to compute and changes nothing here.
    """
    name = "clip_grad_value_"
    limit = _number(name, "clip_value", clip_value)
    with quiet():
        for g in grads_of(name, parameters):
            np.clip(g.array, -limit, limit, out=g.array)
            g.bump_version()


def grads_of(name: str, parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """The gradients that exist; TypeError, as of function `name`, for what is no Tensor."""
    params = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    for p in params:
        if not isinstance(p, Tensor):
            raise TypeError(f"{name}: parameters must be Tensors, got {type(p).__name__}")
    return [p.grad for p in params if p.grad is not None]


def _number(name: str, argument: str, value) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: {argument}={value!r} must be a number") from None


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of the parameters one after the other, (sum of their sizes,), with gradients."""
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Copy the elements of a vector, as `parameters_to_vector` gives it, into the parameters.

    PyTorch's parameters share memory with vec afterwards; these have copies.

    Raises: TypeError for what is no Tensor, ValueError for another shape than (sum of the sizes,).
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"vector_to_parameters: vec must be a Tensor, got {type(vec).__name__}")
    parameters = list(parameters)
    total = sum(p.numel() for p in parameters)
    if vec.shape != (total,):
        raise ValueError(
            f"vector_to_parameters: vec of shape {vec.shape} must be of shape ({total},)"
        )
    start = 0
    with no_grad():
        for p in parameters:
            p.copy_(vec[start : start + p.numel()].reshape(p.shape))
            start += p.numel()
