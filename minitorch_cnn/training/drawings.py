"""Making a drawing like those that a net has learned: its ground, its place and its size.

Whoever learns light digits that fill their image knows nothing of dark ones on a large sheet. What
training images have in common is measured once, if they are grey drawings on a plain ground, and an
image that differs in it is changed. Photographs have no plain ground: they are left alone, and so
are all images of a net that has learned from photographs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ..data.transforms import resize

PLAIN = 0.15  # how far pixels of a plain ground may lie from their median
SHARE = 0.6  # of the pixels along the border that must be so in a drawing
LEAST = 0.2  # contrast between the ground and what is drawn
SLACK = 0.02  # by which a length may be out of the range of those seen
INK = 0.3  # of the contrast, from which on a pixel is part of the drawing
Box = tuple[int, int, int, int]  # top, bottom, left, right


class Style(NamedTuple):
    """What drawings have in common; lengths and places are shares of the side of their middle.

    ground: the value around them; least, most: the longer side of the box around what is drawn;
    off: how far at most the box's centre lies from the middle; spread: the median of how far ink
    spreads (see `Mass`); pixels: how many an image has a side.
    """

    ground: float
    least: float
    most: float
    off: float
    spread: float
    pixels: int


class Mass(NamedTuple):
    """Where the ink of a drawing is, in pixels.

    centre: its centre of mass (y, x). spread: the geometric mean of its standard deviations along
    its two axes, det(covariance)^(1/4), which turning the drawing does not change.
    """

    centre: np.ndarray
    spread: float


class Drawn(NamedTuple):
    """An image (C, H, W) as a net knows them, and what was done to it, in words."""

    image: np.ndarray
    said: str


def style_of(images: Iterable[np.ndarray]) -> Style | None:
    """The style of training images (C, H, W) in [0, 1], None if they are no drawings.

    They are if they are grey and their grounds are plain and all dark, or all light.
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
    """The drawing in an image (C, H, W) of any size as those of a style are, grey.

    Its ground becomes the style's and its darkest or lightest pixel the opposite; if it lies or is
    larger or smaller than any of them, it is cut out and laid with its centre of mass in the middle
    of as many pixels as they have, so large that its ink spreads like theirs, or that all of it
    fits. An image without a plain ground or with nothing on it stays as it is.

    invert: whether dark and light may be exchanged.
    """
    grey = image.mean(0)
    ground = plain_ground(grey)
    if ground is None:
        return Drawn(image, "its ground is not plain, as that of what was learned")
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
    ink = np.abs(grey[top:bottom, left:right] - ground)  # 0 on the ground
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
    """Whether what is drawn in (H, W) has the place and size that it may have in the style."""
    side, off = measured(box, image.shape)
    return off <= style.off + SLACK and style.least - SLACK <= side <= style.most + SLACK


def middle_of(image: np.ndarray) -> np.ndarray:
    """The middle square of an image (H, W)."""
    h, w = image.shape
    side = min(h, w)
    y, x = (h - side) // 2, (w - side) // 2
    return image[y : y + side, x : x + side]


def plain_ground(image: np.ndarray) -> float | None:
    """The value along the border of an image (H, W), None if it has no common one."""
    rows, columns = image[[0, -1]], image[1:-1, [0, -1]]
    border = np.concatenate([rows.ravel(), columns.ravel()])
    ground = np.median(border)
    return float(ground) if np.mean(np.abs(border - ground) <= PLAIN) >= SHARE else None


def box_of(image: np.ndarray, ground: float) -> Box | None:
    """Top, bottom, left and right of what is drawn on the ground of an image (H, W)."""
    ink = np.abs(image - ground)
    if ink.max() < LEAST:
        return None
    marked = ink > INK * ink.max()
    y, x = (np.flatnonzero(marked.any(axis)) for axis in (1, 0))
    return int(y[0]), int(y[-1]) + 1, int(x[0]), int(x[-1]) + 1


def mass_of(ink: np.ndarray) -> Mass:
    """Where the ink (H, W) is.

    It counts by its square, so that faint edges, which scaling makes, count little; below INK of
    the darkest it is the ground's. A pixel is a square, not a point.
    """
    weights = np.where(ink > INK * ink.max(), ink, 0.0).astype(np.float64) ** 2
    weights /= weights.sum()
    places = np.indices(ink.shape) + 0.5  # (2, H, W)
    centre = (weights * places).sum((1, 2))
    off = places - centre[:, None, None]
    covariance = np.einsum("hw,ihw,jhw->ij", weights, off, off) + np.eye(2) / 12
    return Mass(centre, float(np.linalg.det(covariance) ** 0.25))


def measured(box: Box, shape: tuple[int, int]) -> tuple[float, float]:
    """The longer side of a box in an image (H, W), and how far its centre is from the middle along
    one axis or the other, as shares of the shorter of H and W.
    """
    top, bottom, left, right = box
    h, w = shape
    off = max(abs(top + bottom - h), abs(left + right - w)) / 2
    return max(bottom - top, right - left) / min(h, w), off / min(h, w)
