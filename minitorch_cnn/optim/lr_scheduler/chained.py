"""ChainedScheduler: several schedules at once, whose factors multiply."""

from __future__ import annotations

from collections.abc import Sequence

from ..optimizer import Optimizer
from .base import LRScheduler
from .composed import Composed


class ChainedScheduler(Composed):
    """Every step is a step of each of the schedulers, in their order.

    Raises: ValueError unless there is a scheduler, all are for one optimizer and none is a
    ReduceLROnPlateau, whose step needs an argument.
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None):
        if not schedulers:
            raise ValueError("ChainedScheduler: schedulers is empty")
        super().__init__(schedulers[0].optimizer if optimizer is None else optimizer, schedulers)
        self.last_epoch = schedulers[0].last_epoch
        self._last_lr = self.current()

    def step(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  (PyTorch's)
        """Go on to the next step of each schedule."""
        for scheduler in self.schedulers:
            scheduler.step()
        self.last_epoch += 1
        self._last_lr = self.current()

    def restart(self) -> None:
        """Go back to step 0."""
        self._first_step()

    def _first_step(self) -> None:
        self._rewind()
        for scheduler in self.schedulers:
            scheduler._first_step()
        self._last_lr = self.current()
