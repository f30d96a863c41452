"""Schedules with cycles: between two rates, and a cosine with restarts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from ...functional.geometry import is_int
from ...spelling import one_of
from ..optimizer import Optimizer
from .base import LRScheduler, check_optimizer, per_group, set_momentum
from .decay import check_count

MODES = ("triangular", "triangular2", "exp_range")


class CyclicLR(LRScheduler):
    """Cycles from base_lr up to max_lr in step_size_up steps, and down in step_size_down (Smith
    2017). Step it after every batch.

    mode: "triangular"; "triangular2" halves the height in each cycle; "exp_range" multiplies it by
    gamma^step. scale_fn replaces these: it gives the factor of the height for a cycle, counted from
    1, or for a step with scale_mode "iterations". With cycle_momentum, the momentum (or beta1)
    moves in the opposite direction, between max_momentum and base_momentum.

    scale_fn is not part of `state_dict`.

    Raises: ValueError for settings out of range or an optimizer without momentum.
    """

    not_stored = ("optimizer", "_custom_scale")
    follows_base_lrs = True

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ):
        check_optimizer("CyclicLR", optimizer)
        step_size_down = step_size_up if step_size_down is None else step_size_down
        check_count("CyclicLR", step_size_up=step_size_up, step_size_down=step_size_down)
        if mode not in MODES and scale_fn is None:
            raise ValueError(f"CyclicLR: mode={mode!r} {one_of(mode, MODES)}")
        if scale_mode not in ("cycle", "iterations"):
            raise ValueError(f"CyclicLR: scale_mode={scale_mode!r} must be 'cycle' or 'iterations'")
        if cycle_momentum and not {"momentum", "betas"} & optimizer.defaults.keys():
            raise ValueError(
                "CyclicLR: cycle_momentum=True needs an optimizer with momentum or betas"
            )
        base_lrs = per_group("CyclicLR", optimizer, "base_lr", base_lr)
        self.max_lrs = per_group("CyclicLR", optimizer, "max_lr", max_lr)
        self.base_momentums = per_group("CyclicLR", optimizer, "base_momentum", base_momentum)
        self.max_momentums = per_group("CyclicLR", optimizer, "max_momentum", max_momentum)
        self.total_size = float(step_size_up) + float(step_size_down)
        self.step_ratio = step_size_up / self.total_size
        self.mode, self.gamma, self._custom_scale = mode, gamma, scale_fn
        if scale_fn is None:
            scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.scale_mode, self.cycle_momentum = scale_mode, cycle_momentum
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, base_lrs, strict=True):
                group["lr"] = lr
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """The factor of the height for cycle x, or for step x."""
        if self._custom_scale is not None:
            return self._custom_scale(x)
        return {"triangular": 1.0, "triangular2": 0.5 ** (x - 1), "exp_range": self.gamma**x}[
            self.mode
        ]

    def get_lr(self) -> list[float]:
        t = self.last_epoch
        cycle = math.floor(1 + t / self.total_size)
        x = 1.0 + t / self.total_size - cycle
        up = x <= self.step_ratio
        height = x / self.step_ratio if up else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else t)
        if self.cycle_momentum:
            ends = zip(self.base_momentums, self.max_momentums, strict=True)
            for group, (low, high) in zip(self.optimizer.param_groups, ends, strict=True):
                set_momentum(group, high - (high - low) * height * scale)
        return [
            low + (high - low) * height * scale
            for low, high in zip(self.base_lrs, self.max_lrs, strict=True)
        ]


class CosineAnnealingWarmRestarts(LRScheduler):
    """lr = eta_min + (initial_lr - eta_min) (1 + cos(pi T_cur / T_i)) / 2 (Loshchilov, Hutter
    2017).

    T_cur counts the steps of a cycle of T_i steps. T_i starts at T_0, and each restart multiplies
    it by T_mult. `step(epoch)` accepts fractions: the usual call after every batch is
    step(epoch + i / batches).

    Raises: ValueError unless T_0 and T_mult are ints of at least 1.
    """

    follows_base_lrs = True

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ):
        for name, value in (("T_0", T_0), ("T_mult", T_mult)):
            if not is_int(value) or value < 1:
                raise ValueError(
                    f"CosineAnnealingWarmRestarts: {name}={value} must be an int of at least 1"
                )
        self.T_0, self.T_i, self.T_mult, self.eta_min = T_0, T_0, T_mult, eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        share = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Advance to the next step, or to `epoch`, and set its rates."""
        self._check_groups()
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur -= self.T_i
                self.T_i *= self.T_mult
        elif epoch < 0:
            raise ValueError(
                f"CosineAnnealingWarmRestarts.step: epoch={epoch} must not be negative"
            )
        else:
            self._find(epoch)
        self.last_epoch = math.floor(epoch)
        self._set(self.get_lr())

    def restart(self) -> None:
        self.step(0)

    def _first_step(self) -> None:
        self.step()

    def _find(self, epoch: float) -> None:
        """Set T_cur and T_i for `epoch`, which follows n cycles of T_0 T_mult^k steps."""
        self.T_cur, self.T_i = epoch, self.T_0
        if epoch >= self.T_0 and self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        elif epoch >= self.T_0:
            n = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur -= self.T_0 * (self.T_mult**n - 1) / (self.T_mult - 1)
            self.T_i *= self.T_mult**n
