"""Training and evaluation mode, which every module of a net has for itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..autograd.modes import no_grad
from ..nn import Module

Modes = dict[Module, bool]


def modes_of(model: Module) -> Modes:
    """Whether each module is in training mode."""
    return {module: module.training for module in model.modules()}


def set_modes(modes: Modes) -> None:
    """Give each module the mode that it had: `train(mode)` would give all of them the same."""
    for module, training in modes.items():
        module.training = training


@contextmanager
def evaluating(model: Module) -> Iterator[None]:
    """Evaluation mode, and nothing recorded; afterwards each module has its own mode again."""
    modes = modes_of(model)
    model.eval()
    try:
        with no_grad():
            yield
    finally:
        set_modes(modes)


@contextmanager
def training_modes(model: Module) -> Iterator[Modes]:
    """The modes to train in; afterwards each module has its own again.

    A net that is in training mode keeps the parts of it that are in evaluation mode, such as frozen
    batch norm, as they are. One that is in evaluation mode itself is trained in all its parts.
    """
    before = modes_of(model)
    whole = model.training
    model.train()  # a net may have a `train` of its own that keeps parts in evaluation mode
    if whole:
        set_modes({module: False for module, training in before.items() if not training})
    try:
        yield modes_of(model)
    finally:
        set_modes(before)
