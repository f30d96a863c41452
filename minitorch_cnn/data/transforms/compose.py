"""A chain of transforms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..randomness import sample_generator
from .crop import CenterCrop, middle
from .forms import Image
from .resize import resize_window
from .resizing import Resize
from .transform import applied, pair


class Compose:
    """Apply `transforms` in sequence, all drawing from the same `rng`.

    A transform that takes only an image is called without rng. If `CenterCrop` follows `Resize`,
    only the middle of a large result is computed.
    """

    def __init__(self, transforms: list[Callable[..., Any]]):
        self.transforms = list(transforms)

    def __call__(self, image: Image, rng: np.random.Generator | None = None) -> Image:
        rng = sample_generator() if rng is None else rng
        following = iter([*self.transforms[1:], None])
        for transform in (steps := iter(self.transforms)):
            after = next(following)
            if isinstance(transform, Resize) and isinstance(after, CenterCrop):
                part = _middle(image, transform, after)
                if part is not None:
                    image = part
                    next(steps)
                    next(following)
                    continue
            image = applied(transform, image, rng)
        return image

    def __repr__(self) -> str:
        lines = "".join(f"    {transform!r},\n" for transform in self.transforms)
        return f"Compose([\n{lines}])"


def _middle(image: Image, to_size: Resize, crop: CenterCrop) -> np.ndarray | None:
    """The middle of the resized image; None if it does not fit, or `image` is not an image."""
    if not isinstance(image, np.ndarray) or image.ndim != 3 or 0 in image.shape:
        return None
    whole, part = to_size.size_of(image.shape), pair("CenterCrop", crop.size)
    if image.dtype != np.float32 or any(n < m for n, m in zip(whole, part, strict=True)):
        return None
    top, left = (middle(n - m) for n, m in zip(whole, part, strict=True))
    how = to_size.interpolation, to_size.antialias
    return resize_window(image, whole, top, left, part, *how)
