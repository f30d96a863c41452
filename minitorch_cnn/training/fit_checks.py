"""Check the arguments of `fit` before training: wrong settings, and mistakes that stay silent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from numbers import Integral, Real
from pathlib import Path

from ..data import DataLoader
from ..nn import Module
from ..optim import Optimizer
from ..optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from ..spelling import one_of
from .batches import check_batches
from .history import MEASURED
from .objective import loss_modules
from .progress import PROGRESS


def check_data(
    train: Iterable, test: Iterable | None, checkpoint_every: int | None, patience: int | None
) -> None:
    check_batches("train", train)
    if test is not None:
        check_batches("test", test)
    if checkpoint_every is not None and not isinstance(train, DataLoader):
        raise ValueError(
            f"fit: checkpoint_every={checkpoint_every} needs a DataLoader: a run on "
            f"{type(train).__name__} can resume between epochs only"
        )
    if patience is not None and test is None:
        raise ValueError(f"fit: patience={patience} needs test data")


def check_settings(
    epochs: int,
    counts: Mapping[str, int | None],
    scheduler_every: str,
    progress: str,
    checkpoint: str | Path | None,
    resume: bool,
) -> None:
    """Check the plain settings; those in `counts` must be at least 1 if they are given."""
    for name, value in {"epochs": epochs, **counts}.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, Integral)):
            raise TypeError(f"fit: {name}={value!r} must be an integer")
        if name != "epochs" and value is not None and value < 1:
            raise ValueError(f"fit: {name}={value} must be at least 1")
    if epochs < 0:
        raise ValueError(f"fit: epochs={epochs} must not be negative")
    if scheduler_every not in ("epoch", "step"):
        raise ValueError(f"fit: scheduler_every={scheduler_every!r} must be 'epoch' or 'step'")
    if progress not in PROGRESS:
        raise ValueError(f"fit: progress={progress!r} {one_of(progress, PROGRESS)}")
    if checkpoint is None and (resume or counts["checkpoint_every"] is not None):
        raise ValueError("fit: resume and checkpoint_every need checkpoint, the file to write to")


def check_numbers(clip_norm: float | None, average: float | None) -> None:
    for name, value in {"clip_norm": clip_norm, "average": average}.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, Real)):
            raise TypeError(f"fit: {name}={value!r} must be a number")
    if clip_norm is not None and not clip_norm > 0:
        raise ValueError(f"fit: clip_norm={clip_norm} must be above 0")
    if average is not None and not 0 <= average <= 1:
        raise ValueError(f"fit: average={average} must be in [0, 1]")


def check_callbacks(**callbacks: Callable | None) -> None:
    for name, given in callbacks.items():
        if given is not None and not callable(given):
            raise TypeError(f"fit: {name} must be a function, got {type(given).__name__}")


def check_optimizer(model: Module, loss: Callable, optimizer: Optimizer) -> None:
    """Every parameter must belong to the net or the loss, and at least one must be trainable."""
    if not isinstance(model, Module):
        raise TypeError(f"fit: model must be a Module, got {type(model).__name__}")
    if isinstance(loss, type):
        raise TypeError(f"fit: loss must be a {loss.__name__}, not the class: call it first")
    if not callable(loss):
        raise TypeError(f"fit: loss must be a function or a Module, got {type(loss).__name__}")
    if not hasattr(optimizer, "param_groups"):
        raise TypeError(f"fit: optimizer must be an Optimizer, got {type(optimizer).__name__}")
    own = {id(p) for part in (model, *loss_modules(loss)) for p in part.parameters()}
    held = [p for group in optimizer.param_groups for p in group["params"]]
    foreign = [p for p in held if id(p) not in own]
    if foreign:
        raise ValueError(
            f"fit: optimizer holds {len(foreign)} of {len(held)} parameters that belong neither to "
            f"the model nor to the loss, one of shape {foreign[0].shape}: make it after the last "
            "change of the model, from the parameters of this one"
        )
    if not any(p.requires_grad for p in held):
        raise ValueError("fit: optimizer holds no trainable parameter: none requires grad")


def check_scheduler(
    scheduler: LRScheduler | ReduceLROnPlateau | None, every: str, optimizer: Optimizer
) -> None:
    if scheduler is not None and not hasattr(scheduler, "step"):
        raise TypeError(f"fit: scheduler must be an LRScheduler, got {type(scheduler).__name__}")
    if getattr(scheduler, "optimizer", optimizer) is not optimizer:
        raise ValueError("fit: scheduler is of another optimizer, whose rates alone it would set")
    if isinstance(scheduler, ReduceLROnPlateau) and scheduler.mode == "max":
        raise ValueError(
            "fit: scheduler has mode='max', which must be 'min': it takes the loss of an epoch"
        )
    if isinstance(scheduler, ReduceLROnPlateau) and every == "step":
        raise ValueError(
            "fit: scheduler_every='step' must be 'epoch' for a ReduceLROnPlateau, which takes the "
            "loss of an epoch"
        )


def check_metrics(caller: str, metrics: Mapping[str, Callable] | None) -> None:
    if metrics is None:
        return
    if not isinstance(metrics, Mapping):
        raise TypeError(
            f"{caller}: metrics must be a dict of names and functions, got {type(metrics).__name__}"
        )
    for name, function in metrics.items():
        if not isinstance(name, str) or name in MEASURED:
            raise ValueError(
                f"{caller}: metrics has the name {name!r}, which must be text and none of "
                f"{', '.join(MEASURED)}"
            )
        if not callable(function):
            raise TypeError(
                f"{caller}: metrics[{name!r}] must be a function of (output, target), got "
                f"{type(function).__name__}"
            )
