"""Compiled inference: a model's graph, simplified by passes, as one planned list of kernels."""

from .compiled import Compiled

__all__ = ["Compiled"]
