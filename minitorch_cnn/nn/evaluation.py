"""A context of evaluation mode, and the main output of a model."""

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
    """Set each module's own mode; `train(mode)` would set the same for all."""
    for module, training in modes.items():
        module.training = training


@contextmanager
def evaluation(model: Module) -> Iterator[None]:
    """A context in evaluation mode; afterwards each module returns to its own mode."""
    modes = modes_of(model)
    model.eval()
    try:
        yield
    finally:
        set_modes(modes)


def first_output(output: Any) -> Any:
    """The output, or the first item of a tuple, list or dict, also of nested ones: a model's logits
    without those of its auxiliary heads.
    """
    while (is_sequence(output) or isinstance(output, dict)) and output:
        output = next(iter(output.values())) if isinstance(output, dict) else output[0]
    return output
