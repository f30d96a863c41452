"""Make the parts of a run, and try them before anything is written."""

from __future__ import annotations

import sys
from typing import NamedTuple

from ..data import DataLoader
from ..nn import Module
from ..optim import Optimizer
from ..optim.lr_scheduler import LRScheduler
from .own_nets import check_own, run_on_blanks
from .run_config import RunConfig
from .sources import Source


class Parts(NamedTuple):
    """The parts of a run, all of them built."""

    source: Source
    model: Module
    train: DataLoader
    test: DataLoader
    optimizer: Optimizer
    schedule: LRScheduler


def make_parts(config: RunConfig, source: Source, model: Module, progress: str) -> Parts:
    """Make everything a run needs before it writes anything; print the notes on the data.

    Raises: ValueError if there is no training batch, or if batch norm gets only one image.
    """
    chosen = config.recipe
    notes = [source.note]
    size, samples, drop_last = chosen.batch_size, len(source.train), chosen.drop_last
    if min(size, samples) == 1 and fails_alone(model, config):
        raise ValueError(
            f"train_run: {config.model} cannot learn from batches of one image: its batch norm "
            f"has nothing to take statistics of (batch_size={size}, {samples} images)"
        )
    if not drop_last and samples > size > 1 == samples % size and fails_alone(model, config):
        drop_last = True
        notes.append(
            "each epoch's last batch is left out: batch norm cannot take a batch of one image here"
        )
    train = DataLoader(source.train, size, shuffle=True, drop_last=drop_last)
    if not len(train):
        raise ValueError(f"train_run: batch_size={size} leaves no whole batch of {samples} images")
    test = DataLoader(source.test, config.evaluation_batch)
    if progress != "none":
        print(*filter(None, notes), sep="\n", end="\n" * any(notes), file=sys.stderr)
    return Parts(source, model, train, test, *chosen.make_optimizer(model, len(train)))


def fails_alone(model: Module, config: RunConfig) -> bool:
    """Whether training fails on a single image, which has no batch statistics."""
    try:
        run_on_blanks(model.train(), 1, config)
    except (ValueError, RuntimeError):
        return True
    return False


def check_input(model: Module, config: RunConfig) -> None:
    """Raises ValueError if a new model, with its settings, cannot take images of the run's size."""
    if (entry := config.entry()).own:
        return check_own(model, entry, config)
    settings = "".join(f", {name}={value!r}" for name, value in config.model_settings.items())
    try:
        run_on_blanks(model.train(), 2, config)
    except (ValueError, RuntimeError, TypeError, LookupError, ArithmeticError) as error:
        raise ValueError(
            f"train_run: {config.model}{settings} cannot take images of {config.size} x "
            f"{config.size}: {error}"
        ) from error
