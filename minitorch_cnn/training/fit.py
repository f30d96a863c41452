"""fit: the loop over epochs and batches, and all that goes on around it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from .. import functional as F
from ..backend import get_rng_state, set_rng_state
from ..data import DataLoader
from ..nn import Module
from ..nn.utils import clip_grad_norm_
from ..optim import ExponentialMovingAverage, Optimizer
from ..optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from ..tensor import Tensor
from .checkpoint import load_checkpoint, save_checkpoint
from .history import History
from .metrics import evaluate, known, pixel_scores, place_of
from .nonfinite import NonFiniteError, find_nonfinite, finite, has_nonfinite_gradient
from .progress import PROGRESS, Silent, describe


def fit(
    model: Module,
    train: DataLoader,
    test: DataLoader | None = None,
    *,
    epochs: int,
    optimizer: Optimizer,
    scheduler: LRScheduler | ReduceLROnPlateau | None = None,
    scheduler_every: str = "epoch",
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
    auxiliary: float = 0.0,
    clip_norm: float | None = None,
    average: float | None = None,
    patience: int | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_every: int | None = None,
    resume: bool = False,
    progress: str = "bar",
    on_epoch: Callable[[History], None] | None = None,
) -> History:
    """Train a classifier and return what was measured; the model keeps what it learned.

    It is trained where its parameters lie: `model.to("cuda")` before takes it to a GPU.

    train, test: loaders of batches (x, labels), labels of images or of pixels; test is looked at
    after every epoch.
    scheduler: stepped after every "epoch" or "step" (scheduler_every), a ReduceLROnPlateau with the
    epoch's test loss (training loss without test).
    auxiliary: the weight of the loss of each auxiliary head, for a model that in training returns
    (logits, those of its heads ...): loss(logits) + auxiliary * the sum over its heads.
    clip_norm: the largest norm of all gradients together.
    average: decay of an exponential moving average of the weights; it is what is tested, and what
    the model has in the end.
    patience: stop after so many epochs without a better test top-1, and go back to the best epoch.
    checkpoint: a file that always holds a whole state of the run, written at the start, after each
    epoch and after every `checkpoint_every` steps. With resume=True the run goes on from it (from
    the start if it is not there) and ends with the same bits as one that was never interrupted.
    progress: "bar" (tqdm), "plain" (a line per epoch) or "none".
    on_epoch: called with the history after each epoch.

    A model that changes in the course of its training, as `NASNet` does, has a method set_progress:
    before each step it is called with the share of all steps that lie behind, from 0 to 1.

    Raises: ValueError for settings that do not fit; NonFiniteError as soon as a loss or gradient is
    not finite, with the step, the layer it comes from and the last good checkpoint; OSError if a
    checkpoint cannot be written (the previous one is untouched).

        optimizer = mt.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        history = mt.training.fit(model, loader, test_loader, epochs=20, optimizer=optimizer)
    """
    _check_loaders(train, test)
    for name, value in (("patience", patience), ("checkpoint_every", checkpoint_every)):
        if value is not None and value < 1:
            raise ValueError(f"fit: {name}={value} must be at least 1")
    if epochs < 0:
        raise ValueError(f"fit: epochs={epochs} must not be negative")
    if scheduler_every not in ("epoch", "step"):
        raise ValueError(f"fit: scheduler_every={scheduler_every!r} must be 'epoch' or 'step'")
    if progress not in PROGRESS:
        raise ValueError(f"fit: progress={progress!r} must be one of {', '.join(PROGRESS)}")
    if patience is not None and test is None:
        raise ValueError(f"fit: patience={patience} needs test data")
    if checkpoint is None and (resume or checkpoint_every is not None):
        raise ValueError("fit: resume and checkpoint_every need checkpoint, the file to write to")
    run = _Run(
        model=model,
        train=train,
        test=test,
        epochs=epochs,
        optimizer=optimizer,
        scheduler=scheduler,
        scheduler_every=scheduler_every,
        loss=with_heads(loss, auxiliary),
        clip_norm=clip_norm,
        average=None if average is None else ExponentialMovingAverage(model, average),
        patience=patience,
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        on_epoch=on_epoch,
    )
    if resume and Path(checkpoint).is_file():
        run.go_on_from(load_checkpoint(checkpoint))
    else:
        run.save()
    per_epoch = len(train) * train.batch_size if train.drop_last else len(train.dataset)
    run.show = PROGRESS[progress](epochs * per_epoch, run.samples)
    try:
        run.all_epochs()
    finally:
        run.show.close()
    return run.history


def with_heads(loss: Callable, auxiliary: float) -> Callable:
    """The loss of what a model returns: logits, or in training (logits, those of its heads ...)."""

    def total(output: Tensor | tuple[Tensor, ...], target: Tensor) -> Tensor:
        if not isinstance(output, tuple):
            return loss(output, target)
        logits, *heads = output
        return loss(logits, target) + auxiliary * sum(loss(head, target) for head in heads)

    return total


def _check_loaders(train, test) -> None:
    for name, loader in (("train", train), ("test", test)):
        if loader is None and name == "test":
            continue
        if not isinstance(loader, DataLoader):
            raise TypeError(f"fit: {name} must be a DataLoader, got {type(loader).__name__}")
        if not len(loader):
            raise ValueError(f"fit: {name} has no batch")


@dataclass(kw_only=True)
class _Run:
    """A run's settings, which `fit` explains, its state, and the steps that change it."""

    model: Module
    train: DataLoader
    test: DataLoader | None
    epochs: int
    optimizer: Optimizer
    scheduler: LRScheduler | ReduceLROnPlateau | None
    scheduler_every: str
    loss: Callable[[Tensor, Tensor], Tensor]
    clip_norm: float | None
    average: ExponentialMovingAverage | None
    patience: int | None
    checkpoint: str | Path | None
    checkpoint_every: int | None
    on_epoch: Callable[[History], None] | None

    show: Silent | None = None
    history: History = field(default_factory=History)
    best_weights: dict | None = None  # of the epoch with the best test top-1, with patience
    saved_step: int | None = None  # the step of the last checkpoint
    step: int = 0  # batches and samples learned so far
    samples: int = 0
    lr: float = 0.0  # of the last step
    seen: int = 0  # in this epoch: samples, labels, those it had right, sum of losses, time
    labels: int = 0
    right: int = 0
    loss_sum: float = 0.0
    seconds: float = 0.0

    def start_epoch(self) -> None:
        self.seen = self.labels = self.right = 0
        self.loss_sum = self.seconds = 0.0

    def all_epochs(self) -> None:
        while len(self.history) < self.epochs and not self.out_of_patience():
            self.one_epoch()
        if self.best_weights is not None:
            self.model.load_state_dict(self.best_weights)
        elif self.average is not None:
            self.average.copy_to(self.model)

    def out_of_patience(self) -> bool:
        if self.patience is None or not self.history:
            return False
        return len(self.history) - self.history.best()["epoch"] >= self.patience

    def one_epoch(self) -> None:
        self.model.train()
        started, before = time.perf_counter(), self.seconds
        for x, target in self.train.batches_on(place_of(self.model)):
            self.one_step(x, target)
            self.seconds = before + time.perf_counter() - started
            self.show.advance(len(x), *self.so_far())
            every = self.checkpoint_every
            if every is not None and self.step % every == 0:
                self.save()
        self.end_epoch()
        self.save()

    def one_step(self, x: Tensor, target: Tensor) -> None:
        if hasattr(self.model, "set_progress"):
            self.model.set_progress(self.step / (self.epochs * len(self.train)))
        random_state = get_rng_state()
        output = self.model(x)
        loss = self.loss(output, target)
        self.optimizer.zero_grad()
        if finite(loss):
            loss.backward()
        if not finite(loss) or has_nonfinite_gradient(self.model):
            set_rng_state(random_state)
            self.stop_at_nonfinite(x, target, loss.item())
        if self.clip_norm is not None:
            clip_grad_norm_(self.model.parameters(), self.clip_norm)
        self.lr = self.optimizer.param_groups[0]["lr"]
        self.optimizer.step()
        if self.average is not None:
            self.average.update()
        if self.scheduler is not None and self.scheduler_every == "step":
            self.scheduler.step()
        self.step += 1
        self.samples += len(x)
        self.seen += len(x)
        logits = output[0] if isinstance(output, tuple) else output
        self.labels += int(known(target.data, logits.shape[1]).sum())
        self.right += int((logits.data.argmax(1) == target.data).sum())
        self.loss_sum += loss.item() * len(x)

    def so_far(self) -> tuple[str, float, float]:
        """What the progress shows: the epoch, the mean loss and accuracy in it."""
        return (
            f"{len(self.history) + 1}/{self.epochs}",
            self.loss_sum / self.seen,
            self.right / max(self.labels, 1),
        )

    def end_epoch(self) -> None:
        _, loss, top1 = self.so_far()
        row = {
            "epoch": len(self.history) + 1,
            "step": self.step,
            "lr": self.lr,
            "train_loss": loss,
            "train_top1": top1,
        }
        if self.test is not None:
            with nullcontext() if self.average is None else self.average.applied():
                result = evaluate(self.model, self.test, self.loss)
                best = not self.history or result.top1 > self.history.best()["test_top1"]
                if self.patience is not None and best:
                    state = self.model.state_dict().items()
                    self.best_weights = {name: t.data.copy() for name, t in state}
            row |= {"test_loss": result.loss, "test_top1": result.top1, "test_top5": result.top5}
            if result.of_pixels:
                row |= {"test_iou": pixel_scores(result.confusion).mean_iou}
        row |= {"images_per_s": self.seen / self.seconds, "seconds": self.seconds}
        self.history.append(row)
        if self.scheduler is not None and self.scheduler_every == "epoch":
            plateau = isinstance(self.scheduler, ReduceLROnPlateau)
            self.scheduler.step(*[row.get("test_loss", loss)] if plateau else [])
        self.start_epoch()
        self.show.line(describe(row, self.epochs))
        if self.on_epoch is not None:
            self.on_epoch(self.history)

    def stop_at_nonfinite(self, x: Tensor, target: Tensor, loss: float) -> None:
        place = find_nonfinite(self.model, x, target, self.loss)
        saved = (
            "no checkpoint was kept"
            if self.checkpoint is None
            else f"the last good checkpoint is {self.checkpoint}, of step {self.saved_step}"
        )
        raise NonFiniteError(
            f"fit: step {self.step + 1} (epoch {len(self.history) + 1}, loss {loss:.6g}) is not "
            f"finite, first in {place}; {saved}"
        )

    # ------------------------------------------------------------------------------- checkpoints

    COUNTED = ("seen", "labels", "right", "loss_sum", "seconds")
    PLAIN = ("step", "samples", "lr", *COUNTED, "best_weights")
    STATEFUL = ("model", "optimizer", "scheduler", "average", "train")

    def save(self) -> None:
        if self.checkpoint is None:
            return
        state = {name: getattr(self, name) for name in self.PLAIN}
        parts = {name: getattr(self, name) for name in self.STATEFUL}
        state |= {name: part and part.state_dict() for name, part in parts.items()}
        state |= {"history": list(self.history), "random": get_rng_state()}
        save_checkpoint(self.checkpoint, state)
        self.saved_step = self.step

    def go_on_from(self, state: dict) -> None:
        """Raises ValueError for the state of another run, or one that was edited."""
        try:
            self.load_state(state)
        except (ValueError, RuntimeError, LookupError, TypeError, AttributeError) as error:
            reason = repr(error) if isinstance(error, LookupError) else str(error)
            raise ValueError(
                f"fit: cannot go on from {self.checkpoint}: {reason} (it is of another run, or was "
                "edited)"
            ) from error

    def load_state(self, state: dict) -> None:
        for name in self.STATEFUL:
            part, saved = getattr(self, name), state[name]
            if (part is None) != (saved is None):
                has = "has none" if saved is None else "has one"
                raise ValueError(f"its {name} {has}")
        for name in self.STATEFUL:
            if state[name] is not None:
                getattr(self, name).load_state_dict(state[name])
        for name in self.PLAIN:
            setattr(self, name, state[name])
        for name in ("step", "samples", "lr", *self.COUNTED):
            if not isinstance(state[name], int | float) or state[name] < 0:
                raise TypeError(f"{name}={state[name]!r}")
        self.history = History(state["history"])
        if not all(isinstance(row, dict) and "epoch" in row for row in self.history):
            raise TypeError("the rows of history must be dicts")
        self.saved_step = self.step
        set_rng_state(state["random"])
