"""Augmentation by random operations from a list: AutoAugment, RandAugment, TrivialAugment.

Each operation has a magnitude, one of several from none to the strongest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...spelling import one_of
from .blur import adjust_sharpness
from .color import adjust_brightness, adjust_contrast, adjust_saturation
from .forms import Image, get_dimensions, is_picture, white_of
from .interpolation import as_interpolation
from .levels import autocontrast, equalize, invert, posterize, solarize
from .places import INTERPOLATIONS
from .policies import POLICIES, AutoAugmentPolicy
from .rotation import affine, rotate
from .transform import Transform

Moved = Callable[..., object]


def _sheared(axis: int) -> Moved:
    def operation(image: Image, magnitude: Any, **how: Any) -> Image:
        shear = [0.0, 0.0]
        shear[axis] = math.degrees(math.atan(magnitude))
        return affine(image, 0.0, (0, 0), 1.0, shear, center=(0, 0), **how)

    return operation


def _shifted(axis: int) -> Moved:
    def operation(image: Image, magnitude: Any, **how: Any) -> Image:
        shift = [0, 0]
        shift[axis] = int(magnitude)
        return affine(image, 0.0, shift, 1.0, 0.0, **how)

    return operation


def _solarized(image: Image, magnitude: float) -> Image:
    white = 255 if is_picture(image) else white_of(image)
    return solarize(image, magnitude * white)


# Operations that move pixels also take an interpolation and a fill.
MOVES: dict[str, Moved] = {
    "ShearX": _sheared(0),
    "ShearY": _sheared(1),
    "TranslateX": _shifted(0),
    "TranslateY": _shifted(1),
    "Rotate": rotate,
}
COLOURS: dict[str, Callable[..., Any]] = {
    "Identity": lambda image, magnitude: image,
    "Brightness": lambda image, magnitude: adjust_brightness(image, 1 + magnitude),
    "Color": lambda image, magnitude: adjust_saturation(image, 1 + magnitude),
    "Contrast": lambda image, magnitude: adjust_contrast(image, 1 + magnitude),
    "Sharpness": lambda image, magnitude: adjust_sharpness(image, 1 + magnitude),
    "Posterize": lambda image, magnitude: posterize(image, int(magnitude)),
    "Solarize": _solarized,
    "AutoContrast": lambda image, magnitude: autocontrast(image),
    "Equalize": lambda image, magnitude: equalize(image),
    "Invert": lambda image, magnitude: invert(image),
}
SIGNED = (*MOVES, "Brightness", "Color", "Contrast", "Sharpness")


def _magnitudes(
    bins: int, shear: float, shift: tuple[float, float], turn: float, colour: float, bits: int
) -> dict[str, np.ndarray | None]:
    """The magnitudes of each operation, from none to the strongest; None if it takes none."""
    strongest = {
        "ShearX": shear, "ShearY": shear, "TranslateX": shift[0], "TranslateY": shift[1],
        "Rotate": turn, "Brightness": colour, "Color": colour, "Contrast": colour,
        "Sharpness": colour,
    }  # fmt: skip
    return {
        "Identity": None,
        **{name: np.linspace(0.0, most, bins) for name, most in strongest.items()},
        "Posterize": 8 - np.round(np.arange(bins) / ((bins - 1) / bits)),
        "Solarize": np.linspace(1.0, 0.0, bins),  # fractions of white
        "AutoContrast": None,
        "Equalize": None,
    }


class _Augment(Transform):
    """Base of the three; `interpolation` and `fill` are fields of each."""

    interpolation: str
    fill: float | Sequence[float] | None

    def __post_init__(self) -> None:
        name = type(self).__name__
        self.interpolation = as_interpolation(name, self.interpolation, INTERPOLATIONS)
        for argument, least in (("num_ops", 0), ("num_magnitude_bins", 2)):
            value = getattr(self, argument, least)
            if not isinstance(value, (int, np.integer)) or value < least:
                raise ValueError(f"{name}: {argument}={value!r} must be an integer >= {least}")

    def _operated(
        self, image: Image, name: str, magnitudes: Any, level: Any, rng: np.random.Generator
    ) -> Image:
        magnitude = 0.0 if magnitudes is None else float(magnitudes[level])
        if name in SIGNED and rng.integers(2):
            magnitude = -magnitude
        if name in MOVES:
            how = {"interpolation": self.interpolation, "fill": self.fill}
            return MOVES[name](image, magnitude, **how)
        return COLOURS[name](image, magnitude)


@dataclass
class RandAugment(_Augment):
    """(C, H, W) -> (C, H, W): `num_ops` operations drawn uniformly, all of one magnitude.

    magnitude: in 0..num_magnitude_bins - 1. interpolation, fill: for operations that move pixels.
    Use it before `Normalize`. From "RandAugment" (Cubuk et al. 2019), arXiv 1909.13719.

    Raises: ValueError for invalid settings.
    """

    num_ops: int = 2
    magnitude: int = 9
    num_magnitude_bins: int = 31
    interpolation: str = "nearest"
    fill: float | Sequence[float] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.magnitude < self.num_magnitude_bins:
            raise ValueError(
                f"RandAugment: magnitude={self.magnitude} must be in 0.."
                f"{self.num_magnitude_bins - 1}"
            )

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        _, h, w = get_dimensions(image)
        shift = (150 / 331 * w, 150 / 331 * h)
        space = _magnitudes(self.num_magnitude_bins, 0.3, shift, 30.0, 0.9, 4)
        for _ in range(self.num_ops):
            name = list(space)[rng.integers(len(space))]
            image = self._operated(image, name, space[name], self.magnitude, rng)
        return image


@dataclass
class TrivialAugmentWide(_Augment):
    """(C, H, W) -> (C, H, W): one operation and its magnitude, both drawn uniformly.

    Use it before `Normalize`. From "TrivialAugment" (Müller and Hutter 2021), arXiv 2103.10158.

    Raises: ValueError for invalid settings.
    """

    num_magnitude_bins: int = 31
    interpolation: str = "nearest"
    fill: float | Sequence[float] | None = None

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        space = _magnitudes(self.num_magnitude_bins, 0.99, (32.0, 32.0), 135.0, 0.99, 6)
        name = list(space)[rng.integers(len(space))]
        level = int(rng.integers(self.num_magnitude_bins))
        return self._operated(image, name, space[name], level, rng)


@dataclass
class AutoAugment(_Augment):
    """(C, H, W) -> (C, H, W): one of 25 pairs of operations, each applied with its probability.

    policy: AutoAugmentPolicy.IMAGENET, CIFAR10 or SVHN, the data set that it was found for. Use it
    before `Normalize`. From "AutoAugment" (Cubuk et al. 2018), arXiv 1805.09501.

    Raises: ValueError for invalid settings.
    """

    policy: AutoAugmentPolicy | str = "imagenet"
    interpolation: str = "nearest"
    fill: float | Sequence[float] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.policy not in POLICIES:
            raise ValueError(f"AutoAugment: policy={self.policy!r} {one_of(self.policy, POLICIES)}")
        self.policy = AutoAugmentPolicy(self.policy).value

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        _, h, w = get_dimensions(image)
        space = _magnitudes(10, 0.3, (150 / 331 * w, 150 / 331 * h), 30.0, 0.9, 4)
        policies = POLICIES[AutoAugmentPolicy(self.policy)]
        for name, chance, level in policies[rng.integers(len(policies))]:
            if rng.random() < chance:
                image = self._operated(image, name, space.get(name), level, rng)
        return image
