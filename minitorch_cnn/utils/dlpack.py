"""Capsules of DLPack, the protocol by which libraries share memory; PyTorch's names."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor, from_dlpack

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(tensor: Tensor) -> Any:
    """A capsule with the memory of a tensor, which `from_dlpack` of a library takes over, once.

    On a GPU no stream waits for another. Raises: RuntimeError for a tensor that requires grad or is
    on the emulator.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"to_dlpack: tensor must be a Tensor, got {type(tensor).__name__}")
    return tensor.__dlpack__(stream=-1)
