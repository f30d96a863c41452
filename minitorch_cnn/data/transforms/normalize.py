"""Normalisation of each channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...tensor.tensor import Tensor
from .forms import Image, check_image, is_picture
from .transform import Transform


def normalize(
    tensor: Image, mean: Sequence[float], std: Sequence[float], inplace: bool = False
) -> Image:
    """y = (x - mean) / std per channel; mean, std: one number per channel, or one for all.

    tensor: a Tensor (..., C, H, W) of floats, or a float32 array (C, H, W). inplace: whether to
    overwrite a Tensor; arrays are never overwritten.

    Raises: TypeError for a Pillow image or integers; ValueError if a mean is not finite, a std is
    zero or not finite (both in float32), or the number of channels differs.
    """
    mean, std = _numbers(mean), _numbers(std)
    _check_settings("normalize", mean, std)
    return _normalized("normalize", tensor, mean, std, inplace)


def _normalized(
    name: str, image: Image, mean: Sequence[float], std: Sequence[float], inplace: bool
) -> Image:
    if is_picture(image):
        raise TypeError(
            f"{name}: image must be a Tensor, got a Pillow image; use ToTensor() first"
        )
    check_image(name, image)
    if image.dtype.kind != "f":
        raise TypeError(
            f"{name}: image must be of floats, got {image.dtype}; "
            "use ConvertImageDtype(float32) or ToTensor() first"
        )
    channels = image.shape[-3] if image.ndim > 2 else 0
    if not channels:
        raise ValueError(f"{name}: image must have the shape (..., C, H, W), got {image.shape}")
    # An image of one channel broadcasts to the number of means.
    if len(mean) != channels and 1 not in (len(mean), channels):
        raise ValueError(f"{name}: mean has {len(mean)} numbers, the image {channels} channels")
    shift, scale = (np.asarray(n, image.dtype).reshape(-1, 1, 1) for n in (mean, std))
    if not isinstance(image, Tensor):
        return (image - shift) / scale
    shift, scale = (Tensor(n).to(image.device) for n in (shift, scale))
    return image.sub_(shift).div_(scale) if inplace else (image - shift) / scale


def _numbers(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in np.atleast_1d(np.asarray(values)))


def _check_settings(name: str, mean: Sequence[float], std: Sequence[float]) -> None:
    if len(mean) != len(std) or not len(mean):
        raise ValueError(f"{name}: mean={mean} and std={std} must have one number per channel")
    with np.errstate(over="ignore"):
        shift, scale = np.array(mean, np.float32), np.array(std, np.float32)
    if not np.isfinite(shift).all():
        raise ValueError(f"{name}: mean={mean} must be finite")
    if not (np.isfinite(scale) & (scale > 0)).all():
        raise ValueError(f"{name}: std={std} must be finite and above zero")


@dataclass
class Normalize(Transform):
    """y = (x - mean) / std per channel; see `functional.normalize`."""

    mean: Sequence[float]
    std: Sequence[float]
    inplace: bool = False

    def __post_init__(self) -> None:
        self.mean, self.std = _numbers(self.mean), _numbers(self.std)
        _check_settings("Normalize", self.mean, self.std)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        return _normalized("Normalize", image, self.mean, self.std, self.inplace)
