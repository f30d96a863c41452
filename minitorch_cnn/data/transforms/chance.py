"""Transforms from functions, and random combinations of transforms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .forms import Image
from .transform import applied, check_chance, generator_or


@dataclass
class Lambda:
    """A function of the image as a transform.

    Raises: TypeError if it is not callable.
    """

    lambd: Callable[..., Any]

    def __post_init__(self) -> None:
        if not callable(self.lambd):
            raise TypeError(f"Lambda: lambd={self.lambd!r} must be a function of the image")

    def __call__(self, image: Image, rng: np.random.Generator | None = None) -> Image:
        return applied(self.lambd, image, generator_or(rng))


@dataclass
class RandomApply:
    """All transforms in sequence with probability `p`, otherwise none."""

    transforms: Sequence[Callable[..., Any]]
    p: float = 0.5

    def __post_init__(self) -> None:
        check_chance("RandomApply", self.p)

    def __call__(self, image: Image, rng: np.random.Generator | None = None) -> Image:
        rng = generator_or(rng)
        if rng.random() < self.p:
            for transform in self.transforms:
                image = applied(transform, image, rng)
        return image


@dataclass
class RandomChoice:
    """One of the transforms, drawn with the probabilities `p` (default: uniform).

    Raises: ValueError without transforms, or unless each has a weight of at least 0.
    """

    transforms: Sequence[Callable[..., Any]]
    p: Sequence[float] | None = None

    def __post_init__(self) -> None:
        weights = [1.0] * len(self.transforms) if self.p is None else list(self.p)
        if not self.transforms:
            raise ValueError("RandomChoice: transforms must not be empty")
        if len(weights) != len(self.transforms) or min(weights) < 0 or not sum(weights) > 0:
            raise ValueError(f"RandomChoice: p={self.p} must be a weight for each transform")
        self.weights = np.array(weights) / sum(weights)

    def __call__(self, image: Image, rng: np.random.Generator | None = None) -> Image:
        rng = generator_or(rng)
        chosen = rng.choice(len(self.transforms), p=self.weights)
        return applied(self.transforms[chosen], image, rng)


@dataclass
class RandomOrder:
    """All transforms in a random order."""

    transforms: Sequence[Callable[..., Any]]

    def __call__(self, image: Image, rng: np.random.Generator | None = None) -> Image:
        rng = generator_or(rng)
        for i in rng.permutation(len(self.transforms)):
            image = applied(self.transforms[i], image, rng)
        return image
