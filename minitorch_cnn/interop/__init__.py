"""Exchange with other programs: weights in files."""

from .atomic import write_atomically
from .safetensors import load, load_with_metadata, save

__all__ = ["load", "load_with_metadata", "save", "write_atomically"]
