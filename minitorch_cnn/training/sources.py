"""The data sets that a run can name, each in a part to learn from and a part held out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ..data import Subset, datasets

Transforms = tuple[Callable, Callable]


class Source(NamedTuple):
    """train, test: data sets of (image (channels, H, W), label); classes: names of the labels.

    A label is an int, or the mask (H, W) of those of all pixels.
    """

    train: object
    test: object
    classes: list[str]
    channels: int


def load_source(
    name: str, path: str | None, size: int, transforms: Transforms, of_pixels: bool = False
) -> Source:
    """The data set `name`, its images made fit for a model by (training, test) transforms.

    path: the folder of data that does not come with the package; size: pixels a side for data that
    can have any, those that the transforms would else resize to; of_pixels: whether the labels are
    masks.

    Raises: ValueError for an unknown name, a path that is missing or not needed, or data without
    masks; what the data sets raise for files that are missing or wrong.
    """
    if name not in SOURCES:
        raise ValueError(f"load_source: name={name!r} must be one of {', '.join(SOURCES)}")
    needs_path = name not in BUILT_IN
    if needs_path != (path is not None):
        rule = f"needs path, the folder it lies in, and got {path!r}"
        raise ValueError(f"load_source: data {name!r} {rule if needs_path else 'takes no path'}")
    if of_pixels and name not in MASKS:
        raise ValueError(
            f"load_source: data {name!r} has no masks to learn from; {', '.join(MASKS)} has"
        )
    return (MASKS if of_pixels else SOURCES)[name](path, size, transforms)


def digits(path, size: int, transforms: Transforms) -> Source:
    parts = [datasets.Digits(train, size, t) for train, t in in_parts(transforms)]
    return Source(*parts, parts[0].classes, 1)


def in_parts(transforms: Transforms) -> Iterator[tuple[bool, Callable]]:
    """Whether it is for the part to learn from, and the transform; both parts may have the same."""
    return zip((True, False), transforms, strict=True)


def shapes(path, size: int, transforms: Transforms) -> Source:
    """4,000 images to learn from and 1,000 others."""
    train = datasets.Shapes(4000, size=size, seed=0, transform=transforms[0])
    test = datasets.Shapes(1000, size=size, seed=1, transform=transforms[1])
    return Source(train, test, train.classes, 3)


def masks_of_shapes(path, size: int, transforms: Transforms) -> Source:
    """1,000 images to learn from and 250 others, each with thousands of labels."""
    train = datasets.Shapes(1000, size=size, seed=0, transform=transforms[0], target="mask")
    test = datasets.Shapes(250, size=size, seed=1, transform=transforms[1], target="mask")
    return Source(train, test, train.classes, 3)


def from_files(reader: Callable, channels: int) -> Callable[..., Source]:
    """The source of a data set whose reader takes (path, train, transform)."""

    def source(path, size: int, transforms: Transforms) -> Source:
        train, test = (reader(path, part, t) for part, t in in_parts(transforms))
        return Source(train, test, train.classes, channels)

    return source


def folder(path, size: int, transforms: Transforms) -> Source:
    """Images in a folder per class: of each class every fifth, in order of names, is held out."""
    parts = [datasets.ImageFolder(path, transform=t) for t in transforms]
    labels = parts[0].labels
    rank = np.zeros(len(labels), int)
    for label in range(len(parts[0].classes)):
        own = labels == label
        rank[own] = np.arange(own.sum())
    held_out = rank % 5 == 4
    if not held_out.any():
        raise ValueError(f"load_source: {path} has fewer than 5 images of every class")
    train = Subset(parts[0], np.flatnonzero(~held_out).tolist())
    test = Subset(parts[1], np.flatnonzero(held_out).tolist())
    return Source(train, test, parts[0].classes, parts[0].channels)


BUILT_IN = {"digits": digits, "shapes": shapes}
MASKS = {"shapes": masks_of_shapes}
PHOTOGRAPHS = ("cifar10", "cifar100", "folder")  # what the recipes of most papers are for
COLOURED = (*PHOTOGRAPHS, "shapes")  # what has three channels
SOURCES = {
    **BUILT_IN,
    "mnist": from_files(datasets.MNIST, 1),
    "fashion-mnist": from_files(datasets.FashionMNIST, 1),
    "cifar10": from_files(datasets.CIFAR10, 3),
    "cifar100": from_files(datasets.CIFAR100, 3),
    "folder": folder,
}
