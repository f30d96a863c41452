"""The bundled handwritten digits: 1,797 images of 8 x 8 that need no download."""

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

    train: True for 1,442 images to learn from, False for the 355 held out: of each class, every
    fifth image in the file's order (those numbered 4, 9, 14, ... within the class). The same 13
    people wrote both parts, so the held-out error is that on new digits by known hands, not by
    strangers.
    size: 8 as in the file, or any other (28; 32 for LeNet-5), by bilinear interpolation.

    Origin: E. Alpaydin and C. Kaynak (1998), "Optical recognition of handwritten digits", UCI
    machine learning repository, doi 10.24432/C50P49, its test file; licence CC BY 4.0. The writers'
    bitmaps of 32 x 32 were cut into blocks of 4 x 4 and the black pixels of each counted: values 0
    to 16, here divided by 16. More in digits.md beside this file.
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
