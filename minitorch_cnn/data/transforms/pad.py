"""Padding of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...functional import pad as pad_tensor
from ...spelling import one_of
from ...tensor.tensor import Tensor
from .forms import Image, takes_images
from .transform import Transform

PADDING_MODES = ("constant", "edge", "reflect", "symmetric")


def check_padding(name: str, padding: Any, fill: Any, mode: str) -> None:
    """Check the settings of a border. Raises: ValueError, beginning with `name`."""
    sides(name, padding)
    numbers = fill if isinstance(fill, (tuple, list)) else (fill,)
    if not numbers or any(not isinstance(n, (int, float, np.number)) for n in numbers):
        raise ValueError(f"{name}: fill={fill!r} must be a number, or one for each channel")
    if mode not in PADDING_MODES:
        raise ValueError(f"{name}: padding_mode={mode!r} {one_of(mode, PADDING_MODES)}")


def sides(name: str, padding: Any) -> tuple[int, ...]:
    """`padding` as (left, top, right, bottom)."""
    given = padding if isinstance(padding, (tuple, list)) else (padding,)
    if len(given) not in (1, 2, 4) or any(
        not isinstance(n, (int, np.integer)) or n < 0 for n in given
    ):
        raise ValueError(f"{name}: padding={padding!r} must be 1, 2 or 4 integers >= 0")
    return tuple(given) * (4 // len(given))


@takes_images("pixels", recorded=True)
def pad(
    img: Image,
    padding: int | Sequence[int],
    fill: float | Sequence[float] | None = 0,
    padding_mode: str = "constant",
) -> Image:
    """(..., H, W) -> (..., top + H + bottom, left + W + right).

    padding: one int for all sides, (left and right, top and bottom), or (left, top, right, bottom).
    fill: the value of the border, one number or one per channel, in the image's scale: white is 255
        in bytes, 1 in floats.
    padding_mode: "constant" for fill, "edge" for the edge pixel, "reflect" and "symmetric" for the
        mirror image without and with the edge pixel.

    Raises: ValueError for invalid settings, or for reflection of a border as large as the image.
    """
    fill = 0 if fill is None else fill
    check_padding("pad", padding, fill, padding_mode)
    return padded("pad", img, sides("pad", padding), fill, padding_mode)


def _padded_tensor(img: Tensor, border: tuple[int, ...], fill: Any, mode: str) -> Tensor:
    left, top, right, bottom = border
    modes = {"constant": "constant", "edge": "replicate", "reflect": "reflect"}
    if mode not in modes or isinstance(fill, (tuple, list)):
        raise RuntimeError(
            f"pad: for an image that requires grad, padding_mode={mode!r} must be one of "
            f"{', '.join(modes)}, and fill={fill!r} one number"
        )
    return pad_tensor(
        img, (left, right, top, bottom), modes[mode], fill if mode == "constant" else None
    )


def padded(
    name: str,
    image: np.ndarray | Tensor,
    border: tuple[int, ...],
    fill: float | Sequence[float] = 0.0,
    mode: Any = "constant",
) -> np.ndarray | Tensor:
    """The image (..., H, W) padded by (left, top, right, bottom)."""
    left, top, right, bottom = border
    if not any(border):
        return image
    if isinstance(image, Tensor):
        return _padded_tensor(image, border, fill, mode)
    h, w = image.shape[-2:]
    if mode != "constant":
        if mode == "reflect" and (max(left, right) >= w or max(top, bottom) >= h):
            raise ValueError(
                f"{name}: padding={border} with padding_mode='reflect' must be less than the image "
                f"of {h} x {w}"
            )
        rest = [(0, 0)] * (image.ndim - 2)
        return np.pad(image, [*rest, (top, bottom), (left, right)], mode)
    out = np.empty((*image.shape[:-2], top + h + bottom, left + w + right), dtype=image.dtype)
    out[...] = filling(name, image, fill)
    out[..., top : top + h, left : left + w] = image
    return out


def filling(name: str, image: np.ndarray, fill: float | Sequence[float] | None) -> np.ndarray:
    """`fill`, one number or one per channel, as an array of the image's dtype."""
    if isinstance(fill, (tuple, list)):
        channels = image.shape[-3] if image.ndim > 2 else 1
        if len(fill) not in (1, channels):
            raise ValueError(f"{name}: fill has {len(fill)} numbers, the image {channels} channels")
        values = np.reshape(fill, (-1, 1, 1) if image.ndim > 2 else ())
    else:
        values = np.asarray(0 if fill is None else fill)
    return values.astype(image.dtype)


@dataclass
class Pad(Transform):
    """(C, H, W) -> (C, top + H + bottom, left + W + right); the settings are those of `pad`."""

    padding: int | tuple[int, ...]
    fill: float | Sequence[float] = 0.0
    padding_mode: str = "constant"

    def __post_init__(self) -> None:
        check_padding("Pad", self.padding, self.fill, self.padding_mode)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        return pad(image, self.padding, self.fill, self.padding_mode)
