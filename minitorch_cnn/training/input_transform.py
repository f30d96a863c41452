"""Build the transform that prepares an image as a model's weights expect it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import models
from ..data import transforms


@dataclass(frozen=True)
class Preprocessing(models.Preprocessing):
    """The image preparation that weights expect (see `mt.models.Preprocessing`), as a transform."""

    def transform(self) -> transforms.Compose:
        """The transform of one RGB image (C, H, W) of any size."""
        steps = [
            transforms.Resize(self.resize, self.interpolation),
            transforms.CenterCrop(self.crop),
        ]
        if self.interpolation == "bicubic":
            steps.append(clipped)
        return transforms.Compose([*steps, *scaling(self.channels, self.mean, self.std)])


def scaling(channels: str, mean: tuple[float, ...], std: tuple[float, ...]) -> list:
    """The final transforms of an image: reorder the channels, subtract mean and divide by std."""
    order = [with_channels_reversed] if channels == "BGR" else []
    return [*order, transforms.Normalize(mean, std)]


def with_channels_reversed(image: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
    """Reverse the channels of an image (C, H, W): RGB to BGR."""
    return image[::-1]


def clipped(image: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
    """Clip the values of an image to [0, 1], as bytes do: "bicubic" overshoots."""
    return image.clip(0, 1)
