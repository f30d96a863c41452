"""Sampling of an image at arbitrary positions."""

from __future__ import annotations

from typing import Any

import numpy as np

from .forms import Image, is_picture, takes_images
from .interpolation import InterpolationMode, as_interpolation
from .pad import filling
from .resize import FILTERS

INTERPOLATIONS = ("nearest", "bilinear", "bicubic")


def at_places(
    name: str,
    img: Image,
    interpolation: InterpolationMode | str | int,
    fill: Any,
    places: Any,
    *args: Any,
) -> Image:
    """Sample an image of any form at (rows, columns) = places(height, width, *args).

    interpolation: "nearest", "bilinear" or "bicubic"; Pillow images of indices or bits always use
    "nearest". fill: the value outside the image, one number or one per channel, in the image's
    scale.
    """
    how = as_interpolation(name, interpolation, INTERPOLATIONS)
    if how == "nearest" or (is_picture(img) and img.mode in ("1", "P")):
        on_image = takes_images("pixels", name=name)(_nearest)
    else:
        on_image = takes_images("numbers", name=name)(_smooth)
    return on_image(img, name, how, fill, places, args)


def _nearest(
    image: np.ndarray, name: str, how: str, fill: Any, places: Any, args: Any
) -> np.ndarray:
    rows, columns = places(*image.shape[-2:], *args)
    fill = filling(name, image, fill)
    return _pixels(image, np.floor(rows + 0.5), np.floor(columns + 0.5), fill)


def _smooth(
    image: np.ndarray, name: str, how: str, fill: Any, places: Any, args: Any
) -> np.ndarray:
    rows, columns = places(*image.shape[-2:], *args)
    fill = filling(name, image, fill)
    reach, _, weight = FILTERS[how]
    top, left = np.floor(rows), np.floor(columns)
    steps = range(1 - reach, reach + 1)
    down, right = rows - top, columns - left
    across = [weight(right - step).astype(image.dtype) for step in steps]
    total = np.zeros((*image.shape[:-2], *rows.shape), image.dtype)
    for i in steps:
        row = np.zeros_like(total)
        for j, share in zip(steps, across, strict=True):
            row += _pixels(image, top + i, left + j, fill) * share
        total += row * weight(down - i).astype(image.dtype)
    return total


def _pixels(
    image: np.ndarray, rows: np.ndarray, columns: np.ndarray, fill: np.ndarray
) -> np.ndarray:
    """The pixels at integer positions, `fill` outside the image."""
    h, w = image.shape[-2:]
    inside = (rows >= 0) & (rows < h) & (columns >= 0) & (columns < w)
    found = image[..., rows.clip(0, h - 1).astype(int), columns.clip(0, w - 1).astype(int)]
    return np.where(inside, found, fill)
