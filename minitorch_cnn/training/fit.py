"""fit: what can be set in training a net, and what it means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from .. import functional as F
from ..nn import Module
from ..optim import ExponentialMovingAverage, Optimizer
from ..optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from ..tensor import Tensor
from .batches import samples_of
from .checkpoint import load_checkpoint
from .fit_checks import (
    check_data,
    check_metrics,
    check_optimizer,
    check_scheduler,
    check_settings,
)
from .gradients import Gradients
from .history import History
from .loop import Loop
from .means import Means
from .modes import training_modes
from .objective import adds_up, loss_modules, with_heads
from .progress import PROGRESS


def fit(
    model: Module,
    train: Iterable,
    test: Iterable | None = None,
    *,
    epochs: int,
    optimizer: Optimizer,
    scheduler: LRScheduler | ReduceLROnPlateau | None = None,
    scheduler_every: str = "epoch",
    loss: Callable[[Any, Any], Tensor] = F.cross_entropy,
    metrics: Mapping[str, Callable[[Any, Any], Any]] | None = None,
    auxiliary: float | None = None,
    accumulate: int = 1,
    clip_norm: float | None = None,
    average: float | None = None,
    patience: int | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_every: int | None = None,
    resume: bool = False,
    progress: str = "bar",
    on_start: Callable[[], Any] | None = None,
    on_epoch: Callable[[History], Any] | None = None,
) -> History:
    """Train a net and return what was measured; the model keeps what it learned.

    It is trained where its parameters lie: `model.to("cuda")` before takes it to a GPU. Parts of it
    that are in evaluation mode, such as frozen batch norm, stay in it, unless all of it is.

    train, test: DataLoaders, or other iterables with a length, of batches (x, target); a net of
    several inputs gets the parts of a tuple, list or dict x. test is looked at after every epoch.
    loss: a function or Module of (output, target), where output is what the net returns, a dict,
    say. It gives the mean over a batch. With cross_entropy or nll_loss of class labels, of images
    or of pixels, accuracies are measured too.
    metrics: functions of (output, target) by name, each a number, whose means over samples are
    train_NAME and test_NAME in the history.
    scheduler: stepped after every "epoch" or "step" (scheduler_every), a ReduceLROnPlateau after
    every epoch with its test loss (training loss without test).
    auxiliary: the weight of the loss of each auxiliary head, for a model that in training returns
    (logits, those of its heads ...): loss(logits) + auxiliary * the sum over its heads.
    accumulate: how many batches make a step, with the gradient of one batch of all their samples
    (but batch norm sees one at a time); an epoch's last step has what is left.
    clip_norm: the largest norm of all gradients together.
    average: decay of an exponential moving average of the weights; it is what is tested, and what
    the model has in the end.
    patience: stop after so many epochs without a better test top-1 (without classes, a lower test
    loss), and go back to the best epoch.
    checkpoint: a file that always holds a whole state of the run, written at the start, after each
    epoch and, with a DataLoader, after every `checkpoint_every` steps. With resume=True the run
    goes on from it (from the start if it is not there) and ends with the same bits as one that was
    never interrupted, if the batches of an iterable of one's own are the same again.
    progress: "bar" (tqdm), "plain" (a line per epoch) or "none".
    on_start: called once nothing is refused any more, before the first step.
    on_epoch: called with the history after each epoch; True ends the training.

    A model that changes in the course of its training, as `NASNet` does, has a method set_progress:
    before each batch it is called with the share of all steps that lie behind, from 0 to 1.

    Raises: ValueError or TypeError for settings that do not fit, an optimizer with parameters that
    are neither the model's nor the loss's, or with none that trains, a scheduler of another
    optimizer, batches that are no pairs, a loss that is not one number; NonFiniteError as soon as a
    loss or gradient is not finite, with the step, the layer it comes from and the last good
    checkpoint; OSError if a checkpoint cannot be written (the previous one is untouched).

        optimizer = mt.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        history = mt.training.fit(model, loader, test_loader, epochs=20, optimizer=optimizer)
    """
    counts = {"patience": patience, "checkpoint_every": checkpoint_every, "accumulate": accumulate}
    check_settings(epochs, counts, scheduler_every, progress, checkpoint, resume)
    check_data(train, test, checkpoint_every, patience)
    check_optimizer(model, loss, optimizer)
    check_scheduler(scheduler, scheduler_every, optimizer)
    check_metrics("fit", metrics)
    run = Loop(
        model=model,
        train=train,
        test=test,
        epochs=epochs,
        optimizer=optimizer,
        scheduler=scheduler,
        scheduler_every=scheduler_every,
        loss=with_heads(loss, auxiliary),
        loss_part=next(loss_modules(loss), None),
        gradients=Gradients(model, optimizer, accumulate, adds_up(loss)),
        means=Means(metrics),
        clip_norm=clip_norm,
        average=None if average is None else ExponentialMovingAverage(model, average),
        patience=patience,
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        on_epoch=on_epoch,
    )
    if resume and checkpoint is not None and Path(checkpoint).is_file():
        run.go_on_from(load_checkpoint(checkpoint))
    else:
        run.save()
    if on_start is not None:
        on_start()
    per_epoch = samples_of(train)
    run.show = PROGRESS[progress](per_epoch and epochs * per_epoch, run.samples)
    try:
        with training_modes(model) as run.modes:
            run.all_epochs()
    finally:
        run.show.close()
    return run.history
