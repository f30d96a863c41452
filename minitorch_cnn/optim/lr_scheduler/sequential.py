"""SequentialLR: one schedule after the other, such as a warm-up and then a cosine."""

from __future__ import annotations

from bisect import bisect_right

from ..optimizer import Optimizer
from .base import LRScheduler, check_optimizer
from .composed import Composed


class SequentialLR(Composed):
    """schedulers[0] until milestones[0], then schedulers[1] from its own step 0, and so on.

    A training that was interrupted goes on by load_state_dict; PyTorch's argument last_epoch, which
    would set the count but not the schedules, does not exist.

    Raises: ValueError unless there is one milestone fewer than schedulers, all of them for this
    optimizer and none a ReduceLROnPlateau, whose step needs an argument.
    """

    def __init__(self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int]):
        check_optimizer("SequentialLR", optimizer)
        if not schedulers or len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"SequentialLR: {len(milestones)} milestones do not go with {len(schedulers)} "
                "schedulers, which need one fewer than they are"
            )
        super().__init__(optimizer, schedulers)
        self.milestones = list(milestones)
        self._first_step()

    def step(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  (PyTorch's)
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

    def _in_force(self) -> LRScheduler:
        return self.schedulers[bisect_right(self.milestones, self.last_epoch)]

    def _first_step(self) -> None:
        self._rewind()
        self._in_force()._first_step()
        self._last_lr = self.current()
