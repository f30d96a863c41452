"""Evaluation mode for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ..nn import Module


@contextlib.contextmanager
def in_evaluation(model: Module) -> Iterator[None]:
    """Let a model be in evaluation mode; each of its modules then has the mode it had."""
    training = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in training:
            module.training = mode
