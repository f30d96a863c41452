"""Erase a random part of an image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .transform import Transform, check_chance, ordered


@dataclass
class RandomErasing(Transform):
    """(C, H, W) -> (C, H, W), with probability `p` with a rectangle anywhere filled.

    Its area is a share of the image's drawn evenly from `scale`, its ratio height / width drawn
    evenly in its logarithm from `ratio`; after ten draws that do not fit the image stays as it is.
    value: a number, one for each channel, or "random" for normal noise. inplace: accepted, the
    image that is given is never written to. From "Random erasing data augmentation" (Zhong et al.
    2017), arXiv 1708.04896, algorithm 1.

    Raises ValueError for other settings.
    """

    p: float = 0.5
    scale: tuple[float, float] = (0.02, 0.33)
    ratio: tuple[float, float] = (0.3, 3.3)
    value: float | Sequence[float] | str = 0
    inplace: bool = False

    def __post_init__(self):
        check_chance("RandomErasing", self.p)
        self.ratio = ordered("RandomErasing", "ratio", self.ratio)
        low, high = self.scale if len(self.scale) == 2 else (1, 0)
        if not 0 <= low <= high <= 1:
            raise ValueError(f"RandomErasing: scale={self.scale!r} must be shares, low and high")
        if isinstance(self.value, str) and self.value != "random":
            raise ValueError(f"RandomErasing: value={self.value!r} must be numbers or 'random'")

    def apply(self, image, rng):
        if rng.random() >= self.p:
            return image
        channels, h, w = image.shape
        if isinstance(self.value, (tuple, list)) and len(self.value) not in (1, channels):
            raise ValueError(
                f"RandomErasing: value has {len(self.value)} numbers, the image {channels} channels"
            )
        for _ in range(10):
            area = h * w * rng.uniform(*self.scale)
            ratio = math.exp(rng.uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            high, wide = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if high < h and wide < w:
                top, left = int(rng.integers(h - high + 1)), int(rng.integers(w - wide + 1))
                out = image.copy()
                out[:, top : top + high, left : left + wide] = self._filling(
                    (channels, high, wide), rng
                )
                return out
        return image

    def _filling(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        if isinstance(self.value, str):
            return rng.standard_normal(shape, dtype=np.float32)
        return np.reshape(np.asarray(self.value, np.float32), (-1, 1, 1))
