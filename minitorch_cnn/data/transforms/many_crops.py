"""Many crops of one image, as papers evaluated them: a regular grid, squares at four scales."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .crop import check_fits, crop, five_crop, middle, stacked
from .flip import hflip
from .forms import Image, get_dimensions
from .resizing import resize
from .transform import Transform, pair

SIDES = (256, 288, 320, 352)  # for crops of 224


@dataclass
class GridCrop(Transform):
    """(C, H, W) -> crops at a regular grid of positions, of the image and of its mirror image.

    An array gives an array (2 * count^2, C, OH, OW), a Tensor or a Pillow image a tuple. The grid
    has count x count positions from corner to corner, row by row; the mirror images follow. With
    count=5 these are the 50 crops of VGG (Simonyan and Zisserman 2015), section 3.2, at one scale.

    Raises: ValueError for a count below 2, and if the image is smaller than `size`.
    """

    size: int | tuple[int, int]
    count: int = 5

    def __post_init__(self) -> None:
        self.size = pair("GridCrop", self.size)
        if not isinstance(self.count, int) or self.count < 2:
            raise ValueError(f"GridCrop: count={self.count!r} must be an integer from 2 on")

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        (_, h, w), (oh, ow) = get_dimensions(image), pair("GridCrop", self.size)
        check_fits("GridCrop", (oh, ow), (h, w))
        steps = range(self.count)
        rows, columns = ([round(k * room / steps[-1]) for k in steps] for room in (h - oh, w - ow))
        both = image, hflip(image)
        return stacked(
            tuple(crop(x, top, left, oh, ow) for x in both for top in rows for left in columns)
        )


@dataclass
class SquareCrops(Transform):
    """(C, H, W) -> the 144 crops of GoogLeNet: 4 scales x 3 squares x 6 crops x 2 mirror images.

    An array gives an array (36 * scales, C, size, size), a Tensor or a Pillow image a tuple. The
    shorter side of the image is resized to each of `sides`; of the result, the squares at its left,
    middle and right (top, middle and bottom of an upright image) are taken; of each, the crops of
    `five_crop`, then the square itself resized to `size`, then the mirror images of the six.

    sides: by default 256, 288, 320 and 352 for crops of 224, and in proportion for others.

    Source: C. Szegedy et al. (2015), "Going deeper with convolutions", section 7.
    Raises: ValueError for a side below `size`.
    """

    size: int
    sides: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        size = pair("SquareCrops", self.size)
        if size[0] != size[1]:
            raise ValueError(f"SquareCrops: size={size} must be a square")
        self.size = size[0]
        if self.sides is None:
            self.sides = tuple(round(side * self.size / 224) for side in SIDES)
        if not self.sides or min(self.sides) < self.size:
            raise ValueError(f"SquareCrops: sides={self.sides} must be at least size={self.size}")

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        crops: list[Image] = []
        for side in self.sides or ():
            scaled = resize(image, side)
            _, h, w = get_dimensions(scaled)
            for place in (0, middle(max(h, w) - side), max(h, w) - side):
                top, left = (place, 0) if h > w else (0, place)
                square = crop(scaled, top, left, side, side)
                six = (*five_crop(square, self.size), resize(square, (self.size, self.size)))
                crops += [*six, *(hflip(one) for one in six)]
        return stacked(tuple(crops))
