"""Exchange with other programs: weights in files."""

from .atomic import write_atomically
from .reading import load, load_torch, load_with_metadata, metadata_of
from .torch_objects import Opaque
from .writing import save

__all__ = [
    "Opaque",
    "load",
    "load_torch",
    "load_with_metadata",
    "metadata_of",
    "save",
    "write_atomically",
]
