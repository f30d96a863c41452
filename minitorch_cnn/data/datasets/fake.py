"""Images of noise, for trying a program without files."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dataset import Dataset
from ..randomness import sample_generator, stream
from ..transforms.transform import applied


class FakeData(Dataset):
    """`size` images of noise: sample i is (image (C, H, W) float32 in [0, 1], label).

    image_size: (C, H, W). random_offset: a seed of the images. A sample is the same whenever it is
    read, in any order.

    Raises: ValueError for sizes below 1, IndexError beyond the end.
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: Sequence[int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        random_offset: int = 0,
    ):
        for name, value in (("size", size), ("num_classes", num_classes), *_sides(image_size)):
            if not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(f"FakeData: {name}={value!r} must be an integer >= 1")
        self.size, self.num_classes = size, num_classes
        self.image_size = tuple(image_size)
        self.random_offset = random_offset
        self.transform, self.target_transform = transform, target_transform

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        index = operator.index(index)
        if not 0 <= index < self.size:
            raise IndexError(f"FakeData: index {index} of {self.size} samples")
        rng = stream(index + self.random_offset)
        image = rng.random(self.image_size, dtype=np.float32)
        label = int(rng.integers(self.num_classes))
        if self.transform is not None:
            image = applied(self.transform, image, sample_generator())
        return image, label if self.target_transform is None else self.target_transform(label)


def _sides(image_size: Sequence[int]) -> list[tuple[str, int]]:
    if len(image_size) != 3:
        raise ValueError(f"FakeData: image_size={image_size!r} must be (C, H, W)")
    return [("image_size", side) for side in image_size]
