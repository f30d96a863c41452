"""Conversion between parameters and one vector."""

from __future__ import annotations

from collections.abc import Iterable

from ...autograd.modes import no_grad
from ...tensor import cat
from ...tensor.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of the parameters as one differentiable vector, (sum of their sizes,)."""
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Copy the elements of a vector from `parameters_to_vector` into the parameters.

    In PyTorch the parameters share memory with vec afterwards; here they hold copies.

    Raises: TypeError unless vec is a Tensor, ValueError unless its shape is (sum of the sizes,).
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
