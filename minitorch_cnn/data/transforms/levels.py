"""Operations on the values of images: inversion, rounding, contrast, equalisation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .forms import Image, as_dtype, takes_images, white_of
from .transform import RandomTransform


@takes_images("levels")
def invert(img: Image) -> Image:
    """y = white - x; white is 255 in bytes and 1 in floats."""
    return white_of(img) - img


@takes_images("levels")
def solarize(img: Image, threshold: float) -> Image:
    """Invert the values that are at least `threshold`, in the image's scale.

    Raises: ValueError for a threshold above white.
    """
    white = white_of(img)
    if threshold > white:
        raise ValueError(f"solarize: threshold={threshold} must be at most {white}")
    return np.where(img >= threshold, white - img, img).astype(img.dtype)


@takes_images("levels")
def posterize(img: Image, bits: int) -> Image:
    """Keep the upper `bits` of each byte; floats are rounded to bytes first.

    Raises: ValueError unless bits is in 0..8.
    """
    _check_bits("posterize", bits)
    mask = 256 - 2 ** (8 - bits)
    return _in_bytes("posterize", img, lambda values: values & np.uint8(mask))


@takes_images("levels")
def autocontrast(img: Image) -> Image:
    """Stretch each channel so that its smallest value is black and its largest white."""
    numbers = img.astype(np.float32) if img.dtype.kind != "f" or img.itemsize < 4 else img
    least = numbers.min((-2, -1), keepdims=True)
    spread = numbers.max((-2, -1), keepdims=True) - least
    factor = np.where(spread > 0, white_of(img) / np.where(spread > 0, spread, 1), 1)
    shift = np.where(spread > 0, least, 0)
    result = (numbers - shift) * factor.astype(numbers.dtype)
    return as_dtype(result.clip(0, white_of(img)), img.dtype)


@takes_images("levels")
def equalize(img: Image) -> Image:
    """Equalize the histogram of each channel; floats are rounded to bytes first.

    With h the histogram of a channel, and step = (sum of h without its last count) // 255, byte i
    becomes (step // 2 + h[0] + ... + h[i - 1]) // step. As in Pillow's ImageOps.equalize.
    """

    def spread(values: np.ndarray) -> np.ndarray:
        planes = values.reshape(-1, values.shape[-2] * values.shape[-1])
        return np.stack([_equalized(plane) for plane in planes]).reshape(values.shape)

    return _in_bytes("equalize", img, spread)


def _equalized(plane: np.ndarray) -> np.ndarray:
    counts = np.bincount(plane, minlength=256)
    step = (len(plane) - counts[plane.max()]) // 255
    if step == 0:
        return plane
    before = step // 2 + np.concatenate([[0], np.cumsum(counts)[:-1]])
    return np.minimum(before // step, 255).astype(np.uint8)[plane]


def _in_bytes(name: str, image: np.ndarray, function: Callable[..., Any]) -> np.ndarray:
    """Apply `function` to the bytes of an image; floats become bytes by rounding 255 x."""
    if image.dtype == np.uint8:
        return function(image)
    if image.dtype.kind != "f":
        raise TypeError(f"{name}: image must be of bytes or floats, got {image.dtype}")
    values = as_dtype(image * image.dtype.type(255), np.dtype(np.uint8))
    return function(values) / image.dtype.type(255)


def _check_bits(name: str, bits: int) -> None:
    if not isinstance(bits, (int, np.integer)) or not 0 <= bits <= 8:
        raise ValueError(f"{name}: bits={bits!r} must be an integer in 0..8")


@dataclass
class RandomInvert(RandomTransform):
    """Invert the values with probability `p`."""

    p: float = 0.5

    def change(self, image: Image, rng: np.random.Generator) -> Image:
        return invert(image)


@dataclass
class RandomPosterize(RandomTransform):
    """Keep the upper `bits` of each byte with probability `p`."""

    bits: int
    p: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_bits("RandomPosterize", self.bits)

    def change(self, image: Image, rng: np.random.Generator) -> Image:
        return posterize(image, self.bits)


@dataclass
class RandomSolarize(RandomTransform):
    """Invert the values that are at least `threshold` with probability `p`."""

    threshold: float
    p: float = 0.5

    def change(self, image: Image, rng: np.random.Generator) -> Image:
        return solarize(image, self.threshold)


@dataclass
class RandomAutocontrast(RandomTransform):
    """Spread each channel from black to white with probability `p`."""

    p: float = 0.5

    def change(self, image: Image, rng: np.random.Generator) -> Image:
        return autocontrast(image)


@dataclass
class RandomEqualize(RandomTransform):
    """Equalize the histogram of each channel with probability `p`."""

    p: float = 0.5

    def change(self, image: Image, rng: np.random.Generator) -> Image:
        return equalize(image)
