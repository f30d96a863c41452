"""The inputs of the programs: weights and data from NumPy, the same in every framework."""

from __future__ import annotations

import numpy as np


def weights(model, seed: int = 0) -> None:
    """Set the parameters of `model` in place: frameworks draw their initial ones differently."""
    rng = np.random.default_rng(seed)
    for p in model.parameters():
        w = p.detach().numpy()
        fan_in = max(1, w[0].size) if w.ndim > 1 else 16
        w[...] = rng.normal(float(w.ndim == 1 and w.mean() == 1), fan_in**-0.5, w.shape)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    """Normally distributed numbers in float64."""
    return np.random.default_rng(seed).normal(size=shape)


def images(n: int, c: int, size: int, classes: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """x (n, c, size, size) float64 in [0, 1], y (n,) int64: a bright square placed by class."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    x = rng.uniform(0, 0.5, (n, c, size, size))
    for i, k in enumerate(y):
        at = k * (size - 3) // classes
        x[i, :, at : at + 3, at : at + 3] += 0.5
    return x, y
