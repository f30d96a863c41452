"""Temporary training mode, which keeps frozen parts in evaluation mode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..nn import Module
from ..nn.evaluation import Modes, modes_of, set_modes


@contextmanager
def training_modes(model: Module) -> Iterator[Modes]:
    """Switch a model to its training modes; the modes before are restored afterwards.

    If the model is in training mode, submodules in evaluation mode, such as frozen batch norm, stay
    so. If the model itself is in evaluation mode, all of it is trained.
    """
    before = modes_of(model)
    whole = model.training
    model.train()  # a net's own `train` may keep parts in evaluation mode
    if whole:
        set_modes({module: False for module, training in before.items() if not training})
    try:
        yield modes_of(model)
    finally:
        set_modes(before)
