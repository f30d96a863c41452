"""Conversion of images to grey."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .forms import Image, get_dimensions, is_picture, takes_images
from .transform import RandomTransform, Transform


@takes_images("colours")
def rgb_to_grayscale(img: Image, num_output_channels: int = 1) -> Image:
    """(..., 1 or 3, H, W) -> (..., num_output_channels, H, W), each channel the grey image.

    Raises: ValueError unless num_output_channels and the image's channels are 1 or 3.
    """
    _check_channels("rgb_to_grayscale", num_output_channels)
    check_colours("rgb_to_grayscale", img)
    return np.repeat(grey(img), num_output_channels, axis=-3)


def to_grayscale(img: Image, num_output_channels: int = 1) -> Image:
    """`rgb_to_grayscale`, torchvision's name for Pillow images."""
    return rgb_to_grayscale(img, num_output_channels)


def _check_channels(name: str, number: int) -> None:
    if number not in (1, 3):
        raise ValueError(f"{name}: num_output_channels={number!r} must be 1 or 3")


def check_colours(name: str, image: Image) -> None:
    """Check that there are 1 or 3 channels. Raises: ValueError, beginning with `name`."""
    channels = get_dimensions(image)[0]
    if is_picture(image) and image.mode in ("LA", "RGBA"):
        channels -= 1
    if channels not in (1, 3):
        raise ValueError(f"{name}: the image has {channels} channels, it must have 1 or 3")


def grey(image: np.ndarray) -> np.ndarray:
    """(..., 1 or 3, H, W) -> (..., 1, H, W): the luma of ITU-R BT.601."""
    if image.ndim < 3:
        return image
    if image.shape[-3] == 1:
        return image
    red, green, blue = (image[..., i : i + 1, :, :] for i in range(3))
    return 0.299 * red + 0.587 * green + 0.114 * blue


@dataclass
class Grayscale(Transform):
    """(1 or 3, H, W) -> (num_output_channels, H, W), each channel the grey image.

    Raises: ValueError unless num_output_channels and the image's channels are 1 or 3.
    """

    num_output_channels: int = 1

    def __post_init__(self) -> None:
        _check_channels("Grayscale", self.num_output_channels)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        check_colours("Grayscale", image)
        return rgb_to_grayscale(image, self.num_output_channels)


@dataclass
class RandomGrayscale(RandomTransform):
    """(1 or 3, H, W) -> the same shape, converted to grey with probability `p`."""

    p: float = 0.1

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        check_colours("RandomGrayscale", image)
        return super().apply(image, rng)

    def change(self, image: Image, rng: np.random.Generator) -> Image:
        channels = 1 if get_dimensions(image)[0] < 3 else 3
        return rgb_to_grayscale(image, channels)
