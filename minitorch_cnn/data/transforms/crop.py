"""Crops of images: at a position, random, central, five and ten crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .flip import hflip, vflip
from .forms import Image, get_dimensions, takes_images
from .pad import check_padding, pad, padded, sides
from .transform import Transform, generator_or, pair


@takes_images("pixels", recorded=True)
def crop(img: Image, top: int, left: int, height: int, width: int) -> Image:
    """(..., H, W) -> the (..., height, width) at (top, left), with zeros outside the image.

    Raises: ValueError for a height or width below 1.
    """
    return _cropped("crop", img, top, left, height, width)


def _cropped(name: str, img: Image, top: int, left: int, height: int, width: int) -> Image:
    if height < 1 or width < 1:
        raise ValueError(f"{name}: height={height} and width={width} must be at least 1")
    h, w = img.shape[-2:]
    beyond = max(-left, 0), max(-top, 0), max(left + width - w, 0), max(top + height - h, 0)
    whole = padded(name, img, beyond)
    top, left = max(top, 0), max(left, 0)
    return whole[..., top : top + height, left : left + width]


@takes_images("pixels", recorded=True)
def center_crop(img: Image, output_size: int | Sequence[int]) -> Image:
    """(..., H, W) -> the (..., OH, OW) in the middle; output_size: OH = OW, or (OH, OW).

    A smaller image is padded with zeros on all sides.
    """
    (h, w), (oh, ow) = img.shape[-2:], pair("center_crop", output_size)
    tall, wide = max(oh - h, 0), max(ow - w, 0)
    whole = padded("center_crop", img, (wide // 2, tall // 2, (wide + 1) // 2, (tall + 1) // 2))
    h, w = whole.shape[-2:]
    return _cropped("center_crop", whole, middle(h - oh), middle(w - ow), oh, ow)


@takes_images("pixels", recorded=True)
def five_crop(img: Image, size: int | Sequence[int]) -> tuple[Any, ...]:
    """Five crops of `size`: top left, top right, bottom left, bottom right, middle.

    Raises: ValueError if the image is smaller than `size`.
    """
    (h, w), (oh, ow) = img.shape[-2:], pair("five_crop", size)
    check_fits("five_crop", (oh, ow), (h, w))
    places = [(0, 0), (0, w - ow), (h - oh, 0), (h - oh, w - ow), (middle(h - oh), middle(w - ow))]
    return tuple(_cropped("five_crop", img, top, left, oh, ow) for top, left in places)


def ten_crop(img: Image, size: int | Sequence[int], vertical_flip: bool = False) -> tuple[Any, ...]:
    """The crops of `five_crop`, then those of the mirrored image.

    vertical_flip: whether to mirror vertically instead of horizontally.
    """
    mirrored = vflip(img) if vertical_flip else hflip(img)
    return five_crop(img, size) + five_crop(mirrored, size)


def check_fits(name: str, size: tuple[int, int], image: Sequence[int]) -> None:
    """Check that `size` fits into the image. Raises: ValueError, beginning with `name`."""
    if size[0] > image[0] or size[1] > image[1]:
        raise ValueError(f"{name}: size={size} must fit into the image of {image[0]} x {image[1]}")


def middle(left_over: int) -> int:
    return round(left_over / 2)


@dataclass
class CenterCrop(Transform):
    """(C, H, W) -> the (C, OH, OW) in the middle; size: OH = OW, or (OH, OW).

    A smaller image is padded with zeros on all sides.
    """

    size: int | tuple[int, int]

    def __post_init__(self) -> None:
        self.size = pair("CenterCrop", self.size)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        return center_crop(image, self.size)


@dataclass
class RandomCrop(Transform):
    """(C, H, W) -> a (C, OH, OW) at a random position in the image, after padding as by `Pad`.

    pad_if_needed: whether to pad a smaller image by the missing pixels, on both sides.

    Raises: ValueError if the padded image is smaller than `size`, and as `Pad`.
    """

    size: int | tuple[int, int]
    padding: int | tuple[int, ...] | None = None
    pad_if_needed: bool = False
    fill: float | Sequence[float] = 0.0
    padding_mode: str = "constant"

    def __post_init__(self) -> None:
        self.size = pair("RandomCrop", self.size)
        check_padding("RandomCrop", self.padding or 0, self.fill, self.padding_mode)
        if not isinstance(self.pad_if_needed, (bool, np.bool_)):
            raise ValueError(f"RandomCrop: pad_if_needed={self.pad_if_needed!r} must be a bool")

    @staticmethod
    def get_params(
        img: Image, output_size: Sequence[int], rng: np.random.Generator | None = None
    ) -> tuple[int, int, int, int]:
        """A random (top, left, height, width) of the given size within the image."""
        rng = generator_or(rng)
        (_, h, w), (oh, ow) = get_dimensions(img), pair("RandomCrop", output_size)
        check_fits("RandomCrop", (oh, ow), (h, w))
        return int(rng.integers(h - oh + 1)), int(rng.integers(w - ow + 1)), oh, ow

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        border = sides("RandomCrop", self.padding or 0)
        if self.pad_if_needed:
            left, top, right, bottom = border
            (_, h, w), (oh, ow) = get_dimensions(image), pair("RandomCrop", self.size)
            wide, tall = max(ow - left - w - right, 0), max(oh - top - h - bottom, 0)
            border = (left + wide, top + tall, right + wide, bottom + tall)
        if any(border):
            image = pad(image, border, self.fill, self.padding_mode)
        return crop(image, *self.get_params(image, pair("RandomCrop", self.size), rng))


@dataclass
class FiveCrop(Transform):
    """(C, H, W) -> five crops of `size`: the corners and the middle, see `five_crop`.

    An array gives an array (5, C, OH, OW), a Tensor or a Pillow image a tuple of five.
    """

    size: int | tuple[int, int]

    def __post_init__(self) -> None:
        self.size = pair("FiveCrop", self.size)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        check_fits("FiveCrop", pair("FiveCrop", self.size), get_dimensions(image)[1:])
        return stacked(five_crop(image, self.size))


@dataclass
class TenCrop(Transform):
    """(C, H, W) -> ten crops of `size`: corners and middle, of the image and of its mirror image.

    Order: top left, top right, bottom left, bottom right, middle. An array gives an array
    (10, C, OH, OW), a Tensor or a Pillow image a tuple of ten. Use it last in a chain, for
    evaluation: average the ten predictions. From AlexNet (Krizhevsky et al. 2012), section 4.1.

    Raises: ValueError if the image is smaller than `size`.
    """

    size: int | tuple[int, int]
    vertical_flip: bool = False

    def __post_init__(self) -> None:
        self.size = pair("TenCrop", self.size)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        check_fits("TenCrop", pair("TenCrop", self.size), get_dimensions(image)[1:])
        return stacked(ten_crop(image, self.size, self.vertical_flip))


def stacked(crops: tuple[Any, ...]) -> Any:
    """Crops of an array as one array (T, C, OH, OW); those of other forms as they are."""
    return np.stack(crops) if isinstance(crops[0], np.ndarray) else crops
