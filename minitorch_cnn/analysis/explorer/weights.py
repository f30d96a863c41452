"""The weights of a layer for a page: their distribution, and kernels as pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...nn import Module
from .maps import packed, rounded

BINS = 32
SAMPLE = 100_000  # of larger arrays every n-th number is counted
KERNELS = 64  # shown as pictures


def weights_of(module: Module) -> list[dict[str, Any]]:
    """The parameters of a layer: name, shape, low, mean, high, counts in bins between low and high.

    counts: empty if all numbers are equal or one is not finite. kernels: see `packed`; for a
    convolution that reads one channel or red, green and blue.
    """
    found = []
    for name, parameter in module.named_parameters():
        w = parameter.detach().cpu().numpy()
        told = {"name": name, "shape": list(w.shape), **_spread(w)}
        if w.ndim == 4 and w.shape[1] in (1, 3) and w[0, 0].size > 1 and _reads_all(module):
            told["kernels"] = packed(w[None, :KERNELS])
        found.append(told)
    return found


def _reads_all(module: Module) -> bool:
    """Whether each kernel reads all input channels: those of groups say little alone."""
    return getattr(module, "groups", 1) == 1


def _spread(w: np.ndarray) -> dict[str, Any]:
    if not w.size:
        return {"low": 0, "mean": 0, "high": 0, "counts": []}
    low, high = w.min(), w.max()
    counts: list[int] = []
    if low < high and np.isfinite([low, high]).all():
        flat = w.reshape(-1)[:: max(w.size // SAMPLE, 1)].astype(np.float64)
        counts = np.histogram(flat, BINS, (low, high))[0].tolist()
    mean = w.mean(dtype=np.float64)
    return {"low": rounded(low), "mean": rounded(mean), "high": rounded(high), "counts": counts}
