"""The command line: train models, analyse runs, classify images."""

from .main import main

__all__ = ["main"]
