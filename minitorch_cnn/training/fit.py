"""fit: the settings for training a net, and their meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from .. import functional as F
from ..distributed.group import current_or_none
from ..nn import Module
from ..optim import ExponentialMovingAverage, Optimizer
from ..optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from ..tensor import Tensor
from .batches import samples_of
from .checkpoint import load_checkpoint
from .device_tally import device_tally
from .fit_checks import (
    check_callbacks,
    check_data,
    check_metrics,
    check_numbers,
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
from .ranks import Ranks


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
    graphed: bool = False,
    patience: int | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_every: int | None = None,
    resume: bool = False,
    progress: str = "bar",
    on_start: Callable[[], Any] | None = None,
    on_epoch: Callable[[History], Any] | None = None,
) -> History:
    """Train a net and return its history; the model keeps the trained weights.

    Training runs on the device of the model's parameters: call `model.to("cuda")` first to train on
    a GPU. Submodules in evaluation mode, such as frozen batch norm, stay in it, unless the whole
    model is in evaluation mode.

    train, test: DataLoaders, or other iterables with a length, of batches (x, target); a net with
    several inputs receives the parts of a tuple, list or dict x. test is evaluated after every
    epoch.
    loss: a function or Module of (output, target), where output is the net's return value, possibly
    a dict. It returns the mean over a batch. With cross_entropy or nll_loss of class labels, of
    images or of pixels, accuracies are measured too.
    metrics: a dict of functions of (output, target), each returning a number; their means over
    samples appear as train_NAME and test_NAME in the history.
    scheduler: stepped after every "epoch" or "step" (scheduler_every); a ReduceLROnPlateau is
    stepped after every epoch with the test loss (the training loss without test).
    auxiliary: the weight of each auxiliary head's loss, for a model that in training mode returns
    (logits, logits of its heads ...): loss(logits) + auxiliary * the sum over its heads.
    accumulate: the number of batches per step, whose gradient equals that of one batch of all their
    samples (but batch norm sees one batch at a time); the last step of an epoch takes the
    remaining batches.
    clip_norm: the largest norm of all gradients together.
    average: the decay of an exponential moving average of the weights, which is tested and which
    the model has at the end.
    graphed: on a GPU, repeat whole steps as a graph (`mt.cuda.graphed`): the host then only copies
    the batch. The first few steps, and batches of other shapes, run as usual; the results are those
    of a run without. Whatever waits for the device in a step is refused by its name.
    patience: stop after this many epochs without a better test top-1 (without classes, a lower test
    loss), and restore the best epoch.
    checkpoint: a file that always holds a complete state of the run. It is written at the start,
    after each epoch and, with a DataLoader, after every `checkpoint_every` steps. With resume=True
    the run resumes from it (or starts anew if the file does not exist) and ends with the same bits
    as an uninterrupted run, provided that an iterable of your own yields the same batches again.
    progress: "bar" (tqdm), "plain" (a line per epoch) or "none".
    on_start: called after all checks, before the first step.
    on_epoch: called with the history after each epoch; returning True stops the training.

    On several processes (`distributed.init_process_group`), every rank calls fit with the same
    arguments. `train` gives the batches of all ranks together: each rank computes its rows, loads
    only these with a DataLoader, and gradients, losses and metrics are those of the whole batch,
    for any number of ranks. Random numbers belong to a row's place in the batch. Batch norm must be
    `SyncBatchNorm` for this; others see a rank's rows only. Rank 0 writes the checkpoint, shows
    progress and calls on_start and on_epoch; any number of ranks can resume.

    A model that changes during training, such as `NASNet`, has a method set_progress, which is
    called before each batch with the completed fraction of all steps, from 0 to 1.

    Raises: ValueError or TypeError for settings that do not fit, an optimizer with parameters that
    belong neither to the model nor to the loss, or without a trainable one, a scheduler of another
    optimizer, batches that are not pairs, or a loss that is not one number; NonFiniteError as soon
    as a loss or gradient is not finite, with the step, the layer where it arose and the last good
    checkpoint; OSError if a checkpoint cannot be written (the previous one is untouched).

        optimizer = mt.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        history = mt.training.fit(model, loader, test_loader, epochs=20, optimizer=optimizer)
    """
    counts = {"patience": patience, "checkpoint_every": checkpoint_every, "accumulate": accumulate}
    check_settings(epochs, counts, scheduler_every, progress, checkpoint, resume)
    check_numbers(clip_norm, average)
    check_callbacks(on_start=on_start, on_epoch=on_epoch)
    check_data(train, test, checkpoint_every, patience)
    check_optimizer(model, loss, optimizer)
    check_scheduler(scheduler, scheduler_every, optimizer)
    check_metrics("fit", metrics)
    gradients = Gradients(model, optimizer, accumulate, adds_up(loss))
    group = current_or_none()
    ranks = None if group is None else Ranks(group, model, gradients)
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
        gradients=gradients,
        means=Means(metrics),
        clip_norm=clip_norm,
        average=None if average is None else ExponentialMovingAverage(model, average),
        patience=patience,
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        on_epoch=on_epoch,
        ranks=ranks,
    )
    run.tally = device_tally(run, graphed)
    first = ranks is None or ranks.first
    state = None
    if resume and checkpoint is not None and first and Path(checkpoint).is_file():
        state = load_checkpoint(checkpoint)
    if ranks is not None:
        state = ranks.of_first(state)
    if state is not None:
        run.resume_from(state)
    else:
        run.save()
    if on_start is not None and first:
        on_start()
    per_epoch = samples_of(train)
    display = PROGRESS[progress if first else "none"]
    run.show = display(per_epoch and epochs * per_epoch, run.samples)
    try:
        with training_modes(model) as run.modes:
            run.all_epochs()
        if group is not None:
            group.agree("end of fit()")  # rank 0 has written the checkpoint
    finally:
        run.show.close()
        if ranks is not None:
            ranks.reducer.close()
    return run.history
