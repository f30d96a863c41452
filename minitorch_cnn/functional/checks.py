"""Shared checks of arguments: Tensors, their dtypes and devices."""

from __future__ import annotations

from .. import devices, dtypes
from ..tensor.tensor import Tensor


def check_float(name: str, **tensors: Tensor | None) -> None:
    """Raise TypeError, naming the function `name`, unless all are Tensors of one float dtype.

    The first one determines the dtype; None stands for an omitted optional argument.
    """
    first, expected = None, None
    for argument, x in tensors.items():
        if x is None:
            continue
        if not isinstance(x, Tensor):
            check_tensor(name, **{argument: x})
        dtype = x.array.dtype
        if dtype is expected:
            continue
        if dtype.kind not in dtypes.FLOATS:
            raise TypeError(
                f"{name}: {argument} of dtype {dtype} must be of a floating-point dtype"
            )
        if first is None:
            first, expected = argument, dtype
        elif dtype != expected:
            raise TypeError(
                f"{name}: {argument} of dtype {dtype} must be of {first}'s dtype {expected}"
            )


def check_integer(name: str, **tensors: Tensor) -> None:
    """Raise TypeError, naming the function `name`, unless all are Tensors of integers."""
    for argument, x in tensors.items():
        if not isinstance(x, Tensor):
            check_tensor(name, **{argument: x})
        if x.array.dtype.kind not in "iu":
            raise TypeError(f"{name}: {argument} of dtype {x.dtype} must be of an integer dtype")


def check_together(name: str, **tensors: Tensor | None) -> None:
    """Raise RuntimeError, naming the function `name`, unless all are on one device."""
    if devices.elsewhere:
        given = {argument: x.array for argument, x in tensors.items() if x is not None}
        devices.together(name, [], given)


def check_tensor(name: str, **tensors: Tensor) -> None:
    """Raise TypeError, naming the function `name`, unless all are Tensors."""
    for argument, x in tensors.items():
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}: {argument} must be a Tensor, got {type(x).__name__}")
