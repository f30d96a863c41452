"""Adapt a drawing to those a net was trained on: its background, position and size.

A net trained on light digits that fill their image fails on dark digits on a large sheet. If the
training images are grey drawings on a plain background, their common style is measured once, and an
image that deviates from it is adapted. Photographs have no plain background: they are left alone,
and so are all images given to a net that was trained on photographs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ..data.transforms import resize

PLAIN = 0.15  # the largest distance of plain background pixels from their median
SHARE = 0.6  # of the border pixels of a drawing that must be plain
LEAST = 0.2  # contrast between the background and the drawing
SLACK = 0.02  # by which a length may exceed the range of the training images
INK = 0.3  # of the contrast, from which a pixel belongs to the drawing
Box = tuple[int, int, int, int]  # top, bottom, left, right


class Style(NamedTuple):
    """The common style of drawings; lengths are fractions of the central square's side.

    ground: the background value; least, most: the range of the longer side of the drawing's
    bounding box; off: the largest distance of the box's centre from the middle; spread: the median
    spread of the ink (see `Mass`); pixels: the side of an image in pixels.
    """

    ground: float
    least: float
    most: float
    off: float
    spread: float
    pixels: int


class Mass(NamedTuple):
    """The position and spread of a drawing's ink, in pixels.

    centre: its centre of mass (y, x). spread: the geometric mean of its standard deviations along
    its two principal axes, det(covariance)^(1/4), which is invariant under rotation.
    """

    centre: np.ndarray
    spread: float


class Drawn(NamedTuple):
    """An image (C, H, W) as a net expects it, and a description of the changes made to it."""

    image: np.ndarray
    said: str


def style_of(images: Iterable[np.ndarray]) -> Style | None:
    """Measure the style of training images (C, H, W) in [0, 1]; None if they are not drawings.

    Drawings are grey, and their backgrounds are plain and either all dark or all light.
    """
    grounds, sides, offs, spreads, pixels = [], [], [], [], []
    for image in images:
        if not np.array_equal(image, np.broadcast_to(image[:1], image.shape)):
            return None
        image = middle_of(image[0])
        ground = plain_ground(image)
        box = None if ground is None else box_of(image, ground)
        grounds.append(ground)
        if box is not None:
            side, off = measured(box, image.shape)
            sides.append(side)
            offs.append(off)
            spreads.append(mass_of(np.abs(image - ground)).spread / len(image))
            pixels.append(len(image))
    known = [ground for ground in grounds if ground is not None]
    if len(sides) < 0.8 * len(grounds) or not sides:
        return None
    ground = float(np.median(known))
    if np.mean(np.abs(np.subtract(known, ground)) < PLAIN) < 0.9:
        return None
    spread, count = float(np.median(spreads)), int(np.median(pixels))
    return Style(ground, min(sides), max(sides), max(offs), spread, count)


def in_style(image: np.ndarray, style: Style, invert: bool = True) -> Drawn:
    """Adapt the drawing in an image (C, H, W) of any size to a style, in grey.

    Its background takes the style's value and its darkest or lightest pixel the opposite one. If
    its position or size is outside the range of the style, it is cropped and pasted with its centre
    of mass in the middle of an image of the style's size, scaled so that its ink spreads like
    theirs or, if that is too large, so that it fits. An image without a plain background, or with
    nothing on it, is returned unchanged.

    invert: whether dark and light may be exchanged.
    """
    grey = image.mean(0)
    ground = plain_ground(grey)
    if ground is None:
        return Drawn(image, "its background is not plain, unlike the training images'")
    box = box_of(grey, ground)
    if box is None:
        return Drawn(image, "nothing is drawn on it")
    dark = ground < 0.5
    inverted = dark != (style.ground < 0.5)
    if inverted and not invert:
        return Drawn(image, "")
    if fits(grey, box, style) and abs(abs(ground - style.ground) - inverted) <= PLAIN:
        return Drawn(1 - image, "inverted") if inverted else Drawn(image, "")
    top, bottom, left, right = box
    ink = np.abs(grey[top:bottom, left:right] - ground)  # 0 on the background
    (height, width), mass = ink.shape, mass_of(ink)
    reach = np.maximum(mass.centre, ink.shape - mass.centre).max()
    whole = math.ceil(max(mass.spread / style.spread, 2 * reach))
    canvas = np.zeros((whole, whole), image.dtype)
    y, x = np.clip(np.rint(whole / 2 - mass.centre), 0, whole - np.array(ink.shape)).astype(int)
    canvas[y : y + height, x : x + width] = ink
    if whole > style.pixels:
        canvas = resize(canvas, style.pixels)
    canvas = canvas / canvas.max()
    drawn = canvas if style.ground < 0.5 else 1 - canvas
    drawn = np.repeat(drawn[None], len(image), axis=0)
    said = f"cropped to {width} x {height} pixels and centred"
    return Drawn(drawn, f"inverted, {said}" if inverted else said)


def fits(image: np.ndarray, box: Box, style: Style) -> bool:
    """Whether the drawing in an image (H, W) has a position and size within the style's range."""
    side, off = measured(box, image.shape)
    return off <= style.off + SLACK and style.least - SLACK <= side <= style.most + SLACK


def middle_of(image: np.ndarray) -> np.ndarray:
    """The central square of an image (H, W)."""
    h, w = image.shape
    side = min(h, w)
    y, x = (h - side) // 2, (w - side) // 2
    return image[y : y + side, x : x + side]


def plain_ground(image: np.ndarray) -> float | None:
    """The background value along the border of an image (H, W), or None if it is not plain."""
    rows, columns = image[[0, -1]], image[1:-1, [0, -1]]
    border = np.concatenate([rows.ravel(), columns.ravel()])
    ground = np.median(border)
    return float(ground) if np.mean(np.abs(border - ground) <= PLAIN) >= SHARE else None


def box_of(image: np.ndarray, ground: float) -> Box | None:
    """Top, bottom, left and right of the drawing on the background of an image (H, W)."""
    ink = np.abs(image - ground)
    if ink.max() < LEAST:
        return None
    marked = ink > INK * ink.max()
    y, x = (np.flatnonzero(marked.any(axis)) for axis in (1, 0))
    return int(y[0]), int(y[-1]) + 1, int(x[0]), int(x[-1]) + 1


def mass_of(ink: np.ndarray) -> Mass:
    """The position and spread of the ink (H, W).

    Each pixel is weighted by its squared ink, so that the faint edges that scaling produces count
    little; below INK of the maximum it counts as background. A pixel is a square, not a point.
    """
    weights = np.where(ink > INK * ink.max(), ink, 0.0).astype(np.float64) ** 2
    weights /= weights.sum()
    places = np.indices(ink.shape) + 0.5  # (2, H, W)
    centre = (weights * places).sum((1, 2))
    off = places - centre[:, None, None]
    covariance = np.einsum("hw,ihw,jhw->ij", weights, off, off) + np.eye(2) / 12
    return Mass(centre, float(np.linalg.det(covariance) ** 0.25))


def measured(box: Box, shape: tuple[int, int]) -> tuple[float, float]:
    """The longer side of a box in an image (H, W), and the larger offset of its centre from the
    middle along either axis, as fractions of the shorter of H and W.
    """
    top, bottom, left, right = box
    h, w = shape
    off = max(abs(top + bottom - h), abs(left + right - w)) / 2
    return max(bottom - top, right - left) / min(h, w), off / min(h, w)
