"""Changes of the brightness, contrast, saturation, hue and gamma of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .forms import Image, takes_images
from .gray import check_colours, grey
from .transform import Transform, generator_or


@takes_images("colours")
def adjust_brightness(img: Image, brightness_factor: float) -> Image:
    """y = f x, clipped to [black, white]."""
    return _blend("adjust_brightness", "brightness_factor", img, 0.0, brightness_factor)


@takes_images("colours")
def adjust_contrast(img: Image, contrast_factor: float) -> Image:
    """y = f x + (1 - f) mean(grey of x), clipped to [black, white]."""
    check_colours("adjust_contrast", img)
    towards = grey(img).mean(tuple(range(-min(img.ndim, 3), 0)), keepdims=True)
    return _blend("adjust_contrast", "contrast_factor", img, towards, contrast_factor)


@takes_images("colours")
def adjust_saturation(img: Image, saturation_factor: float) -> Image:
    """y = f x + (1 - f) (grey of x), clipped; an image of one channel does not change."""
    check_colours("adjust_saturation", img)
    return _blend("adjust_saturation", "saturation_factor", img, grey(img), saturation_factor)


@takes_images("colours")
def adjust_hue(img: Image, hue_factor: float) -> Image:
    """Rotate the hue of each pixel by a fraction of the colour circle, within -1/2..1/2.

    An image of one channel does not change.
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"adjust_hue: hue_factor={hue_factor} must be within -0.5..0.5")
    check_colours("adjust_hue", img)
    coloured = img.ndim > 2 and img.shape[-3] == 3
    return _with_hue_turned(img, np.float32(hue_factor)) if coloured else img


@takes_images("colours")
def adjust_gamma(img: Image, gamma: float, gain: float = 1) -> Image:
    """y = gain x^gamma with 1 for white, clipped to [black, white]."""
    if not gamma >= 0:
        raise ValueError(f"adjust_gamma: gamma={gamma} must be at least 0")
    return np.clip(img.dtype.type(gain) * img ** img.dtype.type(gamma), 0, 1)


def blended(image: np.ndarray, towards: Any, factor: float) -> np.ndarray:
    """f image + (1 - f) towards, clipped to [0, 1]."""
    factor = image.dtype.type(factor)
    return np.clip(factor * image + (1 - factor) * towards, 0, 1)


def _blend(name: str, argument: str, image: np.ndarray, towards: Any, factor: float) -> np.ndarray:
    if not factor >= 0:
        raise ValueError(f"{name}: {argument}={factor} must be at least 0")
    return blended(image, towards, factor)


ADJUST = {
    "brightness": adjust_brightness,
    "contrast": adjust_contrast,
    "saturation": adjust_saturation,
    "hue": adjust_hue,
}


def _with_hue_turned(image: np.ndarray, turn: np.float32) -> np.ndarray:
    """(..., 3, H, W) with the hue of each pixel rotated by a fraction of the circle.

    In HSV the hue is a position on the circle red, yellow, green, cyan, blue, magenta. In each of
    its six sectors one channel is the largest, one the smallest, and the third moves between them.
    """
    largest, smallest = image.max(-3), image.min(-3)
    spread = largest - smallest
    red, green, blue = np.moveaxis(image, -3, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        sixth = np.where(
            largest == red,
            (green - blue) / spread,
            np.where(largest == green, 2 + (blue - red) / spread, 4 + (red - green) / spread),
        )
    sixth = np.where(spread > 0, sixth + 6 * turn, 0).astype(image.dtype)
    # A channel is the largest within a sixth on both sides of its own hue, then decreases.
    channels = []
    for place in (0, 2, 4):
        away = np.abs((sixth - place + 3) % 6 - 3)
        channels.append(smallest + spread * np.clip(2 - away, 0, 1))
    return np.stack(channels, -3).astype(image.dtype)


@dataclass
class ColorJitter(Transform):
    """Change brightness, contrast, saturation and hue by random factors, in random order.

    Each factor f is drawn uniformly from [max(0, 1 - strength), 1 + strength], or from (low, high)
    if a pair replaces the strength. Results are clipped to [0, 1].

    brightness: y = f x; contrast: y = f x + (1 - f) mean(grey); saturation: y = f x + (1 - f) grey.
    hue: rotated by f, a fraction of the colour circle drawn from [-strength, strength] or from
        (low, high), within [-1/2, 1/2].

    Values are in [0, 1], so use it before `Normalize`. Saturation and hue do not change an image of
    one channel.

    Raises: ValueError for a negative strength or factor, low above high, a hue beyond 1/2, or an
    image without 1 or 3 channels.
    """

    brightness: float | tuple[float, float] = 0.0
    contrast: float | tuple[float, float] = 0.0
    saturation: float | tuple[float, float] = 0.0
    hue: float | tuple[float, float] = 0.0

    def __post_init__(self) -> None:
        for name in ("brightness", "contrast", "saturation", "hue"):
            self._factors(name)

    def _factors(self, name: str) -> tuple[float, float] | None:
        """The (low, high) of a factor; None if it changes nothing."""
        value = getattr(self, name)
        lowest, highest, nothing = (-0.5, 0.5, 0) if name == "hue" else (0, np.inf, 1)
        if isinstance(value, (tuple, list)):
            if len(value) != 2 or not lowest <= value[0] <= value[1] <= highest:
                raise ValueError(
                    f"ColorJitter: {name}={value} must be (low, high) within {lowest}..{highest}"
                )
            low, high = value
        else:
            if not value >= 0 or (name == "hue" and value > 0.5):
                most = " and at most 0.5" if name == "hue" else ""
                raise ValueError(f"ColorJitter: {name}={value} must be at least 0{most}")
            low, high = max(lowest, nothing - value), nothing + value
        return None if low == high == nothing else (low, high)

    @staticmethod
    def get_params(
        brightness: Sequence[float] | None,
        contrast: Sequence[float] | None,
        saturation: Sequence[float] | None,
        hue: Sequence[float] | None,
        rng: np.random.Generator | None = None,
    ) -> tuple[Any, ...]:
        """(order of the four, then a random factor from each range, or None for None)."""
        rng = generator_or(rng)
        ranges = (brightness, contrast, saturation, hue)
        order = rng.permutation(4)
        return order, *(
            None if ends is None else float(rng.uniform(ends[0], ends[1])) for ends in ranges
        )

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        check_colours("ColorJitter", image)
        names = ["brightness", "contrast", "saturation"]
        for name in rng.permutation([*names, "hue"] if self._factors("hue") else names):
            factors = self._factors(name)
            if factors is None:
                continue
            factor = np.float32(rng.uniform(*factors))
            image = ADJUST[name](image, factor)
        return image
