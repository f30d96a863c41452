"""SequentialLR: one schedule after another, such as a warm-up and then a cosine."""

from __future__ import annotations

from bisect import bisect_right

from ..optimizer import Optimizer
from .base import LRScheduler, check_optimizer
from .composed import Composed


class SequentialLR(Composed):
    """schedulers[0] until milestones[0], then schedulers[1] from its own step 0, and so on.

    load_state_dict resumes an interrupted training. PyTorch's last_epoch does not exist here: it
    would set the count but not the schedules.

    Raises: ValueError unless there is one milestone fewer than schedulers; for schedulers of
    another optimizer; or for a ReduceLROnPlateau, whose step needs an argument.
    """

    def __init__(self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int]):
        check_optimizer("SequentialLR", optimizer)
        if not schedulers or len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"SequentialLR: {len(milestones)} milestones do not match {len(schedulers)} "
                "schedulers, which need one milestone fewer"
            )
        super().__init__(optimizer, schedulers)
        self.milestones = list(milestones)
        self._first_step()

    def step(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  (PyTorch's)
        """Advance the active schedule to its next step."""
        self.last_epoch += 1
        scheduler = self._in_force()
        if self.last_epoch in self.milestones:
            scheduler.restart()
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()

    def restart(self) -> None:
        """Return to step 0."""
        self._rewind()
        self._in_force().restart()
        self._last_lr = self.current()

    def _in_force(self) -> LRScheduler:
        return self.schedulers[bisect_right(self.milestones, self.last_epoch)]

    def _first_step(self) -> None:
        self._rewind()
        self._in_force()._first_step()
        self._last_lr = self.current()
