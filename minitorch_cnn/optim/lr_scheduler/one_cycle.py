"""OneCycleLR: the rate rises to a maximum and falls to nearly 0; momentum moves inversely."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from ..optimizer import Optimizer
from .base import LRScheduler, check_optimizer, per_group, set_momentum
from .decay import check_count


class OneCycleLR(LRScheduler):
    """One cycle over the whole training (Smith & Topin 2017). Step it after every batch.

    The rate rises from max_lr/div_factor to max_lr in the fraction pct_start of total_steps, then
    falls to max_lr/div_factor/final_div_factor. With three_phase it first falls back to
    max_lr/div_factor, in as many steps as it rose. With cycle_momentum, the momentum (or beta1)
    moves from max_momentum to base_momentum and back.

    total_steps defaults to epochs * steps_per_epoch.

    Raises: ValueError for settings out of range, an optimizer without momentum, or a step after the
    last.
    """

    follows_base_lrs = True

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ):
        check_optimizer("OneCycleLR", optimizer)
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError(
                    "OneCycleLR: total_steps, or epochs and steps_per_epoch, must be given"
                )
            check_count("OneCycleLR", epochs=epochs, steps_per_epoch=steps_per_epoch)
            total_steps = epochs * steps_per_epoch
        check_count("OneCycleLR", total_steps=total_steps)
        if not 0 <= pct_start <= 1:
            raise ValueError(f"OneCycleLR: pct_start={pct_start} must be in [0, 1]")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"OneCycleLR: anneal_strategy={anneal_strategy!r} must be 'cos' or 'linear'"
            )
        if cycle_momentum and not {"momentum", "betas"} & optimizer.defaults.keys():
            raise ValueError(
                "OneCycleLR: cycle_momentum=True needs an optimizer with momentum or betas"
            )
        self.total_steps, self.anneal_strategy, self.cycle_momentum = (
            total_steps,
            anneal_strategy,
            cycle_momentum,
        )
        self.phases = phases(total_steps, pct_start, three_phase)
        if last_epoch == -1:
            settings = [
                per_group("OneCycleLR", optimizer, name, value)
                for name, value in (
                    ("max_lr", max_lr),
                    ("base_momentum", base_momentum),
                    ("max_momentum", max_momentum),
                )
            ]
            for group, peak, low, high in zip(optimizer.param_groups, *settings, strict=True):
                group["initial_lr"] = peak / div_factor
                group["max_lr"] = peak
                group["min_lr"] = peak / div_factor / final_div_factor
                if cycle_momentum:
                    group["base_momentum"], group["max_momentum"] = low, high
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        t = self.last_epoch
        if t > self.total_steps:
            raise ValueError(f"OneCycleLR: step {t} is beyond total_steps={self.total_steps}")
        start, (end, *names) = 0.0, self.phases[0]
        for following in self.phases[1:]:
            if t <= end:
                break
            start, (end, *names) = end, following
        fraction = (t - start) / (end - start) if end > start else 1.0
        return [self._enter(group, names, fraction) for group in self.optimizer.param_groups]

    def _enter(self, group: dict[str, Any], names: Sequence[str], fraction: float) -> float:
        """Set the momentum of a group at `fraction` of a phase, and return its rate."""
        lr, next_lr, momentum, next_momentum = names
        if self.cycle_momentum:
            value = self._between(group[momentum], group[next_momentum], fraction)
            set_momentum(group, value)
        return self._between(group[lr], group[next_lr], fraction)

    def _between(self, start: float, end: float, fraction: float) -> float:
        if self.anneal_strategy == "linear":
            return start + (end - start) * fraction
        return end + (start - end) / 2 * (1 + math.cos(math.pi * fraction))


_Names = tuple[str, str, str, str]


def phases(
    total_steps: int, pct_start: float, three_phase: bool
) -> list[tuple[float, str, str, str, str]]:
    """For each phase: (last step, initial and final rate, initial and final momentum)."""
    up: _Names = ("initial_lr", "max_lr", "max_momentum", "base_momentum")
    down: _Names = ("max_lr", "initial_lr", "base_momentum", "max_momentum")
    if three_phase:
        rest: _Names = ("initial_lr", "min_lr", "max_momentum", "max_momentum")
        ends = (pct_start * total_steps - 1, 2 * pct_start * total_steps - 2, total_steps - 1)
        return [(ends[0], *up), (ends[1], *down), (ends[2], *rest)]
    down = ("max_lr", "min_lr", "base_momentum", "max_momentum")
    return [(pct_start * total_steps - 1, *up), (total_steps - 1, *down)]
