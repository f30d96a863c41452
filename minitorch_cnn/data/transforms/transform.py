"""The bases of transforms.

A transform is a callable `(image, rng) -> image`, where `rng` is the NumPy Generator to draw from.
An image is a float32 array (C, H, W) with values in [0, 1] until `Normalize`, a Tensor
(..., C, H, W) or a Pillow image (forms.py); a transform returns the form of its argument. Data sets
pass `sample_generator()`, so that augmentation does not depend on the worker. A transform never
writes to its argument, but may return a view of it. A function or class of your own that takes only
an image, as torchvision's do, is also a transform.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np

from ..randomness import sample_generator
from .forms import Image, check_image


def applied(transform: Callable[..., Any], image: Image, rng: np.random.Generator) -> Image:
    """transform(image, rng), or transform(image) if it takes no generator."""
    return transform(image, rng) if _takes_generator(transform) else transform(image)


def _takes_generator(transform: Callable[..., Any]) -> bool:
    if isinstance(transform, Transform):
        return True
    if isinstance(transform, FunctionType):
        return _has_second(transform)
    call = type(transform).__call__
    if isinstance(call, FunctionType):  # a method, which also has self
        return _has_second(call, skipped=1)
    return _has_second.__wrapped__(transform)


@functools.lru_cache(maxsize=256)
def _has_second(function: Callable[..., Any], skipped: int = 0) -> bool:
    """Whether a function has a second argument that is required or named rng."""
    try:
        parameters = list(inspect.signature(function).parameters.values())[skipped:]
    except (TypeError, ValueError):  # a C function without a signature
        return False
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    second = [p for p in parameters if p.kind in places][1:2]
    return any(p.default is p.empty or p.name == "rng" for p in second)


@dataclass
class Transform:
    """Base class: it checks the image and calls `apply(image, rng)`, which a subclass defines.

    Without `rng`, a transform draws from `sample_generator()`.

    Raises: TypeError for other than a float32 array, a Tensor or a Pillow image, ValueError for an
    array that is not (C, H, W).
    """

    def __call__(self, image: Image, rng: np.random.Generator | None = None) -> Image:
        name = type(self).__name__
        check_image(name, image)
        if rng is not None and not isinstance(rng, np.random.Generator):
            raise TypeError(
                f"{name}: rng={type(rng).__name__} must be a numpy.random.Generator: a transform "
                "takes one image"
            )
        return self.apply(image, sample_generator() if rng is None else rng)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        """Transform an image, with random numbers from `rng`."""
        raise NotImplementedError(f"{type(self).__name__}: apply is not defined")


class RandomTransform(Transform):
    """Base of transforms with a probability `p`; a subclass defines `change(image, rng)`.

    Raises: ValueError unless `p`, a field of the subclass, is a probability.
    """

    p: float

    def __post_init__(self) -> None:
        check_chance(type(self).__name__, self.p)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        return self.change(image, rng) if rng.random() < self.p else image

    def change(self, image: Image, rng: np.random.Generator) -> Image:
        """Transform an image."""
        raise NotImplementedError(f"{type(self).__name__}: change is not defined")


def generator_or(rng: np.random.Generator | None) -> np.random.Generator:
    """`rng`, or the generator of the current sample."""
    return sample_generator() if rng is None else rng


def pair(name: str, size: Any) -> tuple[int, int]:
    """`size`, an int or (height, width), as two ints >= 1. Raises: ValueError, beginning with
    `name`."""
    both = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if len(both) == 1:
        both *= 2
    if len(both) != 2 or any(not isinstance(n, (int, np.integer)) or n < 1 for n in both):
        raise ValueError(f"{name}: size={size!r} must be an integer >= 1 or a pair of them")
    return int(both[0]), int(both[1])


def ordered(name: str, argument: str, value: Any) -> tuple[float, float]:
    """`value` as (low, high) with 0 < low <= high. Raises: ValueError, beginning with `name`."""
    low, high = value if isinstance(value, (tuple, list)) and len(value) == 2 else (0, 0)
    if not 0 < low <= high:
        raise ValueError(f"{name}: {argument}={value!r} must be (low, high) with 0 < low <= high")
    return low, high


def check_chance(name: str, p: float) -> None:
    """Check that `p` is a probability. Raises: ValueError, beginning with `name`."""
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p={p} must be in [0, 1]")
