"""The result of an analysis on the command line: a text, and a figure on demand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..parser import CommandError

# A text, and a function that draws the result into a file and returns the files written.
Found = tuple[str, Callable[[Path], list[Path]]]


def drawn(text: str, result) -> Found:
    """The text, and a function that saves the result's figure."""
    from ...figures import save_figure

    return text, lambda path: save_figure(result.plot(), path)


def last_convolution(model) -> str:
    """The name of the last convolution of a model."""
    from ...nn import Conv2d

    names = [name for name, module in model.named_modules() if isinstance(module, Conv2d)]
    if not names:
        raise CommandError("the model has no convolution; name a layer with --layer")
    return names[-1]
