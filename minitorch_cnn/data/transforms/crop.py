"""Transforms that take a part of an image: crop, mirror, cut out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .pad import check_padding, padded, sides
from .resize import check_interpolation, resize, resize_window, shorter_side_size
from .transform import Transform, ordered, pair


def _window(name: str, image: np.ndarray, size: tuple[int, int], place) -> np.ndarray:
    """The part (C, *size) of `image` (C, H, W); `place` maps the pixels left over to an offset.

    Raises ValueError if `size` does not fit into the image.
    """
    (_, h, w), (oh, ow) = image.shape, size
    if oh > h or ow > w:
        raise ValueError(f"{name}: size={size} must fit into the image of {h} x {w}")
    top, left = place(h - oh), place(w - ow)
    return image[:, top : top + oh, left : left + ow]


def middle(left_over: int) -> int:
    return round(left_over / 2)


def _anywhere(rng: np.random.Generator):
    return lambda left_over: int(rng.integers(left_over + 1))


@dataclass
class CenterCrop(Transform):
    """(C, H, W) -> the (C, OH, OW) in the middle; size: OH = OW, or (OH, OW).

    An image that is smaller lies in the middle of zeros.
    """

    size: int | tuple[int, int]

    def __post_init__(self):
        self.size = pair("CenterCrop", self.size)

    def apply(self, image, rng):
        (_, h, w), (oh, ow) = image.shape, self.size
        tall, wide = max(oh - h, 0), max(ow - w, 0)
        border = (wide // 2, tall // 2, (wide + 1) // 2, (tall + 1) // 2)
        return _window("CenterCrop", padded("CenterCrop", image, border), self.size, middle)


@dataclass
class RandomCrop(Transform):
    """(C, H, W) -> a (C, OH, OW) anywhere in the image, padded as by `Pad` before.

    pad_if_needed: whether an image that is smaller gets as many pixels as it lacks, on both sides.

    Raises ValueError if the padded image is smaller, and as `Pad` does.
    """

    size: int | tuple[int, int]
    padding: int | tuple[int, ...] | None = None
    pad_if_needed: bool = False
    fill: float | Sequence[float] = 0.0
    padding_mode: str = "constant"

    def __post_init__(self):
        self.size = pair("RandomCrop", self.size)
        check_padding("RandomCrop", self.padding or 0, self.fill, self.padding_mode)
        if not isinstance(self.pad_if_needed, (bool, np.bool_)):
            raise ValueError(f"RandomCrop: pad_if_needed={self.pad_if_needed!r} must be a bool")

    def apply(self, image, rng):
        border = sides("RandomCrop", self.padding or 0)
        if self.pad_if_needed:
            left, top, right, bottom = border
            (_, h, w), (oh, ow) = image.shape, self.size
            wide, tall = max(ow - left - w - right, 0), max(oh - top - h - bottom, 0)
            border = (left + wide, top + tall, right + wide, bottom + tall)
        whole = padded("RandomCrop", image, border, self.fill, self.padding_mode)
        return _window("RandomCrop", whole, self.size, _anywhere(rng))


@dataclass
class RandomHorizontalFlip(Transform):
    """(C, H, W) -> (C, H, W), mirrored left to right with probability `p`."""

    p: float = 0.5

    def __post_init__(self):
        if not 0 <= self.p <= 1:
            raise ValueError(f"RandomHorizontalFlip: p={self.p} must be in [0, 1]")

    def apply(self, image, rng):
        return image[:, :, ::-1] if rng.random() < self.p else image


@dataclass
class RandomVerticalFlip(Transform):
    """(C, H, W) -> (C, H, W), mirrored top to bottom with probability `p`."""

    p: float = 0.5

    def __post_init__(self):
        if not 0 <= self.p <= 1:
            raise ValueError(f"RandomVerticalFlip: p={self.p} must be in [0, 1]")

    def apply(self, image, rng):
        return image[:, ::-1] if rng.random() < self.p else image


@dataclass
class RandomResizedCrop(Transform):
    """(C, H, W) -> (C, OH, OW): a part of random area and aspect ratio, resized as by `resize`.

    The area is a share of the image's drawn evenly from `scale`, the ratio width / height is drawn
    evenly in its logarithm from `ratio`. After ten draws that do not fit: the largest part in the
    middle whose ratio is within `ratio`. From "Going deeper with convolutions" (Szegedy et al.
    2014), section 6.
    """

    size: int | tuple[int, int]
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    interpolation: str = "bilinear"
    antialias: bool = True

    def __post_init__(self):
        self.size = pair("RandomResizedCrop", self.size)
        check_interpolation("RandomResizedCrop", self.interpolation)
        self.scale = ordered("RandomResizedCrop", "scale", self.scale)
        self.ratio = ordered("RandomResizedCrop", "ratio", self.ratio)

    def apply(self, image, rng):
        _, h, w = image.shape
        for _ in range(10):
            area = h * w * rng.uniform(*self.scale)
            ratio = math.exp(rng.uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            ch, cw = round(math.sqrt(area / ratio)), round(math.sqrt(area * ratio))
            if 0 < ch <= h and 0 < cw <= w:
                place = _anywhere(rng)
                break
        else:
            ratio = min(max(w / h, self.ratio[0]), self.ratio[1])
            ch, cw = max(min(h, round(w / ratio)), 1), max(min(w, round(h * ratio)), 1)
            place = middle
        part = _window("RandomResizedCrop", image, (ch, cw), place)
        return resize(part, self.size, self.interpolation, self.antialias)


@dataclass
class ScaleJitter(Transform):
    """(C, H, W) -> (C, OH, OW): resize the shorter side to a random S, then crop anywhere.

    S is drawn from the integers smallest..largest. From "Very deep convolutional networks"
    (Simonyan and Zisserman 2014), section 3.1: crops of 224 with S from 256 to 512.
    """

    size: int | tuple[int, int] = 224
    smallest: int = 256
    largest: int = 512

    def __post_init__(self):
        self.size = pair("ScaleJitter", self.size)
        if not max(self.size) <= self.smallest <= self.largest:
            raise ValueError(
                f"ScaleJitter: smallest={self.smallest} and largest={self.largest} must be in this "
                f"order and not below size={self.size}"
            )

    def apply(self, image, rng):
        shorter = int(rng.integers(self.smallest, self.largest + 1))
        whole = shorter_side_size(image.shape, shorter)
        top, left = (int(rng.integers(n - m + 1)) for n, m in zip(whole, self.size, strict=True))
        return resize_window(image, whole, top, left, self.size)


@dataclass
class Cutout(Transform):
    """(C, H, W) -> (C, H, W) with a square of `size` pixels a side filled with `fill`.

    The square's centre is anywhere in the image, so that a part of it may lie outside. From
    "Improved regularization of convolutional neural networks with cutout" (DeVries and Taylor
    2017).
    """

    size: int
    fill: float = 0.0

    def __post_init__(self):
        pair("Cutout", (self.size, self.size))

    def apply(self, image, rng):
        _, h, w = image.shape
        top, left = int(rng.integers(h)) - self.size // 2, int(rng.integers(w)) - self.size // 2
        out = image.copy()
        out[:, max(top, 0) : top + self.size, max(left, 0) : left + self.size] = self.fill
        return out


@dataclass
class TenCrop(Transform):
    """(C, H, W) -> (10, C, OH, OW): four corners and the middle, then those of the mirrored image.

    Order: top left, top right, bottom left, bottom right, middle. The last of a chain, for
    evaluation: average the ten predictions. From AlexNet (Krizhevsky et al. 2012), section 4.1.

    Raises ValueError if the image is smaller than `size`.
    """

    size: int | tuple[int, int]

    def __post_init__(self):
        self.size = pair("TenCrop", self.size)

    def apply(self, image, rng):
        crops = []
        for mirrored in (image, image[:, :, ::-1]):
            inner = _window("TenCrop", mirrored, self.size, middle)
            oh, ow = self.size
            left, right = mirrored[:, :, :ow], mirrored[:, :, -ow:]
            crops += [left[:, :oh], right[:, :oh], left[:, -oh:], right[:, -oh:], inner]
        return np.stack(crops)
