"""LRScheduler: sets the learning rates of an optimizer's groups, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...nn.checks import is_sequence
from ..optimizer import Optimizer

# Entries of PyTorch's state dicts that affect no rate, and PyTorch's names of our entries.
BESIDES = {
    "_get_lr_called_within_step", "_is_initial", "_step_count", "default_min_lr", "mode_worse",
    "verbose",
}  # fmt: skip
NAMES = {"_milestones": "milestones", "_schedulers": "schedulers", "min_lrs": "min_lr"}


class LRScheduler:
    """The base of the schedules; a subclass defines `get_lr`.

    Most schedules define the change of the rate from one step to the next, so several schedules on
    one optimizer multiply. Call `step()` after `optimizer.step()`, once per epoch or per batch,
    depending on the unit of the schedule. The constructor performs step 0. With last_epoch >= 0 it
    continues after that step, from the optimizer's current rates.

    A param group added later joins the schedules that define a change. Schedules that define the
    rate itself (`follows_base_lrs`) refuse to continue and must be created again.

    Raises: TypeError unless optimizer is an Optimizer, KeyError for last_epoch >= 0 if a group has
    no initial_lr.
    """

    optimizer: Optimizer
    base_lrs: list[float]
    last_epoch: int
    _last_lr: list[float]

    not_stored: tuple[str, ...] = ("optimizer",)
    follows_base_lrs = False  # whether the rates are computed from the initial ones
    _get_lr_called_within_step = True  # read by schedules written for PyTorch

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        check_optimizer(type(self).__name__, optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{type(self).__name__}: last_epoch={last_epoch} needs initial_lr "
                    f"in param group {i}"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._first_step()

    def get_lr(self) -> list[float]:
        """The rate of every group at step `last_epoch`, from the rates at the step before."""
        raise NotImplementedError

    def first_lr(self) -> list[float]:
        """The rates at step 0, or after last_epoch: those of `get_lr`, unless overridden."""
        return self.get_lr()

    def closed_lr(self) -> list[float]:
        """The rates at step `last_epoch`, independent of the current ones: those of `get_lr`,
        unless overridden."""
        return self.get_lr()

    def step(self, epoch: int | None = None) -> None:
        """Advance to the next step, or to step `epoch`, and set its rates.

        Raises: ValueError for an epoch below 0, or for param groups unknown to the schedule.
        """
        if epoch is not None and not epoch >= 0:
            raise ValueError(f"{type(self).__name__}.step: epoch={epoch} must not be negative")
        if self.follows_base_lrs or epoch is not None:
            self._check_groups()
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self._set(self.get_lr() if epoch is None else self.closed_lr())

    def get_last_lr(self) -> list[float]:
        """The rates that were set last."""
        return self._last_lr

    def state_dict(self) -> dict[str, Any]:
        """The current step and the settings, without functions, ready for JSON."""
        return {k: v for k, v in self.__dict__.items() if k not in self.not_stored}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load a `state_dict`, ours or PyTorch's. Raises: ValueError for another schedule's."""
        self.__dict__.update(self._checked(state_dict))

    def _checked(self, state_dict: Mapping[str, Any]) -> dict[str, Any]:
        """The entries under our names. Raises: ValueError for another schedule's entries."""
        own = self.state_dict()
        state = {NAMES.get(k, k): v for k, v in state_dict.items() if k not in BESIDES}
        if "lr_lambdas" in state and "lr_lambdas" not in own and not any(state["lr_lambdas"]):
            del state["lr_lambdas"]  # functions, which PyTorch stores as None
        wrong = sorted(state.keys() ^ own.keys())
        if wrong:
            raise ValueError(
                f"{type(self).__name__}.load_state_dict: missing or unexpected {', '.join(wrong)}"
            )
        return state

    def current(self) -> list[float]:
        """The optimizer's current rates."""
        return [group["lr"] for group in self.optimizer.param_groups]

    @property
    def _step_count(self) -> int:
        """The number of steps so far, including that of the constructor."""
        return self.last_epoch + 1

    def _first_step(self) -> None:
        if type(self).step is not LRScheduler.step:  # a user's schedule that overrides step
            self.step()
            return
        self.last_epoch += 1
        self._set(self.first_lr())

    def restart(self) -> None:
        """Return to step 0 and set its rates."""
        self._check_groups()
        self.last_epoch = 0
        self._set(self.get_lr())

    def _check_groups(self) -> None:
        """Raises: ValueError if param groups were added after the schedule was created."""
        groups = len(self.optimizer.param_groups)
        if groups != len(self.base_lrs):
            raise ValueError(
                f"{type(self).__name__}: the optimizer has {groups} param groups, and had "
                f"{len(self.base_lrs)} when the schedule was made; make it after add_param_group"
            )

    def _set(self, lrs: Sequence[float]) -> None:
        for group, lr in zip(self.optimizer.param_groups, lrs, strict=True):
            group["lr"] = lr
        self._last_lr = self.current()


class _LRScheduler(LRScheduler):
    """LRScheduler under the name from which schedules for older PyTorch derive."""


def check_optimizer(scheduler: str, optimizer: Optimizer) -> None:
    """Check that it is an Optimizer. Raises: TypeError, naming the scheduler."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"{scheduler}: optimizer must be an Optimizer, got {type(optimizer).__name__}"
        )


def set_momentum(group: dict[str, Any], value: float) -> None:
    """Set the momentum of a param group, or its first beta if it has betas."""
    if "betas" in group:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value


def per_group(scheduler: str, optimizer: Optimizer, name: str, value: Any) -> list[Any]:
    """`value`, one for all groups or a list with one per group, as a list."""
    groups = len(optimizer.param_groups)
    values = list(value) if is_sequence(value) else [value] * groups
    if len(values) != groups:
        raise ValueError(
            f"{scheduler}: {name}={value} must have one entry for each of {groups} groups"
        )
    return values
