"""Erasing of random parts of images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...tensor.tensor import Tensor
from .forms import Image, check_image, get_dimensions, is_picture, takes_images
from .transform import RandomTransform, Transform, generator_or, ordered, pair


def erase(img: Image, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Image:
    """Set the rectangle of height h and width w at row i and column j to v.

    v: broadcasts to (C, h, w). inplace: whether to overwrite a Tensor; arrays are never
    overwritten.

    Raises: TypeError for a Pillow image.
    """
    _refuse_picture("erase", img)
    check_image("erase", img)
    out = img if inplace and isinstance(img, Tensor) else _copy(img)
    if isinstance(out, Tensor):
        v = v if isinstance(v, Tensor) else Tensor(np.asarray(v, out.dtype)).to(out.device)
    out[..., i : i + h, j : j + w] = v
    return out


def _copy(img: Image) -> Image:
    return img.clone() if isinstance(img, Tensor) else img.copy()


def _refuse_picture(name: str, img: Image) -> None:
    if is_picture(img):
        raise TypeError(
            f"{name}: image must be a Tensor, got a Pillow image; use ToTensor() first"
        )


@dataclass
class RandomErasing(RandomTransform):
    """(C, H, W) -> (C, H, W): with probability `p`, fill a random rectangle.

    Its area is a fraction of the image's, drawn uniformly from `scale`; its ratio height / width is
    drawn log-uniformly from `ratio`. After ten draws that do not fit, the image stays unchanged.
    value: a number, one per channel, or "random" for normal noise. inplace: whether to overwrite a
    Tensor; arrays are never overwritten. From "Random erasing data augmentation" (Zhong et al.
    2017), arXiv 1708.04896, algorithm 1.

    Raises: ValueError for invalid settings, TypeError for a Pillow image.
    """

    p: float = 0.5
    scale: tuple[float, float] = (0.02, 0.33)
    ratio: tuple[float, float] = (0.3, 3.3)
    value: float | Sequence[float] | str = 0
    inplace: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.ratio = ordered("RandomErasing", "ratio", self.ratio)
        low, high = self.scale if len(self.scale) == 2 else (1, 0)
        if not 0 <= low <= high <= 1:
            raise ValueError(f"RandomErasing: scale={self.scale!r} must be fractions (low, high)")
        if isinstance(self.value, str) and self.value != "random":
            raise ValueError(f"RandomErasing: value={self.value!r} must be numbers or 'random'")

    @staticmethod
    def get_params(
        img: Image,
        scale: Sequence[float],
        ratio: Sequence[float],
        value: Sequence[float] | None = None,
        rng: np.random.Generator | None = None,
    ) -> tuple[Any, ...]:
        """(i, j, h, w, v) for `erase`; value: one number or one per channel, None for noise.

        After ten draws that do not fit it returns the whole image, unchanged.
        """
        rng = generator_or(rng)
        channels, h, w = get_dimensions(img)
        if value is not None and len(value) not in (1, channels):
            raise ValueError(
                f"RandomErasing: value has {len(value)} numbers, the image {channels} channels"
            )
        for _ in range(10):
            area = h * w * rng.uniform(scale[0], scale[1])
            drawn = math.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1])))
            high, wide = round(math.sqrt(area * drawn)), round(math.sqrt(area / drawn))
            if high < h and wide < w:
                top, left = int(rng.integers(h - high + 1)), int(rng.integers(w - wide + 1))
                if value is None:
                    v = rng.standard_normal((channels, high, wide), dtype=np.float32)
                else:
                    v = np.reshape(np.asarray(value, np.float32), (-1, 1, 1))
                return top, left, high, wide, v if isinstance(img, np.ndarray) else Tensor(v)
        return 0, 0, h, w, img

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        _refuse_picture("RandomErasing", image)
        return super().apply(image, rng)

    def change(self, image: Image, rng: np.random.Generator) -> Image:
        value = self.value
        if isinstance(value, (int, float)):
            value = (value,)
        value = None if isinstance(value, str) else value
        window = self.get_params(image, self.scale, self.ratio, value, rng)
        top, left, high, wide, v = window
        return erase(image, top, left, high, wide, v, self.inplace)


@dataclass
class Cutout(Transform):
    """(C, H, W) -> (C, H, W) with a square of side `size` filled with `fill`.

    The square's centre is anywhere in the image, so a part of it may be outside. From "Improved
    regularization of convolutional neural networks with cutout" (DeVries and Taylor 2017).
    """

    size: int
    fill: float = 0.0

    def __post_init__(self) -> None:
        pair("Cutout", (self.size, self.size))

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        _, h, w = get_dimensions(image)
        top, left = int(rng.integers(h)) - self.size // 2, int(rng.integers(w)) - self.size // 2
        return _cut_out(image, top, left, self.size, self.fill)


@takes_images("pixels", name="Cutout")
def _cut_out(image: Image, top: int, left: int, size: int, fill: float) -> Image:
    out = image.copy()
    out[..., max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)] = fill
    return out
