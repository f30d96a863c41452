"""From what weights expect of an image to the transform that makes it so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import models
from ..data import transforms


@dataclass(frozen=True)
class Preprocessing(models.Preprocessing):
    """What weights expect of an image (see `mt.models.Preprocessing`), with its transform."""

    def transform(self) -> transforms.Compose:
        """The transform of one image (C, H, W), red first, of any size."""
        steps = [
            transforms.Resize(self.resize, self.interpolation),
            transforms.CenterCrop(self.crop),
        ]
        if self.interpolation == "bicubic":
            steps.append(clipped)
        return transforms.Compose([*steps, *scaling(self.channels, self.mean, self.std)])


def scaling(channels: str, mean: tuple[float, ...], std: tuple[float, ...]) -> list:
    """The last transforms of an image: the channels in their order, less mean, divided by std."""
    order = [with_channels_reversed] if channels == "BGR" else []
    return [*order, transforms.Normalize(mean, std)]


def with_channels_reversed(image: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
    """image (C, H, W) with the last channel first: BGR of RGB."""
    return image[::-1]


def clipped(image: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
    """image with its values cut off at 0 and 1, beyond which "bicubic" goes, as in bytes."""
    return image.clip(0, 1)
