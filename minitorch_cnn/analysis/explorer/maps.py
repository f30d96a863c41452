"""What every layer says of some images, small enough to travel inside a page."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np

from ... import functional as F
from ...autograd import no_grad
from ...nn import Module
from ...tensor import Tensor
from ..summary import layers
from ..watch import evaluation

BUDGET = 6_000_000  # bytes of all maps of a page
# Channels of a layer and pixels a side that are kept: the first that stay within the budget.
DETAILS = ((16, 32), (16, 16), (8, 16), (8, 8), (4, 8), (2, 4), (1, 2))


def outputs_of(model: Module, images: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """The output of each layer in the order of their calls, and the model's own.

    images (N, C, H, W) -> [(N, channels, h, w) or (N, units)], with at most 16 channels of 32 x 32.
    """
    found: list[np.ndarray] = []

    def keep(module, inputs, output):
        y = output[0] if isinstance(output, tuple) else output
        found.append(reduced(y.numpy(), *DETAILS[0]))

    handles = [layer.register_forward_hook(keep) for layer in layers(model)]
    try:
        with evaluation(model), no_grad():
            y = model(Tensor(images))
    finally:
        for handle in handles:
            handle.remove()
    return found, (y[0] if isinstance(y, tuple) else y).numpy()


def reduced(y: np.ndarray, channels: int, side: int) -> np.ndarray:
    """The first channels of maps (N, C, H, W), averaged to `side` pixels; vectors as they are."""
    if y.ndim != 4:
        return y.reshape(len(y), -1)
    height, width = (min(n, side) for n in y.shape[2:])
    return F.adaptive_avg_pool2d(Tensor(y[:, :channels]), (height, width)).numpy()


def within_budget(outputs: list[np.ndarray]) -> list[np.ndarray]:
    """The outputs in as much detail as the budget allows."""
    for channels, side in DETAILS:
        found = [reduced(y, channels, side) for y in outputs]
        if sum(math.prod(y.shape) for y in found) <= BUDGET:
            break
    return found


def packed(y: np.ndarray) -> dict[str, Any]:
    """Numbers as bytes: 0 for the least of each image, 255 for the largest."""
    flat = y.reshape(len(y), -1).astype(np.float64)
    low, high = flat.min(1), flat.max(1)
    span = np.where(high > low, high - low, 1.0)
    levels = np.rint((flat - low[:, None]) / span[:, None] * 255).astype(np.uint8)
    return {
        "shape": list(y.shape[1:]),
        "low": [float(f"{v:.4g}") for v in low],
        "high": [float(f"{v:.4g}") for v in high],
        "bytes": base64.b64encode(levels.tobytes()).decode(),
    }
