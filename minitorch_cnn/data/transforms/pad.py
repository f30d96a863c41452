"""Make images larger by a border."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .transform import Transform

PADDING_MODES = ("constant", "edge", "reflect", "symmetric")


def check_padding(name: str, padding, fill, mode: str) -> None:
    """Raise a ValueError that begins with `name` unless the settings of a border are such."""
    sides(name, padding)
    numbers = fill if isinstance(fill, (tuple, list)) else (fill,)
    if not numbers or any(not isinstance(n, (int, float, np.number)) for n in numbers):
        raise ValueError(f"{name}: fill={fill!r} must be a number, or one for each channel")
    if mode not in PADDING_MODES:
        raise ValueError(f"{name}: padding_mode={mode!r} must be one of {', '.join(PADDING_MODES)}")


def sides(name: str, padding) -> tuple[int, ...]:
    """`padding` as (left, top, right, bottom)."""
    given = padding if isinstance(padding, (tuple, list)) else (padding,)
    if len(given) not in (1, 2, 4) or any(
        not isinstance(n, (int, np.integer)) or n < 0 for n in given
    ):
        raise ValueError(f"{name}: padding={padding!r} must be 1, 2 or 4 integers >= 0")
    return tuple(given) * (4 // len(given))


def padded(
    name: str,
    image: np.ndarray,
    border: tuple[int, ...],
    fill: float | Sequence[float] = 0.0,
    mode: str = "constant",
) -> np.ndarray:
    """The image (C, H, W) with (left, top, right, bottom) more pixels."""
    left, top, right, bottom = border
    if not any(border):
        return image
    c, h, w = image.shape
    if mode != "constant":
        if mode == "reflect" and (max(left, right) >= w or max(top, bottom) >= h):
            raise ValueError(
                f"{name}: padding={border} with padding_mode='reflect' must be less than the image "
                f"of {h} x {w}"
            )
        return np.pad(image, ((0, 0), (top, bottom), (left, right)), mode)
    if isinstance(fill, (tuple, list)):
        if len(fill) not in (1, c):
            raise ValueError(f"{name}: fill has {len(fill)} numbers, the image {c} channels")
        fill = np.reshape(fill, (-1, 1, 1))
    out = np.empty((c, top + h + bottom, left + w + right), dtype=image.dtype)
    out[...] = fill
    out[:, top : top + h, left : left + w] = image
    return out


@dataclass
class Pad(Transform):
    """(C, H, W) -> (C, top + H + bottom, left + W + right).

    padding: one int for all sides, (left and right, top and bottom), or (left, top, right, bottom).
    fill: what the border is filled with, a number or one for each channel; padding_mode: "constant"
        for that, "edge" for the pixel at the edge, "reflect" and "symmetric" for the image mirrored
        without and with that pixel.

    Raises ValueError for other settings, and for a border to reflect that is as large as the image.
    """

    padding: int | tuple[int, ...]
    fill: float | Sequence[float] = 0.0
    padding_mode: str = "constant"

    def __post_init__(self):
        check_padding("Pad", self.padding, self.fill, self.padding_mode)

    def apply(self, image, rng):
        return padded("Pad", image, sides("Pad", self.padding), self.fill, self.padding_mode)
