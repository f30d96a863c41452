"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from ...autograd.modes import no_grad
from ...tensor import cat
from ...tensor.tensor import Tensor


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
