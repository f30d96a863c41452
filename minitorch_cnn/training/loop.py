"""The loop over epochs and batches: evaluation, checkpoints, and the state for resuming."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..data import DataLoader
from ..nn import Module
from ..nn.evaluation import Modes, set_modes
from ..nn.utils import clip_grad_norm_
from ..optim import ExponentialMovingAverage, Optimizer
from ..optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from ..random import get_rng_state, set_rng_state
from ..tensor import Tensor
from .batches import called, pairs, place_of, samples_in
from .checkpoint import save_checkpoint
from .device_tally import STEPS, DeviceTally, skipping
from .gradients import Gradients
from .history import History
from .means import Means
from .metrics import are_classes, known, measure, pixel_scores
from .nonfinite import NonFiniteError, find_nonfinite, finite, has_nonfinite_gradient
from .objective import loss_of_batch, main_output
from .progress import describe
from .ranks import Ranks


@dataclass(kw_only=True)
class Loop:
    """A run's settings, which `fit` documents, its state, and the steps that change it."""

    model: Module
    train: Any  # the batches, with a length
    test: Iterable[Any] | None
    epochs: int
    optimizer: Optimizer
    scheduler: LRScheduler | ReduceLROnPlateau | None
    scheduler_every: str
    loss: Callable[[Any, Any], Tensor]
    loss_part: Module | None  # the Module of the loss, if it is one
    gradients: Gradients
    means: Means  # over this epoch
    clip_norm: float | None
    average: ExponentialMovingAverage | None
    patience: int | None
    checkpoint: str | Path | None
    checkpoint_every: int | None
    on_epoch: Callable[[History], Any] | None

    ranks: Ranks | None = None  # of a run on several processes
    tally: DeviceTally | None = None  # of a run on a device
    taken: bool = False  # whether a graph took the step of the last batch
    modes: Modes = field(default_factory=dict)
    show: Any = None  # a Silent or a subclass that displays progress
    history: History = field(default_factory=History)
    best_weights: dict | None = None  # of the epoch with the best test top-1, if patience is set
    saved_step: int | None = None  # the step of the last checkpoint
    step: int = 0  # steps and samples completed so far
    samples: int = 0
    stopped: bool = False  # by on_epoch
    lr: float = 0.0  # of the last step
    labels: int = 0  # in this epoch: class labels, correct ones, and time
    right: int = 0
    seconds: float = 0.0

    def start_epoch(self) -> None:
        self.means.start()
        self.labels = self.right = 0
        self.seconds = 0.0

    def all_epochs(self) -> None:
        while len(self.history) < self.epochs and not self.stopped and not self.out_of_patience():
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
        if not self.model.training:  # a callback switched it
            set_modes(self.modes)
        started, before = time.perf_counter(), self.seconds
        place, ranks = place_of(self.model), self.ranks
        batches = pairs if ranks is None else ranks.pairs
        for x, target, *rows in batches("fit", self.train, place):
            self.tell_progress()
            if self.tally is not None:
                self.tally.one_batch(self, x, target)
            elif ranks is None:
                self.one_batch(x, target)
            else:
                ranks.one_batch(self, x, target, *rows)
            if self.gradients.full():
                self.one_step()
            self.seconds = before + time.perf_counter() - started
            samples = rows[0].total if rows else samples_in("fit", x)
            self.show.advance(samples, *self.so_far())
            every = self.checkpoint_every
            saves = every is not None and not self.gradients.batches and self.step % every == 0
            if self.tally is not None and (saves or len(self.tally.batches) >= STEPS):
                self.tally.look(self)
            if saves:
                self.save()
        if not self.means.samples:
            raise ValueError(
                f"fit: train gives no batch in epoch {len(self.history) + 1}; it must give them "
                "anew each time that it is iterated over"
            )
        if self.gradients.batches:
            self.one_step()
        if self.tally is not None:
            self.tally.look(self)
        self.seconds = before + time.perf_counter() - started
        self.end_epoch()
        self.save()

    def tell_progress(self) -> None:
        if hasattr(self.model, "set_progress"):
            steps = -(-len(self.train) // self.gradients.most)
            self.model.set_progress(self.step / (self.epochs * steps))

    def one_batch(self, x: Any, target: Any) -> None:
        """Accumulate a batch into the gradient of the next step."""
        samples, random_state = samples_in("fit", x), get_rng_state()
        output = called(self.model, x)
        loss = loss_of_batch("fit", self.loss, output, target)
        if not loss.value.requires_grad:
            raise ValueError("fit: loss does not depend on any trainable parameter")
        good = finite(loss.value) or not loss.share  # the mean over zero labels is NaN
        if good:
            self.gradients.add(loss.value, samples * loss.share)
        if not good or has_nonfinite_gradient(self.model):
            set_rng_state(random_state)
            self.stop_at_nonfinite(x, target, loss.value.item())
        output = main_output(self.loss, output)
        self.means.add("fit", samples, loss, output, target)
        self.samples += samples
        if loss.of_classes and are_classes(output, target):
            self.labels += int(known(target.array, output.shape[1]).sum())
            self.right += int((output.array.argmax(1) == target.array).sum())

    def one_step(self) -> None:
        if self.ranks is not None:
            self.ranks.before_step(self)
        self.lr = self.optimizer.param_groups[0]["lr"]
        if not self.taken:
            self.change_weights()
        self.taken = False
        self.gradients.batches = 0
        if self.scheduler is not None and self.scheduler_every == "step":
            advance: Any = self.scheduler.step  # ReduceLROnPlateau's takes a metric
            advance()
        self.step += 1

    def change_weights(self) -> None:
        """Clip the gradients, take the optimizer's step, and update the averaged weights."""
        if self.clip_norm is not None:
            clip_grad_norm_(self.gradients.parameters, self.clip_norm)
        if self.tally is None:
            self.optimizer.step()
        else:
            with skipping(self.optimizer, self.tally.flag):
                self.optimizer.step()
        if self.average is not None:
            self.average.update()

    def so_far(self) -> tuple[str, float, float | None]:
        """The progress display's values: the epoch, its mean loss and, with classes, accuracy."""
        top1 = self.right / self.labels if self.labels else None
        return f"{len(self.history) + 1}/{self.epochs}", self.means.loss(), top1

    def end_epoch(self) -> None:
        if self.ranks is not None:
            self.ranks.share_buffers()
        _, loss, top1 = self.so_far()
        row = {
            "epoch": len(self.history) + 1,
            "step": self.step,
            "lr": self.lr,
            "train_loss": loss,
            **({} if top1 is None else {"train_top1": top1}),
            **self.means.metrics("train_"),
        }
        if self.test is not None:
            with nullcontext() if self.average is None else self.average.applied():
                row |= self.tested()
                if self.patience is not None and History([*self.history, row]).best() is row:
                    state = self.model.state_dict().items()
                    self.best_weights = {name: t.array.copy() for name, t in state}
        row |= {"images_per_s": self.means.samples / self.seconds, "seconds": self.seconds}
        self.history.append(row)
        if self.scheduler is not None and self.scheduler_every == "epoch":
            plateau = isinstance(self.scheduler, ReduceLROnPlateau)
            step: Any = self.scheduler.step
            step(*[row.get("test_loss", loss)] if plateau else [])
        self.start_epoch()
        self.show.line(describe(row, self.epochs))
        if self.on_epoch is not None:
            first = self.ranks is None or self.ranks.first
            answer = self.on_epoch(self.history) if first else None
            self.stopped = isinstance(answer, bool | np.bool_) and bool(answer)
            if self.ranks is not None:
                self.stopped = self.ranks.of_first(self.stopped)

    def tested(self) -> dict[str, Any]:
        """The test columns of a history row."""
        means = self.means.anew()
        test: Any = self.test
        result = measure("fit", self.model, test, self.loss, means, self.ranks)
        row: dict[str, Any] = {"test_loss": result.loss}
        if result.confusion is not None:
            row |= {"test_top1": result.top1, "test_top5": result.top5}
        if result.of_pixels and result.confusion is not None:
            row |= {"test_iou": pixel_scores(result.confusion).mean_iou}
        return row | means.metrics("test_")

    def stop_at_nonfinite(self, x: Any, target: Any, loss: float) -> None:
        self.nonfinite(find_nonfinite(self.model, x, target, self.loss), loss)

    def nonfinite(self, place: str, loss: float) -> None:
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

    COUNTED = ("labels", "right", "seconds")
    PLAIN = ("step", "samples", "lr", *COUNTED, "best_weights")
    STATEFUL = ("model", "optimizer", "scheduler", "average", "train", "loss_part")

    def stateful(self, name: str) -> Any:
        """A part that has a state to save, or None."""
        part = getattr(self, name)
        if name == "train" and not isinstance(part, DataLoader):
            return None
        without_state = name == "loss_part" and part is not None and not part.state_dict()
        return None if without_state else part

    def save(self) -> None:
        if self.checkpoint is None:
            return
        if self.ranks is not None and not self.ranks.first:
            self.saved_step = self.step
            return
        state = {name: getattr(self, name) for name in self.PLAIN}
        parts = {name: self.stateful(name) for name in self.STATEFUL}
        state |= {k: None if part is None else part.state_dict() for k, part in parts.items()}
        state |= self.means.state_dict() | {"stopped": self.stopped}
        state |= {"history": list(self.history), "random": get_rng_state()}
        save_checkpoint(self.checkpoint, state)
        self.saved_step = self.step

    def resume_from(self, state: dict) -> None:
        """Raises: ValueError if the state belongs to another run or was edited."""
        try:
            self.load_state(state)
        except (ValueError, RuntimeError, LookupError, TypeError, AttributeError) as error:
            reason = repr(error) if isinstance(error, LookupError) else str(error)
            raise ValueError(
                f"fit: cannot resume from {self.checkpoint}: {reason} (it belongs to another run, "
                "or was edited)"
            ) from error

    def load_state(self, state: dict) -> None:
        state = {"loss_part": None, "stopped": False, **state}  # missing in older files
        for name in self.STATEFUL:
            part, saved = self.stateful(name), state[name]
            if (part is None) != (saved is None):
                has = "has none" if saved is None else "has one"
                raise ValueError(f"its {name.removesuffix('_part')} {has}")
        for name in self.STATEFUL:
            if state[name] is not None:
                getattr(self, name).load_state_dict(state[name])
        for name in self.PLAIN:
            setattr(self, name, state[name])
        self.means.load_state_dict(state)
        for name in ("step", "samples", "lr", *self.COUNTED):
            if not isinstance(state[name], int | float) or state[name] < 0:
                raise TypeError(f"{name}={state[name]!r}")
        self.stopped = state["stopped"] and self.on_epoch is not None
        self.history = History(state["history"])
        if not all(isinstance(row, dict) and "epoch" in row for row in self.history):
            raise TypeError("the rows of history must be dicts")
        self.saved_step = self.step
        set_rng_state(state["random"])
