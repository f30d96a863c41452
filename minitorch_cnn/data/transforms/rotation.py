"""Turn, shift, scale and shear images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .transform import Transform

INTERPOLATIONS = ("nearest", "bilinear")


def _range(name: str, argument: str, value, low: float = -math.inf) -> tuple[float, float]:
    """`value` as (low, high): a number v >= 0 is (-v, v)."""
    ends = tuple(value) if isinstance(value, (tuple, list)) else (-value, value)
    if len(ends) != 2 or not low <= ends[0] <= ends[1] < math.inf or ends[0] == -math.inf:
        raise ValueError(f"{name}: {argument}={value!r} must be a number >= 0 or (low, high)")
    return ends


def _check_interpolation(name: str, interpolation) -> None:
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f"{name}: interpolation={interpolation!r} must be 'nearest' or 'bilinear'")


def _check_center(name: str, center) -> None:
    if center is not None and len(center) != 2:
        raise ValueError(f"{name}: center={center!r} must be (x, y)")


@dataclass
class RandomRotation(Transform):
    """(C, H, W) -> (C, H, W), turned counter-clockwise by a random angle.

    The angle is drawn evenly from [-degrees, degrees], or from the (low, high) that is given.
    interpolation: "nearest" or "bilinear". expand: whether the frame grows to hold the whole turned
    image. center: what it turns about, (x, y) in pixels from the top left corner; the middle if
    None. fill: what has been outside is filled with, a number or one for each channel.

    Raises ValueError for negative degrees, low above high, another interpolation, and for a center
    together with expand.
    """

    degrees: float | tuple[float, float]
    interpolation: str = "nearest"
    expand: bool = False
    center: tuple[float, float] | None = None
    fill: float | Sequence[float] = 0.0

    def __post_init__(self):
        _range("RandomRotation", "degrees", self.degrees)
        _check_interpolation("RandomRotation", self.interpolation)
        _check_center("RandomRotation", self.center)
        if self.expand and self.center is not None:
            raise ValueError("RandomRotation: expand=True turns about the middle, without center")

    def apply(self, image, rng):
        angle = rng.uniform(*_range("RandomRotation", "degrees", self.degrees))
        size = _size_around(image.shape[1:], angle) if self.expand else None
        where = inverse_affine(-angle)
        return moved(image, where, self.interpolation, self.fill, self.center, size)


@dataclass
class RandomAffine(Transform):
    """(C, H, W) -> (C, H, W), turned clockwise, shifted, scaled and sheared at random.

    degrees: of the angle, as in RandomRotation. translate: the largest shifts, as shares of width
    and height, each drawn evenly and rounded to pixels. scale: (low, high) of the factor. shear:
    degrees, a number s for x in [-s, s], (low, high) for x, or four numbers for x and y.
    interpolation, fill, center: as in RandomRotation.

    Raises ValueError for what is none of these.
    """

    degrees: float | tuple[float, float]
    translate: tuple[float, float] | None = None
    scale: tuple[float, float] | None = None
    shear: float | Sequence[float] | None = None
    interpolation: str = "nearest"
    fill: float | Sequence[float] = 0.0
    center: tuple[float, float] | None = None

    def __post_init__(self):
        name = "RandomAffine"
        _range(name, "degrees", self.degrees)
        _check_interpolation(name, self.interpolation)
        _check_center(name, self.center)
        if self.translate is not None and (
            len(self.translate) != 2 or not all(0 <= share <= 1 for share in self.translate)
        ):
            raise ValueError(f"{name}: translate={self.translate!r} must be two shares in [0, 1]")
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

    def apply(self, image, rng):
        angle = rng.uniform(*_range("RandomAffine", "degrees", self.degrees))
        _, h, w = image.shape
        most = (0, 0) if self.translate is None else self.translate
        shift = [
            round(rng.uniform(-share * n, share * n)) for share, n in zip(most, (w, h), strict=True)
        ]
        scale = 1.0 if self.scale is None else rng.uniform(*self.scale)
        shear = [rng.uniform(*ends) for ends in self._shears()]
        where = inverse_affine(angle, shift, scale, [*shear, 0, 0][:2])
        return moved(image, where, self.interpolation, self.fill, self.center)


def inverse_affine(
    angle: float,
    translate: Sequence[float] = (0, 0),
    scale: float = 1.0,
    shear: Sequence[float] = (0, 0),
) -> tuple[float, ...]:
    """(a, b, c, d, tx, ty): the pixel at (x, y) from the center, y downward, comes from
    (a x' + b y', c x' + d y') with x' = x - tx, y' = y - ty.

    It undoes rotation(angle) shear_y shear_x scale, angles in degrees, clockwise as it is seen:
    the rotation by `angle` of an image that was sheared along x by (1, -tan shear_x; 0, 1) and
    along y by (1, 0; -tan shear_y, 1).
    """
    # Exact for quarters of a turn, for which the cosine is 6e-17.
    cos, sin = (round(f(math.radians(angle)), 15) for f in (math.cos, math.sin))
    x, y = (math.tan(math.radians(s)) for s in shear)
    forward = np.array([[cos, -sin], [sin, cos]]) @ [[1, 0], [-y, 1]] @ [[1, -x], [0, 1]] * scale
    (a, b), (c, d) = np.linalg.inv(forward)
    return a, b, c, d, *translate


def _size_around(size: tuple[int, int], angle: float) -> tuple[int, int]:
    """The (height, width) of the frame around an image turned by an angle."""
    h, w = size
    cos, sin = (abs(round(f(math.radians(angle)), 15)) for f in (math.cos, math.sin))
    return math.ceil(h * cos + w * sin - 1e-9), math.ceil(w * cos + h * sin - 1e-9)


def moved(
    image: np.ndarray,
    where: tuple[float, ...],
    interpolation: str,
    fill: float | Sequence[float] = 0.0,
    center: tuple[float, float] | None = None,
    size: tuple[int, int] | None = None,
) -> np.ndarray:
    """The image (C, H, W) whose pixels come from `where` (inverse_affine), in a frame of `size`."""
    c, h, w = image.shape
    if isinstance(fill, (tuple, list)) and len(fill) not in (1, c):
        raise ValueError(f"fill has {len(fill)} numbers, the image {c} channels")
    oh, ow = size or (h, w)
    y, x = np.ogrid[:oh, :ow]
    a, b, c, d, right, down = where
    # Of the centers of pixels, which are half a pixel from their corners.
    cx, cy = ((w - 1) / 2, (h - 1) / 2) if center is None else (center[0] - 0.5, center[1] - 0.5)
    x = x - (cx if size is None else (ow - 1) / 2) - right
    y = y - (cy if size is None else (oh - 1) / 2) - down
    columns, rows = x * a + y * b + cx, x * c + y * d + cy
    fill = np.reshape(np.asarray(fill, image.dtype), (-1, 1, 1))
    if interpolation == "nearest":
        return _pixels(image, np.floor(rows + 0.5), np.floor(columns + 0.5), fill)
    top, left = np.floor(rows), np.floor(columns)
    lower, righter = (rows - top).astype(image.dtype), (columns - left).astype(image.dtype)
    above = _pixels(image, top, left, fill) * (1 - righter)
    above += _pixels(image, top, left + 1, fill) * righter
    below = _pixels(image, top + 1, left, fill) * (1 - righter)
    below += _pixels(image, top + 1, left + 1, fill) * righter
    return above * (1 - lower) + below * lower


def _pixels(image: np.ndarray, rows, columns, fill: np.ndarray) -> np.ndarray:
    """The pixels at whole places, `fill` for those outside the image."""
    _, h, w = image.shape
    inside = (rows >= 0) & (rows < h) & (columns >= 0) & (columns < w)
    found = image[:, rows.clip(0, h - 1).astype(int), columns.clip(0, w - 1).astype(int)]
    return np.where(inside, found, fill)
