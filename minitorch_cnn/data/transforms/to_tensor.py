"""From pictures as other programs hold them to images as transforms take them."""

from __future__ import annotations

import numpy as np

from ...tensor.tensor import Tensor
from .transform import pixels_of


class ToTensor:
    """A Pillow picture, or an array (H, W) or (H, W, C) -> a float32 Tensor (C, H, W).

    Bytes are divided by 255, bool becomes 0 and 1, other numbers stay as they are. What is a
    float32 image (C, H, W) already, as the data sets here give them, is kept: an array whose first
    axis has 1, 3 or 4 elements and whose last has neither 1 nor 3.

    Raises TypeError for anything else, ValueError for an array of other axes.
    """

    def __call__(self, image, rng: np.random.Generator | None = None) -> Tensor:
        if isinstance(image, Tensor):
            return image
        if not isinstance(image, np.ndarray):
            if not hasattr(image, "getbands"):
                raise TypeError(
                    f"ToTensor: image must be a picture of Pillow or an array (H, W, C), got "
                    f"{type(image).__name__}"
                )
            return Tensor(np.ascontiguousarray(pixels_of(image)))
        if image.dtype.kind not in "biuf":
            raise TypeError(f"ToTensor: image must be an array of numbers, got {image.dtype}")
        if image.ndim not in (2, 3) or 0 in image.shape:
            raise ValueError(f"ToTensor: image must have the shape (H, W, C), got {image.shape}")
        if image.dtype == np.float32 and _has_planes(image):
            return Tensor(np.ascontiguousarray(image))
        planes = np.moveaxis(image if image.ndim == 3 else image[..., None], -1, 0)
        scaled = planes / np.float32(255) if image.dtype == np.uint8 else planes.astype(np.float32)
        return Tensor(np.ascontiguousarray(scaled))

    def __repr__(self) -> str:
        return "ToTensor()"


def _has_planes(image: np.ndarray) -> bool:
    return image.ndim == 3 and image.shape[0] in (1, 3, 4) and image.shape[2] not in (1, 3)
