"""Batch norm: the speed of training with and without it, and the shift of each layer's inputs.

S. Ioffe, C. Szegedy (2015), "Batch normalization: accelerating deep network training by reducing
internal covariate shift", ICML 2015, arXiv 1502.03167. S. Santurkar, D. Tsipras, A. Ilyas, A. Madry
(2018), "How does batch normalization help optimization?", arXiv 1805.11604, doubt the reason.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ... import nn
from ...autograd import no_grad
from ...random import manual_seed
from ...tensor import Tensor
from ..small_training import train
from ..watch import recorded
from .claim import Claim, Panel, Values, compared, mean_and_spread
from .nets import digits, plain
from .speed import BY_RATE, gained, never, panels, speeds

RATES = (0.01, 0.03, 0.1, 0.3)
NAMES = {"with batch norm": True, "without": False}


def eight_layers(batch_norm: bool) -> nn.Sequential:
    return plain([16] * 7, (1, 1, 2), batch_norm)


def speed(seed: int, images: int, epochs: int) -> Values:
    builders = {name: partial(eight_layers, batch_norm) for name, batch_norm in NAMES.items()}
    return speeds(builders, RATES, seed, images, epochs)


def speed_verdict(values: Values) -> tuple[str, str]:
    saved, text = gained(values, "it")
    learn = [int(np.sum(np.median(v, axis=0) < never(values))) for v in values[BY_RATE].values()]
    return compared(saved), f"{text}; {learn[0]} and {learn[1]} of {len(RATES)} rates get there."


SPEED = Claim(
    "batch-norm",
    "Batch norm speeds up training.",
    "Ioffe and Szegedy 2015, arXiv 1502.03167, figure 2",
    "Eight layers of 16 channels on digits of 8 x 8, with and without batch norm, at four learning "
    "rates each.",
    panels(RATES),
    speed,
    speed_verdict,
    300,
    15,
)


class Shift:
    """Watches the inputs of the ReLUs of a net on one batch, from epoch to epoch.

    moved (E, L): after each epoch, by layer, the mean over channels of |new mean - old mean| / old
    standard deviation.
    """

    def __init__(self, net: nn.Module, x: np.ndarray):
        self.net, self.x = net, x
        named = list(net.named_modules())
        ends = [k for k, (_, m) in enumerate(named) if isinstance(m, nn.ReLU)]
        self.inputs = [named[k - 1][0] for k in ends]
        self.before: list[tuple[np.ndarray, np.ndarray]] = []
        self.moved: list[list[float]] = []

    def __call__(self, epoch: int) -> None:
        self.net.train()
        with recorded(self.net) as outputs, no_grad():
            self.net(Tensor(self.x))
        maps = [outputs[name].array.astype(np.float64) for name in self.inputs]
        now = [(m.mean((0, 2, 3)), m.std((0, 2, 3)) + 1e-12) for m in maps]
        if self.before:
            pairs = zip(now, self.before, strict=True)
            self.moved.append([float((abs(m - old) / std).mean()) for (m, _), (old, std) in pairs])
        self.before = now


def covariate_shift(seed: int, images: int, epochs: int) -> Values:
    data = digits().take(images, seed)
    shifts = {}
    for name, batch_norm in NAMES.items():
        manual_seed(seed)
        net = eight_layers(batch_norm)
        watch = Shift(net, data.x[:128])
        train(net, data, epochs, 0.03, seed, watch=watch)
        missing = [[np.nan] * len(watch.inputs)] * (epochs - len(watch.moved))
        shifts[name] = np.array(watch.moved + missing)
    return {
        "Mean of all layers": {name: s.mean(axis=1) for name, s in shifts.items()},
        "Mean of all epochs": {name: np.nanmean(s, axis=0) for name, s in shifts.items()},
    }


def shift_verdict(values: Values) -> tuple[str, str]:
    mine, other = (np.nanmean(v, axis=1) for v in values["Mean of all layers"].values())
    return compared(other - mine), (
        f"in an epoch a unit's mean input moves by {mean_and_spread(mine)} of its standard "
        f"deviations with batch norm and by {mean_and_spread(other)} without."
    )


COVARIATE_SHIFT = Claim(
    "covariate-shift",
    "Batch norm keeps the distribution of a layer's inputs from shifting.",
    "Ioffe and Szegedy 2015, arXiv 1502.03167, figure 1; doubted by Santurkar et al. 2018, arXiv "
    "1805.11604",
    "The same eight layers at learning rate 0.03; what enters each ReLU, on the same 128 images "
    "after each epoch. Behind batch norm the mean is its bias, so that only the bias moves it.",
    {
        "Mean of all layers": Panel(
            "number of epochs", "shift of the mean (standard deviations)", log="y"
        ),
        "Mean of all epochs": Panel("layer", "shift of the mean (standard deviations)", log="y"),
    },
    covariate_shift,
    shift_verdict,
    400,
    10,
)
