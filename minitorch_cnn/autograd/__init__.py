"""Reverse-mode differentiation: functions that record themselves, and the walk back over them."""

from . import functional
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
    set_grad_enabled,
)

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
    "set_grad_enabled",
]
