"""Evaluation mode for a while, and the output that counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .checks import is_sequence
from .module import Module

Modes = dict[Module, bool]


def modes_of(model: Module) -> Modes:
    """Whether each module is in training mode."""
    return {module: module.training for module in model.modules()}


def set_modes(modes: Modes) -> None:
    """Give each module its own mode: `train(mode)` would give all of them the same."""
    for module, training in modes.items():
        module.training = training


@contextmanager
def evaluation(model: Module) -> Iterator[None]:
    """Evaluation mode inside; afterwards each module has its own mode again."""
    modes = modes_of(model)
    model.eval()
    try:
        yield
    finally:
        set_modes(modes)


def first_output(output: Any) -> Any:
    """The output itself, or the first of a tuple or list: a model's logits without those of
    auxiliary heads.
    """
    return output[0] if is_sequence(output) and output else output
