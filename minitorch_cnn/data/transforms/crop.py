"""Transforms that take a part of an image: pad, crop, mirror, cut out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .resize import resize, shorter_side_size
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


def _middle(room: int) -> int:
    return round(room / 2)


def _anywhere(rng: np.random.Generator):
    return lambda room: int(rng.integers(room + 1))


def _sides(name: str, padding) -> tuple[int, ...]:
    """`padding` as (left, top, right, bottom)."""
    sides = padding if isinstance(padding, (tuple, list)) else (padding,)
    if len(sides) not in (1, 2, 4) or any(not isinstance(n, int) or n < 0 for n in sides):
        raise ValueError(f"{name}: padding={padding!r} must be 1, 2 or 4 integers >= 0")
    return tuple(sides) * (4 // len(sides))


def _padded(image: np.ndarray, sides: tuple[int, ...], fill: float) -> np.ndarray:
    left, top, right, bottom = sides
    c, h, w = image.shape
    out = np.full((c, top + h + bottom, left + w + right), fill, dtype=image.dtype)
    out[:, top : top + h, left : left + w] = image
    return out


@dataclass
class Pad(Transform):
    """(C, H, W) -> (C, top + H + bottom, left + W + right), the border filled with `fill`.

    padding: one int for all sides, (left and right, top and bottom), or (left, top, right, bottom).
    """

    padding: int | tuple[int, ...]
    fill: float = 0.0

    def __post_init__(self):
        _sides("Pad", self.padding)

    def apply(self, image, rng):
        return _padded(image, _sides("Pad", self.padding), self.fill)


@dataclass
class CenterCrop(Transform):
    """(C, H, W) -> the (C, OH, OW) in the middle; size: OH = OW, or (OH, OW).

    Raises ValueError if the image is smaller (torchvision pads it with zeros).
    """

    size: int | tuple[int, int]

    def __post_init__(self):
        self.size = pair("CenterCrop", self.size)

    def apply(self, image, rng):
        return _window("CenterCrop", image, self.size, _middle)


@dataclass
class RandomCrop(Transform):
    """(C, H, W) -> a (C, OH, OW) anywhere in the image, padded as by `Pad(padding, fill)`.

    Raises ValueError if the padded image is smaller.
    """

    size: int | tuple[int, int]
    padding: int | tuple[int, ...] = 0
    fill: float = 0.0

    def __post_init__(self):
        self.size = pair("RandomCrop", self.size)
        _sides("RandomCrop", self.padding)

    def apply(self, image, rng):
        padded = _padded(image, _sides("RandomCrop", self.padding), self.fill)
        return _window("RandomCrop", padded, self.size, _anywhere(rng))


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
class RandomResizedCrop(Transform):
    """(C, H, W) -> (C, OH, OW): a part of random area and aspect ratio, resized.

    The area is a share of the image's drawn evenly from `scale`, the ratio width / height is drawn
    evenly in its logarithm from `ratio`. After ten draws that do not fit: the largest part in the
    middle whose ratio is within `ratio`. From "Going deeper with convolutions" (Szegedy et al.
    2014), section 6.
    """

    size: int | tuple[int, int]
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    def __post_init__(self):
        self.size = pair("RandomResizedCrop", self.size)
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
            place = _middle
        return resize(_window("RandomResizedCrop", image, (ch, cw), place), self.size)


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
        resized = resize(image, shorter_side_size(image.shape, shorter))
        return _window("ScaleJitter", resized, self.size, _anywhere(rng))


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
            middle = _window("TenCrop", mirrored, self.size, _middle)
            oh, ow = self.size
            left, right = mirrored[:, :, :ow], mirrored[:, :, -ow:]
            crops += [left[:, :oh], right[:, :oh], left[:, -oh:], right[:, -oh:], middle]
        return np.stack(crops)
