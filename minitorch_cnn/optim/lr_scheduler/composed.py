"""Composed: the base of schedules made of other schedules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler
from .plateau import ReduceLROnPlateau


class Composed(LRScheduler):
    """A schedule that steps other `schedulers`."""

    not_stored = ("optimizer", "schedulers")

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler]):
        name = type(self).__name__
        for i, scheduler in enumerate(schedulers):
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(f"{name}: schedulers[{i}] must not be a ReduceLROnPlateau")
            if scheduler.optimizer is not optimizer:
                raise ValueError(f"{name}: schedulers[{i}] belongs to another optimizer")
        self.optimizer, self.schedulers = optimizer, list(schedulers)

    def state_dict(self) -> dict[str, Any]:
        """The state of this schedule and of its schedulers."""
        return {**super().state_dict(), "schedulers": [s.state_dict() for s in self.schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load the `state_dict` of a schedule made of the same schedules, else raise ValueError."""
        rest = self._checked(state_dict)
        states = rest.pop("schedulers")
        if len(states) != len(self.schedulers):
            raise ValueError(
                f"{type(self).__name__}.load_state_dict: {len(states)} schedulers, "
                f"expected {len(self.schedulers)}"
            )
        for scheduler, state in zip(self.schedulers, states, strict=True):
            scheduler.load_state_dict(state)
        self.__dict__.update(rest)

    def _rewind(self) -> None:
        """Undo the steps 0 of the schedules' constructors, which accumulated."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        self.last_epoch = 0
        for scheduler in self.schedulers:
            scheduler.last_epoch = -1
