"""Turn images by any angle."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .transform import Transform


@dataclass
class RandomRotation(Transform):
    """(C, H, W) -> (C, H, W), turned about its middle, counter-clockwise, by a random angle.

    The angle is drawn evenly from [-degrees, degrees], or from the (low, high) that is given.
    interpolation: "nearest" or "bilinear"; fill: what has been outside is filled with.

    torchvision's `expand` and `center` are not here.

    Raises ValueError for negative degrees, low above high or another interpolation.
    """

    degrees: float | tuple[float, float]
    interpolation: str = "nearest"
    fill: float = 0.0

    def __post_init__(self):
        low, high = self._range()
        if not -math.inf < low <= high < math.inf:
            raise ValueError(
                f"RandomRotation: degrees={self.degrees!r} must be a number >= 0 or (low, high)"
            )
        if self.interpolation not in ("nearest", "bilinear"):
            raise ValueError(
                f"RandomRotation: interpolation={self.interpolation!r} must be 'nearest' or "
                "'bilinear'"
            )

    def _range(self) -> tuple[float, float]:
        if not isinstance(self.degrees, (tuple, list)):
            return -self.degrees, self.degrees
        return tuple(self.degrees) if len(self.degrees) == 2 else (0, -1)

    def apply(self, image, rng):
        return rotated(image, rng.uniform(*self._range()), self.interpolation, self.fill)


def rotated(image: np.ndarray, degrees: float, interpolation: str, fill: float) -> np.ndarray:
    """The image (C, H, W) turned counter-clockwise about its middle, in a frame of its size.

    The pixel at (x, y) from the middle, y downward, comes from (x cos a - y sin a, x sin a +
    y cos a).
    """
    _, h, w = image.shape
    y, x = np.ogrid[:h, :w]
    x, y = x - (w - 1) / 2, y - (h - 1) / 2
    # Exact for quarters of a turn, for which the cosine is 6e-17.
    cos, sin = (round(f(math.radians(degrees)), 15) for f in (math.cos, math.sin))
    columns, rows = x * cos - y * sin + (w - 1) / 2, x * sin + y * cos + (h - 1) / 2
    if interpolation == "nearest":
        return _pixels(image, np.floor(rows + 0.5), np.floor(columns + 0.5), fill)
    top, left = np.floor(rows), np.floor(columns)
    down, right = (rows - top).astype(image.dtype), (columns - left).astype(image.dtype)
    above = _pixels(image, top, left, fill) * (1 - right)
    above += _pixels(image, top, left + 1, fill) * right
    below = _pixels(image, top + 1, left, fill) * (1 - right)
    below += _pixels(image, top + 1, left + 1, fill) * right
    return above * (1 - down) + below * down


def _pixels(image: np.ndarray, rows: np.ndarray, columns: np.ndarray, fill: float) -> np.ndarray:
    """The pixels at whole places, `fill` for those outside the image."""
    _, h, w = image.shape
    inside = (rows >= 0) & (rows < h) & (columns >= 0) & (columns < w)
    found = image[:, rows.clip(0, h - 1).astype(int), columns.clip(0, w - 1).astype(int)]
    return np.where(inside, found, image.dtype.type(fill))
