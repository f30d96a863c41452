"""Rotation, translation, scaling and shearing of images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .forms import Image, check_image, get_dimensions
from .interpolation import InterpolationMode, as_interpolation
from .places import INTERPOLATIONS, at_places
from .transform import Transform, generator_or


def rotate(
    img: Image,
    angle: float,
    interpolation: InterpolationMode | str | int = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: float | Sequence[float] | None = None,
) -> Image:
    """(..., H, W) -> the same shape, rotated counter-clockwise by an angle in degrees.

    interpolation: "nearest", "bilinear" or "bicubic". expand: whether the frame grows to hold the
    whole rotated image. center: of the rotation, (x, y) in pixels from the top left corner; None
    for the middle. fill: the value outside the image, one number or one per channel, in the image's
    scale; None for 0.

    Raises: ValueError for an unknown interpolation, or for center together with expand.
    """
    _check_turn("rotate", expand, center)
    where = inverse_affine(-angle)
    check_image("rotate", img)
    size = _size_around(get_dimensions(img)[1:], angle) if expand else None
    return at_places("rotate", img, interpolation, fill, _places, where, center, size)


def affine(
    img: Image,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: float | Sequence[float],
    interpolation: InterpolationMode | str | int = InterpolationMode.NEAREST,
    fill: float | Sequence[float] | None = None,
    center: Sequence[float] | None = None,
) -> Image:
    """(..., H, W) -> the same shape, rotated clockwise, translated, scaled and sheared.

    angle: in degrees. translate: pixels to the right and down. scale: the factor. shear: degrees
    along x, or along x and y. interpolation, fill, center: as in `rotate`.

    Raises: ValueError for invalid settings.
    """
    if len(translate) != 2:
        raise ValueError(f"affine: translate={translate!r} must be (right, down)")
    if not scale > 0:
        raise ValueError(f"affine: scale={scale!r} must be above 0")
    shears: tuple[Any, ...] = tuple(shear) if isinstance(shear, (tuple, list)) else (shear,)
    if len(shears) not in (1, 2):
        raise ValueError(f"affine: shear={shear!r} must be one or two angles")
    _check_center("affine", center)
    where = inverse_affine(angle, translate, scale, (*shears, 0)[:2])
    return at_places("affine", img, interpolation, fill, _places, where, center, None)


def _check_turn(name: str, expand: bool, center: Sequence[float] | None) -> None:
    _check_center(name, center)
    if expand and center is not None:
        raise ValueError(f"{name}: expand=True rotates about the middle and excludes center")


def _range(name: str, argument: str, value: Any, low: float = -math.inf) -> tuple[float, float]:
    """`value` as (low, high): a number v >= 0 is (-v, v)."""
    ends = tuple(value) if isinstance(value, (tuple, list)) else (-value, value)
    if len(ends) != 2 or not low <= ends[0] <= ends[1] < math.inf or ends[0] == -math.inf:
        raise ValueError(f"{name}: {argument}={value!r} must be a number >= 0 or (low, high)")
    return ends


def _check_center(name: str, center: Sequence[float] | None) -> None:
    if center is not None and len(center) != 2:
        raise ValueError(f"{name}: center={center!r} must be (x, y)")


@dataclass
class RandomRotation(Transform):
    """(C, H, W) -> (C, H, W), rotated counter-clockwise by a random angle.

    The angle is drawn uniformly from [-degrees, degrees], or from degrees = (low, high). The other
    settings are those of `functional.rotate`.

    Raises: ValueError for negative degrees, low above high, an unknown interpolation, or center
    together with expand.
    """

    degrees: float | tuple[float, float]
    interpolation: str = "nearest"
    expand: bool = False
    center: tuple[float, float] | None = None
    fill: float | Sequence[float] = 0.0

    def __post_init__(self) -> None:
        name = "RandomRotation"
        _range(name, "degrees", self.degrees)
        self.interpolation = as_interpolation(name, self.interpolation, INTERPOLATIONS)
        _check_turn(name, self.expand, self.center)

    @staticmethod
    def get_params(degrees: Sequence[float], rng: np.random.Generator | None = None) -> float:
        """A random angle from a range."""
        return float(generator_or(rng).uniform(degrees[0], degrees[1]))

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        angle = self.get_params(_range("RandomRotation", "degrees", self.degrees), rng)
        return rotate(image, angle, self.interpolation, self.expand, self.center, self.fill)


@dataclass
class RandomAffine(Transform):
    """(C, H, W) -> (C, H, W), randomly rotated clockwise, translated, scaled and sheared.

    degrees: as in RandomRotation. translate: the largest shifts, as fractions of width and height,
    drawn uniformly and rounded to pixels. scale: (low, high) of the factor. shear: degrees, a
    number s for x in [-s, s], (low, high) for x, or four numbers for x and y. interpolation, fill,
    center: as in RandomRotation.

    Raises: ValueError for invalid settings.
    """

    degrees: float | tuple[float, float]
    translate: tuple[float, float] | None = None
    scale: tuple[float, float] | None = None
    shear: float | Sequence[float] | None = None
    interpolation: str = "nearest"
    fill: float | Sequence[float] = 0.0
    center: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        name = "RandomAffine"
        _range(name, "degrees", self.degrees)
        self.interpolation = as_interpolation(name, self.interpolation, INTERPOLATIONS)
        _check_center(name, self.center)
        if self.translate is not None and (
            len(self.translate) != 2 or not all(0 <= share <= 1 for share in self.translate)
        ):
            raise ValueError(f"{name}: translate={self.translate!r} must be two numbers in [0, 1]")
        if self.scale is not None and (
            len(self.scale) != 2 or not 0 < self.scale[0] <= self.scale[1]
        ):
            raise ValueError(f"{name}: scale={self.scale!r} must be (low, high) above 0")
        self._shears()

    def _shears(self) -> list[tuple[float, float]]:
        """The ranges of the shears along x and y."""
        if self.shear is None:
            return []
        if isinstance(self.shear, (tuple, list)) and len(self.shear) == 4:
            pairs = self.shear[:2], self.shear[2:]
            return [_range("RandomAffine", "shear", tuple(pair)) for pair in pairs]
        return [_range("RandomAffine", "shear", self.shear)]

    @staticmethod
    def get_params(
        degrees: Sequence[float],
        translate: Sequence[float] | None,
        scale_ranges: Sequence[float] | None,
        shears: Sequence[float] | None,
        img_size: Sequence[int],
        rng: np.random.Generator | None = None,
    ) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """Random (angle, shift, scale, shear) for an image of img_size (width, height).

        shears: (low, high) along x; of four numbers, the last two are along y.
        """
        rng = generator_or(rng)
        angle = float(rng.uniform(degrees[0], degrees[1]))
        most = (0, 0) if translate is None else translate
        right, down = (
            round(rng.uniform(-share * n, share * n))
            for share, n in zip(most, img_size, strict=True)
        )
        scale = (
            1.0 if scale_ranges is None else float(rng.uniform(scale_ranges[0], scale_ranges[1]))
        )
        ends = [] if shears is None else [shears[:2], shears[2:]]
        x, y = [*(float(rng.uniform(pair[0], pair[1])) for pair in ends if len(pair)), 0.0, 0.0][:2]
        return angle, (right, down), scale, (x, y)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        _, h, w = get_dimensions(image)
        degrees = _range("RandomAffine", "degrees", self.degrees)
        shears = [end for ends in self._shears() for end in ends] or None
        move = self.get_params(degrees, self.translate, self.scale, shears, (w, h), rng)
        return affine(image, *move, self.interpolation, self.fill, self.center)


def inverse_affine(
    angle: float,
    translate: Sequence[float] = (0, 0),
    scale: float = 1.0,
    shear: Sequence[float] = (0, 0),
) -> tuple[float, ...]:
    """(a, b, c, d, tx, ty): the pixel at (x, y) from the center, y downward, comes from
    (a x' + b y', c x' + d y') with x' = x - tx, y' = y - ty.

    This inverts rotation(angle) shear_y shear_x scale: an image sheared along x by
    (1, -tan shear_x; 0, 1), then along y by (1, 0; -tan shear_y, 1), then rotated by `angle`.
    Angles are in degrees, clockwise on the screen.
    """
    # Make quarter turns exact; their cosine would be 6e-17.
    cos, sin = (round(f(math.radians(angle)), 15) for f in (math.cos, math.sin))
    x, y = (math.tan(math.radians(s)) for s in shear)
    forward = np.array([[cos, -sin], [sin, cos]]) @ [[1, 0], [-y, 1]] @ [[1, -x], [0, 1]] * scale
    (a, b), (c, d) = np.linalg.inv(forward)
    return a, b, c, d, *translate


def _size_around(size: Sequence[int], angle: float) -> tuple[int, int]:
    """The (height, width) of the frame around an image rotated by an angle."""
    h, w = size
    cos, sin = (abs(round(f(math.radians(angle)), 15)) for f in (math.cos, math.sin))
    return math.ceil(h * cos + w * sin - 1e-9), math.ceil(w * cos + h * sin - 1e-9)


def _places(
    h: int,
    w: int,
    where: tuple[float, ...],
    center: Sequence[float] | None,
    size: tuple[int, int] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """(rows, columns) of the source pixels by `where` (inverse_affine), in a frame of `size`."""
    oh, ow = size or (h, w)
    y, x = np.ogrid[:oh, :ow]
    a, b, c, d, right, down = where
    # Pixel centres are half a pixel from the corners.
    cx, cy = ((w - 1) / 2, (h - 1) / 2) if center is None else (center[0] - 0.5, center[1] - 0.5)
    x = x - (cx if size is None else (ow - 1) / 2) - right
    y = y - (cy if size is None else (oh - 1) / 2) - down
    return x * c + y * d + cy, x * a + y * b + cx
