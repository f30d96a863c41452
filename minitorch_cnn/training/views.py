"""Transforms for other views of an image than its middle, from the transform of the middle."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data import transforms


def ten_crops(transform: transforms.Compose) -> transforms.Compose:
    """A transform that ends in ten crops, where the given one takes the middle of the image."""
    steps, size = _without_middle("ten_crops", transform)
    return transforms.Compose([*steps, transforms.TenCrop(size)])


def grid_crops(transform: transforms.Compose) -> transforms.Compose:
    """A transform that ends in VGG's 50 crops, where the given one takes the middle of the image.

    See `GridCrop`.
    """
    steps, size = _without_middle("grid_crops", transform)
    return transforms.Compose([*steps, transforms.GridCrop(size)])


def square_crops(transform: transforms.Compose) -> transforms.Compose:
    """A transform that ends in GoogLeNet's 144 crops, where the given one takes the middle.

    See `SquareCrops`, which replaces the resizing.
    """
    steps, size = _without_middle("square_crops", transform)
    place = _resizing(steps)
    if size[0] != size[1]:
        raise ValueError(f"square_crops: the model's images of {size} must be squares")
    return transforms.Compose(
        [*steps[:place], *steps[place + 1 :], transforms.SquareCrops(size[0])]
    )


def whole_image(transform: transforms.Compose) -> transforms.Compose:
    """A transform that keeps the whole image, where the given one takes the middle of it."""
    return transforms.Compose(_without_middle("whole_image", transform)[0])


def mirrored(transform: transforms.Compose) -> transforms.Compose:
    """The given transform followed by a horizontal flip."""
    return transforms.Compose([*transform.transforms, _mirror])


def at_scale(transform: transforms.Compose, side: int) -> transforms.Compose:
    """The given transform with images whose shorter side is resized to `side`, VGG's Q.

    Raises: ValueError unless the transform takes the middle of an image, of at most `side`.
    """
    _, size = _without_middle("at_scale", transform)
    if side < max(size):
        raise ValueError(f"at_scale: side={side} must be at least the crop of {size}")
    steps = list(transform.transforms)
    place = _resizing(steps)
    steps[place] = transforms.Resize(side, steps[place].interpolation)
    return transforms.Compose(steps)


def evaluation_sides(least: int, most: int | None = None) -> tuple[int, int, int]:
    """The shorter sides Q of test images for a net trained at the shorter side S.

    With one S: S - 32, S, S + 32; with S drawn from [least, most]: least, their mean, most.
    Source: K. Simonyan, A. Zisserman (2015), section 4.2.
    """
    if most is None:
        return least - 32, least, least + 32
    return least, (least + most) // 2, most


def _mirror(image: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
    return image[..., ::-1]


def _resizing(steps: list) -> int:
    return next(i for i, step in enumerate(steps) if isinstance(step, transforms.Resize))


def _without_middle(name: str, transform: transforms.Compose) -> tuple[list, tuple[int, int]]:
    """The steps except the centre crop of a larger image, and the size of that crop."""
    for i, step in enumerate(transform.transforms):
        before = getattr(transform.transforms[i - 1], "size", None) if i else None
        if isinstance(step, transforms.CenterCrop) and isinstance(before, int):
            size: Any = step.size
            if before > min(size):
                return transform.transforms[:i] + transform.transforms[i + 1 :], size
    raise ValueError(f"{name}: the model sees all of an image, not the middle of a larger one")
