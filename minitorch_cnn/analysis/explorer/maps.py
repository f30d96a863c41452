"""The output of every layer for some images, small enough to embed in a page."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ... import functional as F
from ...autograd import no_grad
from ...graph.interpreter import execute
from ...tensor import Tensor
from ..trace import Shape, Trace
from ..watch import uncompiled

BUDGET = 4_500_000  # bytes of all maps of a page
# Channels of a layer and pixels per side to keep: the first that fit the budget.
DETAILS = ((16, 32), (16, 16), (8, 16), (8, 8), (4, 8), (4, 4), (2, 4), (1, 4), (1, 2))


def outputs_of(
    run: Trace, images: np.ndarray, wanted: dict[str, Shape]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Values of a model's run for some images, reduced, and the model's answer.

    images (N, C, H, W); wanted: names with their shapes without the batch axis -> by name
    (N, channels, h, w) or (N, units). Values with another shape for these images are omitted.
    """
    detail = detail_within(BUDGET // len(images), wanted.values())
    found: dict[str, list[np.ndarray]] = {}
    answers: list[np.ndarray] = []
    name = run.graph.inputs[0].name
    for batch in [images] if run.free else np.split(images, len(images)):

        def keep(name: str, y: Tensor, size: int = len(batch)) -> None:
            if name in wanted and y.shape == (size, *wanted[name]):
                found.setdefault(name, []).append(reduced(y.detach().cpu().numpy(), *detail))

        x = Tensor(batch)
        with no_grad(), uncompiled(x):
            keep(name, x)
            answer, *_ = execute(run.graph, {name: x}, keep)
        answers.append(answer.detach().cpu().numpy())
    return {key: np.concatenate(parts) for key, parts in found.items()}, np.concatenate(answers)


def detail_within(budget: int, shapes: Iterable[Shape]) -> tuple[int, int]:
    """The most channels and pixels per side for which the maps of one image fit into `budget`."""
    shapes = list(shapes)
    for detail in DETAILS:
        if sum(math.prod(reduced_shape(shape, *detail)) for shape in shapes) <= budget:
            break
    return detail


def reduced_shape(shape: Shape, channels: int, side: int) -> Shape:
    """The shape of reduced maps, without the batch axis."""
    if len(shape) != 3:
        return (math.prod(shape),)
    return min(shape[0], channels), *(min(n, side) for n in shape[1:])


def reduced(y: np.ndarray, channels: int, side: int) -> np.ndarray:
    """The first channels of maps (N, C, H, W), averaged to `side` pixels; vectors unchanged."""
    _, *size = shape = reduced_shape(y.shape[1:], channels, side)
    if not size:
        return y.reshape(len(y), *shape)
    if shape[1:] == y.shape[2:]:
        return y[:, :channels].copy()
    return F.adaptive_avg_pool2d(Tensor(y[:, :channels]), (size[0], size[1])).numpy()


def packed(y: np.ndarray) -> dict[str, Any]:
    """Numbers as bytes: 0 for the least of each image, 255 for the largest; NaN and infinite values
    become 0 and do not count for the least and the largest.
    """
    flat = y.reshape(len(y), -1).astype(np.float64)
    finite = np.isfinite(flat)
    low = np.where(finite, flat, np.inf).min(1, initial=np.inf)
    high = np.where(finite, flat, -np.inf).max(1, initial=-np.inf)
    low, high = (np.where(np.isfinite(v), v, 0.0) for v in (low, high))
    span = np.where(high > low, high - low, 1.0)
    shares = np.where(finite, flat - low[:, None], 0.0) / span[:, None]
    return {
        "shape": list(y.shape[1:]),
        "low": [rounded(v) for v in low],
        "high": [rounded(v) for v in high],
        "bytes": base64.b64encode(np.rint(255 * shares).astype(np.uint8).tobytes()).decode(),
    }


def rounded(v: float) -> float | None:
    """Round to four digits; None for numbers that JSON does not have."""
    return float(f"{v:.4g}") if math.isfinite(v) else None
