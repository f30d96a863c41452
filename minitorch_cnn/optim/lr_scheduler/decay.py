"""Schedules by one formula: steps, powers, polynomial, cosine, linear warm-up, any function."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from ..optimizer import Optimizer
from .base import LRScheduler, check_optimizer, per_group


class _Changing(LRScheduler):
    """A schedule that defines the change of the rate; step 0 keeps the current rate, unless
    overridden."""

    def first_lr(self) -> list[float]:
        return self.current()

    def restart(self) -> None:
        """Return to step 0, with the rates from the schedule's creation."""
        self._check_groups()
        self.last_epoch = 0
        self._set(self.base_lrs)
        self._set(self.first_lr())


class StepLR(_Changing):
    """Multiply lr by gamma every step_size steps.

    Raises: ValueError for step_size below 1.
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ):
        check_count("StepLR", step_size=step_size)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def first_lr(self) -> list[float]:
        return self.get_lr() if self.last_epoch else self.current()

    def get_lr(self) -> list[float]:
        if self.last_epoch % self.step_size:
            return self.current()
        return [lr * self.gamma for lr in self.current()]

    def closed_lr(self) -> list[float]:
        return [lr * self.gamma ** (self.last_epoch // self.step_size) for lr in self.base_lrs]


class MultiStepLR(_Changing):
    """Multiply lr by gamma at each milestone, twice at one given twice."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ):
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def _checked(self, state_dict: Mapping[str, Any]) -> dict[str, Any]:
        state = super()._checked(state_dict)
        milestones: Any = state["milestones"]
        if isinstance(milestones, Mapping):  # PyTorch's form: the count of each
            state["milestones"] = sorted(Counter(cast(Mapping[int, int], milestones)).elements())
        return state

    def first_lr(self) -> list[float]:
        return self.get_lr()

    def get_lr(self) -> list[float]:
        factor = self.gamma ** self.milestones.count(self.last_epoch)
        return [lr * factor for lr in self.current()]

    def closed_lr(self) -> list[float]:
        factor = self.gamma ** bisect_right(self.milestones, self.last_epoch)
        return [lr * factor for lr in self.base_lrs]


class ExponentialLR(_Changing):
    """Multiply lr by gamma at every step."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1):
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return [lr * self.gamma for lr in self.current()]

    def closed_lr(self) -> list[float]:
        return [lr * self.gamma**self.last_epoch for lr in self.base_lrs]


class ConstantLR(_Changing):
    """lr times factor for total_iters steps, then lr.

    Raises: ValueError for factor outside [0, 1] or total_iters below 1.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ):
        check_count("ConstantLR", total_iters=total_iters)
        if not 0 <= factor <= 1:
            raise ValueError(f"ConstantLR: factor={factor} must be in [0, 1]")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def first_lr(self) -> list[float]:
        if self.last_epoch == 0:
            return [lr * self.factor for lr in self.current()]
        return self.get_lr()

    def get_lr(self) -> list[float]:
        if self.last_epoch != self.total_iters:
            return self.current()
        if self.factor == 0:  # division cannot restore the rate
            self._check_groups()
            return self.base_lrs
        return [lr * (1 / self.factor) for lr in self.current()]

    def closed_lr(self) -> list[float]:
        factor = 1 if self.last_epoch >= self.total_iters else self.factor
        return [lr * factor for lr in self.base_lrs]


class LinearLR(_Changing):
    """lr times a factor that changes linearly from start_factor to end_factor in total_iters steps.

    The usual warm-up: large steps can diverge while the weights are still random (Goyal et al.
    2017).

    Raises: ValueError for start_factor outside (0, 1], end_factor outside [0, 1] or total_iters
    below 1.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ):
        check_count("LinearLR", total_iters=total_iters)
        if not 0 < start_factor <= 1:
            raise ValueError(f"LinearLR: start_factor={start_factor} must be in (0, 1]")
        if not 0 <= end_factor <= 1:
            raise ValueError(f"LinearLR: end_factor={end_factor} must be in [0, 1]")
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def first_lr(self) -> list[float]:
        if self.last_epoch > 0:
            return self.current()
        return [lr * self.start_factor for lr in self.current()]

    def get_lr(self) -> list[float]:
        if self.last_epoch > self.total_iters:
            return self.current()
        slope = self.end_factor - self.start_factor
        before = self.start_factor * self.total_iters + (self.last_epoch - 1) * slope
        return [lr * (1 + slope / before) for lr in self.current()]

    def closed_lr(self) -> list[float]:
        share = min(self.last_epoch, self.total_iters) / self.total_iters
        factor = self.start_factor + (self.end_factor - self.start_factor) * share
        return [lr * factor for lr in self.base_lrs]


class PolynomialLR(_Changing):
    """lr = initial_lr (1 - t / total_iters)^power, and 0 from total_iters on.

    Raises: ValueError for total_iters below 1.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
    ):
        check_count("PolynomialLR", total_iters=total_iters)
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        t, end = self.last_epoch, self.total_iters
        if t > end:
            return self.current()
        return [lr * ((1 - t / end) / (1 - (t - 1) / end)) ** self.power for lr in self.current()]

    def closed_lr(self) -> list[float]:
        left = 1 - min(self.last_epoch, self.total_iters) / self.total_iters
        return [lr * left**self.power for lr in self.base_lrs]


class CosineAnnealingLR(_Changing):
    """lr = eta_min + (initial_lr - eta_min) (1 + cos(pi t / T_max)) / 2 (Loshchilov, Hutter 2017).

    After T_max the rate rises again with the cosine.

    Raises: ValueError for T_max below 1.
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ):
        check_count("CosineAnnealingLR", T_max=T_max)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        t, end, low = self.last_epoch, self.T_max, self.eta_min
        if (t - 1 - end) % (2 * end) == 0:  # at eta_min the ratio would divide by 0
            self._check_groups()
            rise = (1 - math.cos(math.pi / end)) / 2
            return [
                lr + (base - low) * rise
                for lr, base in zip(self.current(), self.base_lrs, strict=True)
            ]
        factor = (1 + math.cos(math.pi * t / end)) / (1 + math.cos(math.pi * (t - 1) / end))
        return [low + (lr - low) * factor for lr in self.current()]

    def closed_lr(self) -> list[float]:
        share = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        return [self.eta_min + (lr - self.eta_min) * share for lr in self.base_lrs]


class LambdaLR(LRScheduler):
    """lr = initial_lr * lr_lambda(t), with one function for all groups or a list with one per
    group.

    The functions are not part of `state_dict`.
    """

    not_stored = ("optimizer", "lr_lambdas")
    follows_base_lrs = True

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ):
        name = type(self).__name__
        check_optimizer(name, optimizer)
        self.lr_lambdas: list[Callable[[int], float]] = per_group(
            name, optimizer, "lr_lambda", lr_lambda
        )
        for fn in self.lr_lambdas:
            if not callable(fn):
                raise TypeError(f"{name}: lr_lambda must be a function, got {type(fn).__name__}")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return self._scaled(self.base_lrs)

    def _scaled(self, lrs: list[float]) -> list[float]:
        return [lr * fn(self.last_epoch) for lr, fn in zip(lrs, self.lr_lambdas, strict=True)]


class MultiplicativeLR(LambdaLR):
    """Multiply lr by lr_lambda(t) at every step t >= 1; see LambdaLR."""

    def first_lr(self) -> list[float]:
        return self.current()

    def get_lr(self) -> list[float]:
        return self._scaled(self.current())


def check_count(scheduler: str, **counts: int) -> None:
    """Check that numbers of steps are at least 1. Raises: ValueError, naming the scheduler."""
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{scheduler}: {name}={count} must be at least 1")
