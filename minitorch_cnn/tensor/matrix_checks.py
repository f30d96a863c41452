"""Shared checks of matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd import array_function

if TYPE_CHECKING:
    from .tensor import Tensor


def check_matrix(name: str, A: Tensor, square: bool = False) -> None:
    """TypeError or RuntimeError, beginning with `name`, unless A holds matrices of floats."""
    if A.dtype.kind not in dtypes.FLOATS or A.dtype.itemsize < 4:
        raise TypeError(f"{name}: A must be of float32 or float64, got {A.dtype}")
    if A.ndim < 2:
        raise RuntimeError(f"{name}: A of shape {A.shape} must have at least two axes")
    if square and A.shape[-1] != A.shape[-2]:
        raise RuntimeError(f"{name}: A of shape {A.shape} must be of square matrices")


def computed(name: str, function: Callable[..., Any], *arrays: Any, **settings: Any) -> Any:
    """The result of a NumPy function; RuntimeError, beginning with `name`, if it fails."""
    try:
        return function(*arrays, **settings)
    except np.linalg.LinAlgError as error:
        raise RuntimeError(f"{name}: {str(error).lower()}") from None


def identity(like: Tensor) -> Tensor:
    """The identity matrix with the last size, the dtype and the device of a tensor."""
    ones = array_function.Tensor(np.eye(like.shape[-1], dtype=like.dtype))
    return ones.to(device=like.device)
