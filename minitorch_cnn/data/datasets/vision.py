"""torchvision's base classes for data sets of your own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..dataset import Dataset


class StandardTransform:
    """A function of (image, target) from one function of each; None keeps its argument."""

    def __init__(
        self,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
    ):
        self.transform, self.target_transform = transform, target_transform

    def __call__(self, image: Any, target: Any) -> tuple[Any, ...]:
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target


class VisionDataset(Dataset[Any]):
    """Base class of data sets that stores their root and transforms, for the repr.

    transforms: a function of (image, target); it excludes transform, a function of the image, and
    target_transform, a function of the target. `self.transforms` is that function, or a combination
    of the two, or None.

    Raises: ValueError for transforms together with one of the others.
    """

    def __init__(
        self,
        root: str | None = None,
        transforms: Callable[..., Any] | None = None,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
    ):
        if transforms is not None and (transform is not None or target_transform is not None):
            raise ValueError(
                f"{type(self).__name__}: transforms excludes transform and target_transform"
            )
        self.root = root
        self.transform, self.target_transform = transform, target_transform
        if transform is not None or target_transform is not None:
            transforms = StandardTransform(transform, target_transform)
        self.transforms = transforms

    def extra_repr(self) -> str:
        """More lines for the repr."""
        return ""

    def __repr__(self) -> str:
        lines = [f"Dataset {type(self).__name__}", f"    Number of datapoints: {len(self)}"]
        lines += [f"    Root location: {self.root}"] if self.root is not None else []
        lines += [f"    {line}" for line in self.extra_repr().splitlines()]
        return "\n".join(lines)
