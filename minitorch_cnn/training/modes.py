"""Training mode for a while, with the parts that stay in evaluation mode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..nn import Module
from ..nn.evaluation import Modes, modes_of, set_modes


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
