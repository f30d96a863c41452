"""Exchange with other programs: weights in files."""

from .atomic import write_atomically
from .reading import load, load_torch, load_with_metadata, metadata_of
from .safetensors import save
from .torch_objects import Opaque

__all__ = [
    "Opaque",
    "load",
    "load_torch",
    "load_with_metadata",
    "metadata_of",
    "save",
    "write_atomically",
]
