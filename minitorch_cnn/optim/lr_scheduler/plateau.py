"""ReduceLROnPlateau: reduces the rate when a metric stops improving."""

from __future__ import annotations

import math
from typing import Literal

from ..optimizer import Optimizer
from .base import LRScheduler, check_optimizer, per_group


class ReduceLROnPlateau(LRScheduler):
    """Multiply lr by factor, down to min_lr, after more than `patience` steps without improvement.

    A metric improves if it beats the best so far, downwards (mode "min") or upwards ("max"), by
    more than the fraction `threshold` of it (threshold_mode "rel") or by more than `threshold`
    ("abs"). After a reduction, `cooldown` steps do not count. Changes below eps are skipped.

    Raises: ValueError for an unknown mode, factor of 1 or more, or min_lr of the wrong length.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0.0,
        eps: float = 1e-8,
    ):
        name = "ReduceLROnPlateau"
        check_optimizer(name, optimizer)
        if mode not in ("min", "max"):
            raise ValueError(f"{name}: mode={mode!r} must be 'min' or 'max'")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"{name}: threshold_mode={threshold_mode!r} must be 'rel' or 'abs'")
        if factor >= 1:
            raise ValueError(f"{name}: factor={factor} must be below 1")
        self.optimizer = optimizer
        self.mode, self.factor, self.patience, self.eps = mode, factor, patience, eps
        self.threshold, self.threshold_mode, self.cooldown = threshold, threshold_mode, cooldown
        self.min_lr = min_lr
        per_group(name, optimizer, "min_lr", min_lr)
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0
        self._last_lr = self.current()

    def step(self, metrics: float) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  (PyTorch's)
        """Record the metric of one more step, and reduce the rates if it is time."""
        metric = float(metrics)
        self.last_epoch += 1
        if self.is_better(metric):
            self.best, self.num_bad_epochs = metric, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self.current()

    def is_better(self, metric: float) -> bool:
        """Whether the metric beats the best so far by more than the threshold."""
        sign = -1 if self.mode == "min" else 1
        if self.threshold_mode == "rel":
            bound = self.best * (1 + sign * self.threshold)
        else:
            bound = self.best + sign * self.threshold
        return sign * metric > sign * bound

    def _reduce(self) -> None:
        lows = per_group("ReduceLROnPlateau", self.optimizer, "min_lr", self.min_lr)
        for group, low in zip(self.optimizer.param_groups, lows, strict=True):
            lr = max(group["lr"] * self.factor, low)
            if group["lr"] - lr > self.eps:
                group["lr"] = lr
