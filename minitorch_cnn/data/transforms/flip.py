"""Mirroring of images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...tensor.tensor import Tensor
from .forms import Image, takes_images
from .transform import RandomTransform


@takes_images("pixels", recorded=True)
def hflip(img: Image) -> Image:
    """(..., H, W) -> the same shape, mirrored horizontally."""
    return img.flip(-1) if isinstance(img, Tensor) else img[..., ::-1]


@takes_images("pixels", recorded=True)
def vflip(img: Image) -> Image:
    """(..., H, W) -> the same shape, mirrored vertically."""
    return img.flip(-2) if isinstance(img, Tensor) else img[..., ::-1, :]


@dataclass
class RandomHorizontalFlip(RandomTransform):
    """(C, H, W) -> (C, H, W), mirrored horizontally with probability `p`."""

    p: float = 0.5

    def change(self, image: Image, rng: np.random.Generator) -> Image:
        return hflip(image)


@dataclass
class RandomVerticalFlip(RandomTransform):
    """(C, H, W) -> (C, H, W), mirrored vertically with probability `p`."""

    p: float = 0.5

    def change(self, image: Image, rng: np.random.Generator) -> Image:
        return vflip(image)
