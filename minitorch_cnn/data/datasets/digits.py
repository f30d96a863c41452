"""The bundled handwritten digits: 1,797 images of 8 x 8, without a download."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..transforms import resize
from .images import ImageDataset

FILE = Path(__file__).with_name("digits.npz")


class Digits(ImageDataset):
    """Handwritten digits 0 to 9: images (N, 1, size, size) float32, labels (N,).

    train: True for the 1,442 training images, False for the 355 test images: every fifth image of
    each class in the file's order (numbers 4, 9, 14, ... within the class). The same 13 people
    wrote both parts, so the test error applies to new digits by known writers.
    size: 8 as in the file, or any other (28; 32 for LeNet-5), by bilinear interpolation.

    Origin: the test file of E. Alpaydin and C. Kaynak (1998), "Optical recognition of handwritten
    digits", UCI machine learning repository, doi 10.24432/C50P49; licence CC BY 4.0. The authors
    cut the bitmaps of 32 x 32 into blocks of 4 x 4 and counted the black pixels of each block. We
    divide these counts, 0 to 16, by 16. digits.md beside this file says more.
    """

    def __init__(
        self, train: bool = True, size: int = 8, transform: Callable[..., Any] | None = None
    ):
        with np.load(FILE, allow_pickle=False) as file:
            images, labels = file["images"], file["labels"].astype(np.int64)
        held_out = np.zeros(len(labels), dtype=bool)
        for digit in range(10):
            held_out[np.flatnonzero(labels == digit)[4::5]] = True
        part = ~held_out if train else held_out
        pixels = images[part, None] / np.float32(16)  # (N, 1, 8, 8)
        super().__init__(resize(pixels, size), labels[part], [str(d) for d in range(10)], transform)
