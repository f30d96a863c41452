"""Reverse-mode differentiation: functions that record themselves, and the walk back over them."""

from .checkpoint import checkpoint
from .function import Function
from .grad import grad
from .gradcheck import gradcheck, gradgradcheck
from .modes import detect_anomaly, enable_grad, is_grad_enabled, is_recomputing, no_grad

__all__ = [
    "Function",
    "checkpoint",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "is_grad_enabled",
    "is_recomputing",
    "no_grad",
]
