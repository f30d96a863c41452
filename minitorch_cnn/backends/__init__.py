"""PyTorch's switches of its libraries: they can be set, and change no result here."""

from . import cuda, cudnn, mps

__all__ = ["cuda", "cudnn", "mps"]
