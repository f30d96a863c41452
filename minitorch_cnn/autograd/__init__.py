"""Reverse-mode differentiation: functions that record themselves, and the walk back over them."""

from .checkpoint import checkpoint
from .function import Function
from .grad import grad
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
    "Function",
    "checkpoint",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_grad_enabled",
    "is_recomputing",
    "no_grad",
    "set_grad_enabled",
]
