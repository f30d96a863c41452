"""SequentialLR: one schedule after the other, such as a warm-up and then a cosine."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler, check_optimizer
from .plateau import ReduceLROnPlateau


class SequentialLR(LRScheduler):
    """schedulers[0] until milestones[0], then schedulers[1] from its own step 0, and so on.

    A training that was interrupted goes on by load_state_dict; PyTorch's argument last_epoch, which
    would set the count but not the schedules, does not exist.

    Raises: ValueError unless there is one milestone fewer than schedulers, all of them for this
    optimizer and none a ReduceLROnPlateau, whose step needs an argument.
    """

    not_stored = ("optimizer", "schedulers")

    def __init__(self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int]):
        check_optimizer("SequentialLR", optimizer)
        if not schedulers or len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"SequentialLR: {len(milestones)} milestones do not go with {len(schedulers)} "
                "schedulers, which need one fewer than they are"
            )
        for i, scheduler in enumerate(schedulers):
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(f"SequentialLR: schedulers[{i}] must not be a ReduceLROnPlateau")
            if scheduler.optimizer is not optimizer:
                raise ValueError(f"SequentialLR: schedulers[{i}] belongs to another optimizer")
        self.optimizer = optimizer
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        # Making the schedules did the step 0 of each, one on top of the other.
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        self._first_step()

    def step(self) -> None:
        """Go on to the next step of the schedule in force."""
        self.last_epoch += 1
        scheduler = self._in_force()
        if self.last_epoch in self.milestones:
            scheduler.restart()
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()

    def restart(self) -> None:
        """Go back to step 0."""
        self._rewind()
        self._in_force().restart()
        self._last_lr = self.current()

    def state_dict(self) -> dict[str, Any]:
        """Where the sequence stands, and each of its schedules."""
        return {**super().state_dict(), "schedulers": [s.state_dict() for s in self.schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a `state_dict` of a sequence of the same schedules; ValueError for another."""
        self._check_keys(state_dict)
        rest = dict(state_dict)
        states = rest.pop("schedulers")
        if len(states) != len(self.schedulers):
            raise ValueError(
                f"SequentialLR.load_state_dict: {len(states)} schedulers, "
                f"expected {len(self.schedulers)}"
            )
        for scheduler, state in zip(self.schedulers, states, strict=True):
            scheduler.load_state_dict(state)
        self.__dict__.update(rest)

    def _in_force(self) -> LRScheduler:
        return self.schedulers[bisect_right(self.milestones, self.last_epoch)]

    def _first_step(self) -> None:
        self._rewind()
        self._in_force()._first_step()
        self._last_lr = self.current()

    def _rewind(self) -> None:
        self.last_epoch = 0
        for scheduler in self.schedulers:
            scheduler.last_epoch = -1
