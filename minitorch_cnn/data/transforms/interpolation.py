"""The names of interpolations: Pillow's numbers, torchvision's enumeration, and words."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any

from ...spelling import one_of


class InterpolationMode(str, Enum):
    """An interpolation; each member equals its word."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


# The values of Image.NEAREST, Image.LANCZOS and so on.
PILLOW = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")


def as_interpolation(name: str, interpolation: Any, known: Iterable[str]) -> str:
    """The word for an interpolation given as a word, an InterpolationMode or Pillow's number.

    Raises: ValueError, beginning with `name`, for one that is not in `known`.
    """
    word = interpolation
    if isinstance(word, InterpolationMode):
        word = word.value
    elif isinstance(word, int) and not isinstance(word, bool) and 0 <= word < len(PILLOW):
        word = PILLOW[word]
    known = tuple(known)
    if word not in known:
        raise ValueError(f"{name}: interpolation={interpolation!r} {one_of(interpolation, known)}")
    return word
