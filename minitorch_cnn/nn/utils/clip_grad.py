"""The norm of gradients, and clipping by norm or by value."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from ... import devices, dtypes
from ...kernels.matmul import one_blas_thread
from ...kernels.optimizer import clip_together
from ...tensor.arithmetic import quiet
from ...tensor.half import widened
from ...tensor.tensor import Tensor


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients by min(1, max_norm / (norm + 1e-6)), with the norm of their norms.

    norm_type, the p of (sum |g|^p)^(1/p), may be infinity or "inf" for the largest absolute value,
    negative, or 0 for the number of gradients that are not zero. Returns the norm before clipping,
    in the gradients' dtype, or 0 without gradients. Norms of 16-bit gradients are computed in
    float32. foreach selects an implementation in PyTorch and changes nothing here. With a norm_type
    of 2 the host does not wait for a GPU, where the norm stays.

    Raises: RuntimeError for a norm that is not finite, if error_if_nonfinite; TypeError for
    parameters that are not Tensors, ValueError for a max_norm or norm_type that is not a number.
    """
    name = "clip_grad_norm_"
    gradients = [g for g in grads_of(name, parameters) if g.numel()]
    max_norm = _number(name, "max_norm", max_norm)
    if devices.elsewhere and gradients and norm_type == 2 and not error_if_nonfinite:
        norm = clip_together([g.array for g in gradients], max_norm)
        if norm is not None:
            for g in gradients:
                g.bump_version()
            return Tensor(norm.astype(gradients[0].dtype))
    total = _norm(name, gradients, norm_type, error_if_nonfinite)
    _scale(gradients, max_norm, total)
    return _as_tensor(total, gradients)


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of the norms of Tensors, as clip_grad_norm_ computes it for gradients.

    Raises: RuntimeError for a norm that is not finite, if error_if_nonfinite; TypeError for values
    that are not Tensors, ValueError for a norm_type that is not a number.
    """
    name = "get_total_norm"
    given = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    _check_tensors(name, "tensors", given)
    given = [t for t in given if t.numel()]
    return _as_tensor(_norm(name, given, norm_type, error_if_nonfinite), given)


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    total_norm: Tensor | float,
    foreach: bool | None = None,
) -> None:
    """Scale all gradients by min(1, max_norm / (total_norm + 1e-6))."""
    name = "clip_grads_with_norm_"
    gradients = [g for g in grads_of(name, parameters) if g.numel()]
    total = _number(name, "total_norm", total_norm)
    _scale(gradients, _number(name, "max_norm", max_norm), total)


def clip_grad_norm(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """clip_grad_norm_ under its older name; it warns."""
    warnings.warn("clip_grad_norm is an old name; use clip_grad_norm_", FutureWarning, stacklevel=2)
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def _norm(name: str, tensors: list[Tensor], norm_type: float, error_if_nonfinite: bool) -> float:
    norm_type = _number(name, "norm_type", norm_type)
    with quiet(), one_blas_thread():  # NumPy computes norms with BLAS
        norms = [float(np.linalg.norm(widened(t.array).ravel(), norm_type)) for t in tensors]
        total = float(np.linalg.norm(np.array(norms), norm_type)) if norms else 0.0
    if error_if_nonfinite and not math.isfinite(total):
        raise RuntimeError(f"{name}: the norm of the gradients is {total}")
    return total


def _scale(gradients: list[Tensor], max_norm: float, total: float) -> None:
    scale = max_norm / (total + 1e-6)
    if scale >= 1:
        return
    with quiet():  # scale by NaN too, as PyTorch does: a broken gradient must stay visible
        for g in gradients:
            factor = np.float32(scale) if dtypes.is_half(g.dtype) else scale
            np.multiply(g.array, factor, out=g.array, casting="same_kind")
            g.bump_version()


def _as_tensor(total: float, tensors: list[Tensor]) -> Tensor:
    """A norm in the dtype of its Tensor."""
    given = [t.dtype for t in tensors] or [dtypes.get_default_dtype()]
    with quiet():
        return Tensor(np.asarray(total, reduce(np.promote_types, given)))


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Limit every element of the gradients to [-clip_value, clip_value].

    foreach selects an implementation in PyTorch and changes nothing here.
    """
    name = "clip_grad_value_"
    limit = _number(name, "clip_value", clip_value)
    with quiet():
        for g in grads_of(name, parameters):
            g.array.clip(-limit, limit, out=g.array)
            g.bump_version()


def grads_of(name: str, parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """The existing gradients. Raises: TypeError, naming function `name`, for other than Tensors."""
    params = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    _check_tensors(name, "parameters", params)
    return [p.grad for p in params if p.grad is not None]


def _check_tensors(name: str, argument: str, given: Sequence[object]) -> None:
    for t in given:
        if not isinstance(t, Tensor):
            raise TypeError(f"{name}: {argument} must be Tensors, got {type(t).__name__}")


def _number(name: str, argument: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: {argument}={value!r} must be a number") from None
