"""How fast nets learn: the epochs to a training error, by learning rate and at the best one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ... import nn
from ...random import manual_seed
from ..small_training import train
from .claim import Panel, Values, mean_and_spread
from .nets import digits

LEARNT = 0.1  # the training error that counts as learnt
AT_BEST, BY_RATE = "Each at its best learning rate", "By learning rate"


def panels(rates: Sequence[float]) -> dict[str, Panel]:
    return {
        AT_BEST: Panel("number of epochs", "training error (%)", factor=100),
        BY_RATE: Panel("learning rate", "epochs to 10 % training error", rates, log="x"),
    }


def speeds(
    builders: Mapping[str, Callable[[], nn.Module]],
    rates: Sequence[float],
    seed: int,
    images: int,
    epochs: int,
) -> Values:
    """Train a net of each builder at each rate; the best rate has the smallest sum of losses."""
    data = digits().take(images, seed)
    best: dict[str, np.ndarray] = {}
    needed: dict[str, np.ndarray] = {}
    for name, build in builders.items():
        curves = []
        for lr in rates:
            manual_seed(seed)
            curves.append(train(build(), data, epochs, lr, seed))
        best[name] = min(curves, key=lambda c: c.loss.sum()).error
        needed[name] = np.array([epochs_until(c.error) for c in curves])
    return {AT_BEST: best, BY_RATE: needed}


def epochs_until(error: np.ndarray, limit: float = LEARNT) -> float:
    """The first epoch, from 1, whose error is at most the limit; one more than the last if none."""
    below = np.flatnonzero(error <= limit)
    return float(below[0] + 1) if len(below) else float(len(error) + 1)


def never(values: Values) -> int:
    """What `epochs_until` says of a net that has not learnt."""
    return next(iter(values[AT_BEST].values())).shape[1] + 1


def gained(values: Values, what: str) -> tuple[np.ndarray, str]:
    """The epochs that the first of two nets saves, by seed, each at its best rate; as a text."""
    mine, other = (v.min(axis=1) for v in values[BY_RATE].values())
    return other - mine, (
        f"10 % training error after {mean_and_spread(mine)} epochs with {what} and "
        f"{mean_and_spread(other)} without ({never(values)}: never), each at its best rate"
    )
