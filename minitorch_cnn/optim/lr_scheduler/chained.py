"""ChainedScheduler: several simultaneous schedules, whose factors multiply."""

from __future__ import annotations

from collections.abc import Sequence

from ..optimizer import Optimizer
from .base import LRScheduler
from .composed import Composed


class ChainedScheduler(Composed):
    """Each step runs a step of every scheduler, in order.

    Raises: ValueError for no schedulers, for schedulers of different optimizers, or for a
    ReduceLROnPlateau, whose step needs an argument.
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None):
        if not schedulers:
            raise ValueError("ChainedScheduler: schedulers is empty")
        super().__init__(schedulers[0].optimizer if optimizer is None else optimizer, schedulers)
        self.last_epoch = schedulers[0].last_epoch
        self._last_lr = self.current()

    def step(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  (PyTorch's)
        """Advance each schedule to its next step."""
        for scheduler in self.schedulers:
            scheduler.step()
        self.last_epoch += 1
        self._last_lr = self.current()

    def restart(self) -> None:
        """Return to step 0."""
        self._first_step()

    def _first_step(self) -> None:
        self._rewind()
        for scheduler in self.schedulers:
            scheduler._first_step()
        self._last_lr = self.current()
