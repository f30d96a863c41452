"""The command line: train a model, look at the run, let it name the class of an image."""

from .main import main

__all__ = ["main"]
