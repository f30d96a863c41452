"""Resizing of images of any form, whole or in part."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...functional import interpolate
from ...tensor.tensor import Tensor
from . import resize as arrays
from .crop import crop, middle
from .forms import Image, get_dimensions, is_picture, takes_images
from .interpolation import InterpolationMode, as_interpolation
from .transform import Transform, generator_or, ordered, pair


def resize(
    img: Image,
    size: int | Sequence[int],
    interpolation: InterpolationMode | str | int = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool = True,
) -> Image:
    """(..., H, W) -> (..., OH, OW): see `transforms.resize` for the interpolations.

    size: an int is the new length of the shorter side and keeps the aspect ratio; (OH, OW) is the
        new size.
    max_size: a limit of the longer side, which then also shortens the other; only with an int as
        `size`.
    antialias: whether to smooth smaller outputs. Pillow images are always smoothed, and their
        "nearest" takes the pixel at the centre.
    """
    check_size("resize", size, max_size)
    how = as_interpolation("resize", interpolation, arrays.INTERPOLATIONS)
    if is_picture(img):
        antialias = True
        if how == "nearest" or img.mode in ("1", "P"):
            how = "nearest-exact"
    resized = _nearest if how.startswith("nearest") else _smooth
    return resized(img, size, how, max_size, antialias)


def _resized(img: Image, size: Any, how: str, max_size: int | None, antialias: bool) -> Image:
    size = new_size(img.shape, size, max_size)
    if not isinstance(img, Tensor):
        return arrays.resize(img, size, how, antialias)
    batch = img.reshape(-1, *img.shape[-3:]) if img.ndim > 2 else img[None, None]
    smooth = {} if how.startswith("nearest") else {"antialias": antialias}
    return interpolate(batch, size, mode=how, **smooth).reshape(*img.shape[:-2], *size)


_nearest = takes_images("pixels", recorded=True, name="resize")(_resized)
_smooth = takes_images("numbers", recorded=True, name="resize")(_resized)


def check_size(name: str, size: int | Sequence[int], max_size: int | None) -> None:
    """Check a new size. Raises: ValueError, beginning with `name`."""
    sides = pair(name, size)
    if max_size is None:
        return
    if not _is_one(size) or not max_size > sides[0]:
        raise ValueError(f"{name}: max_size={max_size} must be above size={size}, an integer")


def _is_one(size: int | Sequence[int]) -> bool:
    return isinstance(size, (int, np.integer)) or len(size) == 1


def new_size(
    shape: Sequence[int], size: int | Sequence[int], max_size: int | None = None
) -> tuple[int, int]:
    """The new (OH, OW) of an image of `shape` (..., H, W)."""
    sides = pair("resize", size)
    return arrays.shorter_side_size(shape, sides[0], max_size) if _is_one(size) else sides


def resized_crop(
    img: Image,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: InterpolationMode | str | int = InterpolationMode.BILINEAR,
    antialias: bool = True,
) -> Image:
    """`crop`, then `resize`."""
    part = crop(img, top, left, height, width)
    return resize(part, size, interpolation, antialias=antialias)


@dataclass
class Resize(Transform):
    """(C, H, W) -> (C, OH, OW); the settings are those of `functional.resize`."""

    size: int | tuple[int, int]
    interpolation: str = "bilinear"
    max_size: int | None = None
    antialias: bool = True

    def __post_init__(self) -> None:
        check_size("Resize", self.size, self.max_size)
        self.interpolation = as_interpolation("Resize", self.interpolation, arrays.INTERPOLATIONS)

    def size_of(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """The new (OH, OW) of an image of `shape`."""
        return new_size(shape, self.size, self.max_size)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        return resize(image, self.size, self.interpolation, self.max_size, self.antialias)


@dataclass
class RandomResizedCrop(Transform):
    """(C, H, W) -> (C, OH, OW): a crop of random area and aspect ratio, resized as by `resize`.

    The area is a fraction of the image's, drawn uniformly from `scale`; the ratio width / height is
    drawn log-uniformly from `ratio`. After ten draws that do not fit, it takes the largest central
    crop with a ratio within `ratio`. From "Going deeper with convolutions" (Szegedy et al. 2014),
    section 6.
    """

    size: int | tuple[int, int]
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    interpolation: str = "bilinear"
    antialias: bool = True

    def __post_init__(self) -> None:
        name = "RandomResizedCrop"
        self.size = pair(name, self.size)
        self.interpolation = as_interpolation(name, self.interpolation, arrays.INTERPOLATIONS)
        self.scale = ordered(name, "scale", self.scale)
        self.ratio = ordered(name, "ratio", self.ratio)

    @staticmethod
    def get_params(
        img: Image,
        scale: Sequence[float],
        ratio: Sequence[float],
        rng: np.random.Generator | None = None,
    ) -> tuple[int, int, int, int]:
        """A random (top, left, height, width) within the image."""
        rng = generator_or(rng)
        _, h, w = get_dimensions(img)
        for _ in range(10):
            area = h * w * rng.uniform(scale[0], scale[1])
            drawn = math.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1])))
            high, wide = round(math.sqrt(area / drawn)), round(math.sqrt(area * drawn))
            if 0 < high <= h and 0 < wide <= w:
                top, left = int(rng.integers(h - high + 1)), int(rng.integers(w - wide + 1))
                return top, left, high, wide
        nearest = min(max(w / h, ratio[0]), ratio[1])
        high, wide = max(min(h, round(w / nearest)), 1), max(min(w, round(h * nearest)), 1)
        return middle(h - high), middle(w - wide), high, wide

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        window = self.get_params(image, self.scale, self.ratio, rng)
        return resized_crop(image, *window, self.size, self.interpolation, self.antialias)


@dataclass
class ScaleJitter(Transform):
    """(C, H, W) -> (C, OH, OW): resize the shorter side to a random S, then crop at random.

    S is drawn from the integers smallest..largest. From "Very deep convolutional networks"
    (Simonyan and Zisserman 2014), section 3.1: crops of 224 with S from 256 to 512.
    """

    size: int | tuple[int, int] = 224
    smallest: int = 256
    largest: int = 512

    def __post_init__(self) -> None:
        self.size = pair("ScaleJitter", self.size)
        if not max(self.size) <= self.smallest <= self.largest:
            raise ValueError(
                f"ScaleJitter: smallest={self.smallest} must be at most largest={self.largest}, "
                f"and at least size={self.size}"
            )

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        shorter = int(rng.integers(self.smallest, self.largest + 1))
        size = pair("ScaleJitter", self.size)
        whole = arrays.shorter_side_size(tuple(get_dimensions(image)), shorter)
        top, left = (int(rng.integers(n - m + 1)) for n, m in zip(whole, size, strict=True))
        return _window(image, whole, top, left, size)


@takes_images("numbers", name="ScaleJitter")
def _window(
    image: Image, whole: tuple[int, int], top: int, left: int, size: tuple[int, int]
) -> Image:
    return arrays.resize_window(image, whole, top, left, size)
