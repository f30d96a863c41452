"""What the rooms' CUDA kernels share: arrays that say where they lie, and how they are computed."""

from .tf32 import allow_tf32

__all__ = ["allow_tf32"]
