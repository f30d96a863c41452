"""Change the size of images by bilinear interpolation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .transform import Transform, pair


def resize(images: np.ndarray, size: int | tuple[int, int]) -> np.ndarray:
    """images (..., H, W) float -> (..., OH, OW) of the same dtype, bilinear.

    Pixel i of n covers the interval [i, i + 1] / n: output pixel o has its centre at (o + 1/2) H/OH
    - 1/2 of the input, and takes the two rows around it in proportion; the same for columns. Beyond
    the border the border repeats. The values are those of `F.interpolate(mode="bilinear",
    align_corners=False)`: no smoothing before a reduction, so that beyond a factor of 2 input
    pixels are skipped.

    Raises TypeError for anything but floats, ValueError for fewer than 2 axes or a size below 1.
    """
    if images.dtype.kind != "f":
        raise TypeError(f"resize: images must be floats, got {images.dtype}")
    if images.ndim < 2 or 0 in images.shape[-2:]:
        raise ValueError(f"resize: images must have the shape (..., H, W), got {images.shape}")
    oh, ow = pair("resize", size)
    return _interpolate(_interpolate(images, oh, axis=-2), ow, axis=-1)


def _interpolate(x: np.ndarray, size: int, axis: int) -> np.ndarray:
    n = x.shape[axis]
    if size == n:
        return x
    centre = np.clip((np.arange(size) + 0.5) * (n / size) - 0.5, 0, n - 1)
    low = np.floor(centre).astype(np.intp)
    high = np.minimum(low + 1, n - 1)
    weight = (centre - low).astype(x.dtype)
    if axis == -2:
        weight = weight[:, None]
    return np.take(x, low, axis) * (1 - weight) + np.take(x, high, axis) * weight


def shorter_side_size(shape: tuple[int, ...], shorter: int) -> tuple[int, int]:
    """The (H, W) of an image of `shape` (C, H, W) whose shorter side becomes `shorter`."""
    h, w = shape[-2:]
    if h <= w:
        return shorter, shorter * w // h
    return shorter * h // w, shorter


@dataclass
class Resize(Transform):
    """(C, H, W) -> (C, OH, OW), bilinear: see `resize`.

    size: an int is the new length of the shorter side, the aspect ratio stays; (OH, OW) is the new
    size.
    """

    size: int | tuple[int, int]

    def __post_init__(self):
        pair("Resize", self.size)

    def apply(self, image, rng):
        if isinstance(self.size, (int, np.integer)):
            return resize(image, shorter_side_size(image.shape, self.size))
        return resize(image, self.size)
