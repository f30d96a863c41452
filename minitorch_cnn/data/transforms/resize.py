"""Change the size of images by bilinear interpolation, smoothed where they get smaller."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .transform import Transform, pair


def resize(images: np.ndarray, size: int | tuple[int, int]) -> np.ndarray:
    """images (..., H, W) float -> (..., OH, OW) of the same dtype, bilinear and smooth.

    Pixel i of n covers the interval [i, i + 1] / n, so that output pixel o has its centre at
    c = (o + 1/2) H / OH of the input, and takes the mean of the rows with weights that fall from
    the centre, max(1 - |i + 1/2 - c| / s, 0) with s = max(H / OH, 1); the same for columns. So
    every input pixel counts, however small the output. The values are those of
    `F.interpolate(mode="bilinear", align_corners=False, antialias=True)` in PyTorch.

    Raises TypeError for anything but floats, ValueError for fewer than 2 axes or a size below 1.
    """
    if images.dtype.kind != "f":
        raise TypeError(f"resize: images must be floats, got {images.dtype}")
    if images.ndim < 2 or 0 in images.shape[-2:]:
        raise ValueError(f"resize: images must have the shape (..., H, W), got {images.shape}")
    (h, w), (oh, ow) = images.shape[-2:], pair("resize", size)
    if ow != w:
        images = images @ _weights(w, ow).T.astype(images.dtype)
    if oh != h:
        images = _weights(h, oh).astype(images.dtype) @ images
    return images


@lru_cache(maxsize=64)
def _weights(n: int, size: int) -> np.ndarray:
    """(size, n): what each input pixel of a row counts for each output pixel."""
    scale = n / size
    centre = (np.arange(size)[:, None] + 0.5) * scale
    distance = np.abs(np.arange(n) + 0.5 - centre) / max(scale, 1.0)
    weights = np.maximum(1 - distance, 0)
    return weights / weights.sum(1, keepdims=True)


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
