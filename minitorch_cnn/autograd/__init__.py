"""Reverse-mode differentiation: functions that record themselves, and the backward pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import functional, profiler
from .array_function import ArrayFunction
from .checkpoint import checkpoint
from .function import Function
from .grad import backward, grad
from .gradcheck import gradcheck, gradgradcheck
from .modes import (
    detect_anomaly,
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_recomputing,
    no_grad,
    set_detect_anomaly,
    set_grad_enabled,
)

if TYPE_CHECKING:
    from ..tensor.legacy import Variable as Variable


def __getattr__(name: str) -> Any:
    if name == "Variable":  # PyTorch's old name for a tensor, whose module imports this one
        from ..tensor.legacy import Variable

        return Variable
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "ArrayFunction",
    "Function",
    "backward",
    "checkpoint",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_grad_enabled",
    "is_recomputing",
    "no_grad",
    "profiler",
    "set_detect_anomaly",
    "set_grad_enabled",
]
