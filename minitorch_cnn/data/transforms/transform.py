"""What a transform is.

An image is a float32 array (C, H, W); values are in [0, 1] until `Normalize`. A transform is a
callable `(image, rng) -> image`, where `rng` is the NumPy Generator to draw from. Data sets pass
`sample_generator()`, so that a sample is augmented alike whatever worker loads it. A transform
never writes to the image it is given; it may return a view of it. A function or class of one's own
that takes an image alone, as torchvision's do, is a transform, too.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType

import numpy as np

from ...tensor.tensor import Tensor
from ..randomness import sample_generator


def applied(transform: Callable, image, rng: np.random.Generator):
    """transform(image, rng), or transform(image) where it takes no generator."""
    return transform(image, rng) if _takes_generator(transform) else transform(image)


def _takes_generator(transform: Callable) -> bool:
    if isinstance(transform, Transform):
        return True
    if isinstance(transform, FunctionType):
        return _has_second(transform)
    call = type(transform).__call__
    if isinstance(call, FunctionType):  # of a class, which also has self
        return _has_second(call, skipped=1)
    return _has_second.__wrapped__(transform)


@functools.lru_cache(maxsize=256)
def _has_second(function: Callable, skipped: int = 0) -> bool:
    """Whether a function has a second argument that must be given or is called rng."""
    try:
        parameters = list(inspect.signature(function).parameters.values())[skipped:]
    except (TypeError, ValueError):  # one written in C that does not say
        return False
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    second = [p for p in parameters if p.kind in places][1:2]
    return any(p.default is p.empty or p.name == "rng" for p in second)


def pixels_of(picture) -> np.ndarray:
    """A picture of Pillow as an image: bytes are divided by 255, a palette is looked up."""
    pixels = np.asarray(picture.convert("RGB") if picture.mode == "P" else picture)
    planes = np.moveaxis(pixels if pixels.ndim == 3 else pixels[..., None], -1, 0)
    return planes / np.float32(255) if pixels.dtype == np.uint8 else planes.astype(np.float32)


@dataclass
class Transform:
    """Base class: checks the image and calls `apply(image, rng)`, which a subclass defines.

    Called by hand without `rng`, a transform draws from `sample_generator()`. Of a Tensor the
    result is a Tensor; a picture of Pillow becomes an image first.

    Raises TypeError for anything but a float32 array, ValueError for one that is not (C, H, W).
    """

    def __call__(self, image: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        name = type(self).__name__
        if isinstance(image, Tensor):
            return Tensor(np.ascontiguousarray(self(image.detach().numpy(), rng)))
        if hasattr(image, "getbands"):
            image = pixels_of(image)
        if not isinstance(image, np.ndarray) or image.dtype != np.float32:
            kind = image.dtype if isinstance(image, np.ndarray) else type(image).__name__
            raise TypeError(f"{name}: image must be a float32 array (C, H, W), got {kind}")
        if image.ndim != 3 or 0 in image.shape:
            raise ValueError(f"{name}: image must have the shape (C, H, W), got {image.shape}")
        return self.apply(image, sample_generator() if rng is None else rng)

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__}: apply is not defined")


def pair(name: str, size) -> tuple[int, int]:
    """`size`, an int or (height, width), as two ints >= 1; ValueError beginning with `name`."""
    both = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if len(both) != 2 or any(not isinstance(n, (int, np.integer)) or n < 1 for n in both):
        raise ValueError(f"{name}: size={size!r} must be an integer >= 1 or a pair of them")
    return int(both[0]), int(both[1])


def ordered(name: str, argument: str, value) -> tuple[float, float]:
    """`value` as (low, high) with 0 < low <= high; ValueError beginning with `name`."""
    low, high = value if isinstance(value, (tuple, list)) and len(value) == 2 else (0, 0)
    if not 0 < low <= high:
        raise ValueError(f"{name}: {argument}={value!r} must be (low, high) with 0 < low <= high")
    return low, high


def check_chance(name: str, p: float) -> None:
    """ValueError beginning with `name` unless `p` is a probability."""
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p={p} must be in [0, 1]")
