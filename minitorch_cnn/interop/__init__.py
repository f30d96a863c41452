"""Exchange with other programs: weights in files."""

from .atomic import write_atomically
from .safetensors import load, load_with_metadata, save
from .torch_file import load_torch

__all__ = ["load", "load_torch", "load_with_metadata", "save", "write_atomically"]
