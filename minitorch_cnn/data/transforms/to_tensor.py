"""From pictures as other programs hold them to images as transforms take them."""

from __future__ import annotations

import numpy as np


class ToTensor:
    """A Pillow picture, or an array (H, W) or (H, W, C) -> a float32 array (C, H, W).

    Bytes are divided by 255, bool becomes 0 and 1, other numbers stay as they are. The first of a
    chain, for data sets of your own: those here give their images so already. (In torchvision the
    result is a Tensor; here images become Tensors when the `DataLoader` makes a batch.)

    Raises TypeError for anything else, ValueError for an array of other axes.
    """

    def __call__(self, image, rng: np.random.Generator | None = None) -> np.ndarray:
        if not isinstance(image, np.ndarray):
            if not hasattr(image, "getbands"):
                raise TypeError(
                    f"ToTensor: image must be a picture of Pillow or an array (H, W, C), got "
                    f"{type(image).__name__}"
                )
            image = np.asarray(image.convert("RGB") if image.mode == "P" else image)
        if image.dtype.kind not in "biuf":
            raise TypeError(f"ToTensor: image must be an array of numbers, got {image.dtype}")
        if image.ndim not in (2, 3) or 0 in image.shape:
            raise ValueError(f"ToTensor: image must have the shape (H, W, C), got {image.shape}")
        planes = np.moveaxis(image if image.ndim == 3 else image[..., None], -1, 0)
        if image.dtype == np.uint8:
            return planes / np.float32(255)
        return planes.astype(np.float32)

    def __repr__(self) -> str:
        return "ToTensor()"
