"""What a transform is.

An image is a float32 array (C, H, W); values are in [0, 1] until `Normalize`. A transform is a
callable `(image, rng) -> image`, where `rng` is the NumPy Generator to draw from. Data sets pass
`sample_generator()`, so that a sample is augmented alike whatever worker loads it. A transform
never writes to the image it is given; it may return a view of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..randomness import sample_generator


@dataclass
class Transform:
    """Base class: checks the image and calls `apply(image, rng)`, which a subclass defines.

    Called by hand without `rng`, a transform draws from `sample_generator()`.

    Raises TypeError for anything but a float32 array, ValueError for one that is not (C, H, W).
    """

    def __call__(self, image: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        name = type(self).__name__
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
