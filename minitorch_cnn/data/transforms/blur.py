"""Blurring and sharpening of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .color import blended
from .forms import Image, takes_images
from .pad import padded
from .transform import RandomTransform, Transform, generator_or


@takes_images("numbers")
def gaussian_blur(
    img: Image, kernel_size: int | Sequence[int], sigma: float | Sequence[float] | None = None
) -> Image:
    """(..., H, W) -> the same shape: a Gaussian filter with weights exp(-x^2 / (2 sigma^2)).

    kernel_size: odd, one number or (width, height); sigma: one number or two, 0.15 kernel_size +
    0.35 if None. The border is mirrored.

    Raises: ValueError for invalid settings, or an image that is not larger than half a kernel.
    """
    widths = _both("gaussian_blur", "kernel_size", kernel_size)
    _check_kernel("gaussian_blur", widths)
    given = [0.15 * n + 0.35 for n in widths] if sigma is None else sigma
    sigmas = _both("gaussian_blur", "sigma", given)
    if not min(sigmas) > 0:
        raise ValueError(f"gaussian_blur: sigma={sigma} must be above 0")
    right, down = (n // 2 for n in widths)
    image = padded("gaussian_blur", img, (right, down, right, down), mode="reflect")
    for axis, n, width in ((-1, widths[0], sigmas[0]), (-2, widths[1], sigmas[1])):
        x = np.arange(n) - n // 2
        weights = np.exp(-0.5 * (x / width) ** 2)
        weights = (weights / weights.sum()).astype(image.dtype)
        image = np.lib.stride_tricks.sliding_window_view(image, n, axis) @ weights
    return image


@takes_images("colours")
def adjust_sharpness(img: Image, sharpness_factor: float) -> Image:
    """y = f x + (1 - f) b, clipped, with b a 3 x 3 mean in which the centre has weight 5/13.

    Border pixels do not change, nor do images smaller than 3 x 3.
    """
    if not sharpness_factor >= 0:
        raise ValueError(
            f"adjust_sharpness: sharpness_factor={sharpness_factor} must be at least 0"
        )
    if min(img.shape[-2:]) < 3:
        return img
    windows = np.lib.stride_tricks.sliding_window_view(img, (3, 3), (-2, -1))
    smooth = img.copy()
    smooth[..., 1:-1, 1:-1] = (windows.sum((-2, -1)) + 4 * img[..., 1:-1, 1:-1]) / 13
    return blended(img, smooth, sharpness_factor)


def _both(name: str, argument: str, value: Any) -> tuple[Any, ...]:
    both = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if len(both) not in (1, 2):
        raise ValueError(f"{name}: {argument}={value!r} must be one number or two")
    return both * (2 // len(both))


def _check_kernel(name: str, widths: tuple) -> None:
    if any(not isinstance(n, (int, np.integer)) or n < 1 or n % 2 == 0 for n in widths):
        raise ValueError(f"{name}: kernel_size={widths} must be odd integers >= 1")


@dataclass
class GaussianBlur(Transform):
    """Blur by `functional.gaussian_blur` with a sigma, or one drawn uniformly from (low, high).

    Raises: ValueError for invalid settings.
    """

    kernel_size: int | Sequence[int]
    sigma: float | tuple[float, float] = (0.1, 2.0)

    def __post_init__(self) -> None:
        _check_kernel("GaussianBlur", _both("GaussianBlur", "kernel_size", self.kernel_size))
        low, high = _both("GaussianBlur", "sigma", self.sigma)
        if not 0 < low <= high:
            raise ValueError(f"GaussianBlur: sigma={self.sigma} must be above 0, (low, high)")

    @staticmethod
    def get_params(
        sigma_min: float, sigma_max: float, rng: np.random.Generator | None = None
    ) -> float:
        """A random sigma from a range."""
        return float(generator_or(rng).uniform(sigma_min, sigma_max))

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        low, high = _both("GaussianBlur", "sigma", self.sigma)
        sigma = self.get_params(low, high, rng)
        return gaussian_blur(image, self.kernel_size, sigma)


@dataclass
class RandomAdjustSharpness(RandomTransform):
    """Sharpen (a factor above 1) or blur (below) with probability `p`."""

    sharpness_factor: float
    p: float = 0.5

    def change(self, image: Image, rng: np.random.Generator) -> Image:
        return adjust_sharpness(image, self.sharpness_factor)
