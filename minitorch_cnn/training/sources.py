"""The data sets that a run can name, each split into a training part and a held-out part."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..data import datasets
from ..spelling import one_of
from .folders import folder_parts, names_of

Transforms = tuple[Callable[..., Any], Callable[..., Any]]


class Source(NamedTuple):
    """train, test: data sets of (image (channels, H, W), label); classes: names of the labels.

    A label is an int, or the mask (H, W) of all pixels' labels. note: a remark on the parts, or "".
    """

    train: Any
    test: Any
    classes: list[str]
    channels: int
    note: str = ""


def load_source(
    name: str,
    path: str | None,
    size: int,
    transforms: Transforms,
    of_pixels: bool = False,
    *,
    test_path: str | None = None,
    parts: dict[str, Any] | None = None,
) -> Source:
    """Load the data set `name`, with (training, test) transforms that fit its images to a model.

    path: the folder of data that does not come with the package; size: side in pixels for data that
    can be drawn in any size, or to which the transforms would otherwise resize; of_pixels: whether
    the labels are masks. test_path: for "folder", a second folder whose images are held out. parts:
    as `parts_of` recorded them, to reproduce the same parts (see `folder_parts`).

    Raises: ValueError for an unknown name, a path that is missing or not needed, data without
    masks, or data that differ from the recorded ones; whatever the data sets raise for missing or
    wrong files.
    """
    if name not in SOURCES:
        raise ValueError(f"load_source: name={name!r} {one_of(name, SOURCES)}")
    needs_path = name not in BUILT_IN
    if needs_path != (path is not None):
        rule = f"needs path, the folder of its files, and got {path!r}"
        raise ValueError(f"load_source: data {name!r} {rule if needs_path else 'takes no path'}")
    if of_pixels and name not in MASKS:
        raise ValueError(
            f"load_source: data {name!r} has no masks to learn from; {', '.join(MASKS)} has"
        )
    if name == "folder":
        folder: Any = path
        train, test, note = folder_parts(folder, transforms, test_path, parts)
        data: Any = train.dataset
        return Source(train, test, data.classes, data.channels, note)
    if test_path is not None:
        raise ValueError(f"load_source: data {name!r} takes no test_path: it has a test part")
    source = (MASKS if of_pixels else SOURCES)[name](path, size, transforms)
    if parts is not None and parts != (now := parts_of(name, source)):
        changed = ", ".join(part for part in now if now[part] != parts.get(part))
        raise ValueError(
            f"load_source: {path or name} is no longer what it was when the run began: other "
            f"images or labels in {changed}"
        )
    return source


def parts_of(name: str, source: Source) -> dict[str, Any]:
    """Describe the contents of the parts of the data set `name`, as JSON values.

    For a folder these are the file names, otherwise the number of images and a hash of images and
    labels; for generated data, which come with the package, a hash of the labels only.
    """
    parts = {"train": source.train, "test": source.test}
    if name == "folder":
        return {part: names_of(data) for part, data in parts.items()}
    return {part: _hash_of(data, name not in BUILT_IN) for part, data in parts.items()}


def _hash_of(data: Any, with_images: bool) -> dict[str, Any]:
    labels: Any = np.ascontiguousarray(data.labels)
    content = hashlib.sha256(labels)
    if with_images:
        images: Any = np.ascontiguousarray(data.images)
        content.update(images)
    return {"images": len(data), "sha256": content.hexdigest()}


def native_size(name: str, path: str | None, test_path: str | None = None) -> int:
    """The shorter side in pixels of a data set's images, or of a folder's first image.

    At most LARGEST, since photographs are larger than the input of nets. Raises: as `load_source`.
    """
    if name in SIZES:
        return SIZES[name]

    def unchanged(image: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        return image

    source = load_source(name, path, LARGEST, (unchanged, unchanged), test_path=test_path)
    return min(*source.train[0][0].shape[-2:], LARGEST)


def digits(path: Any, size: int, transforms: Transforms) -> Source:
    train, test = (datasets.Digits(part, size, t) for part, t in in_parts(transforms))
    return Source(train, test, train.classes, 1)


def in_parts(transforms: Transforms) -> Iterator[tuple[bool, Callable[..., Any]]]:
    """For each part: whether it is the training part, and its transform, possibly the same one."""
    return zip((True, False), transforms, strict=True)


def shapes(path: Any, size: int, transforms: Transforms) -> Source:
    """4,000 training images and 1,000 test images."""
    train = datasets.Shapes(4000, size=size, seed=0, transform=transforms[0])
    test = datasets.Shapes(1000, size=size, seed=1, transform=transforms[1])
    return Source(train, test, train.classes, 3)


def masks_of_shapes(path: Any, size: int, transforms: Transforms) -> Source:
    """1,000 training images and 250 test images, each with thousands of labels."""
    train = datasets.Shapes(1000, size=size, seed=0, transform=transforms[0], target="mask")
    test = datasets.Shapes(250, size=size, seed=1, transform=transforms[1], target="mask")
    return Source(train, test, train.classes, 3)


def from_files(reader: Callable[..., Any], channels: int) -> Callable[..., Source]:
    """The source of a data set whose reader takes path, train and transform."""

    def source(path: Any, size: int, transforms: Transforms) -> Source:
        train, test = (reader(path, train=part, transform=t) for part, t in in_parts(transforms))
        return Source(train, test, train.classes, channels)

    return source


LARGEST = 224
SIZES = {"digits": 8, "shapes": 32}  # default sizes of data drawn in any size
BUILT_IN = {"digits": digits, "shapes": shapes}
MASKS = {"shapes": masks_of_shapes}
PHOTOGRAPHS = (
    "cifar10",
    "cifar100",
    "cifar100-coarse",
    "folder",
)  # the data that the recipes of most papers are for
COLOURED = (*PHOTOGRAPHS, "shapes")  # data with three channels
SOURCES = {
    **BUILT_IN,
    "mnist": from_files(datasets.MNIST, 1),
    "fashion-mnist": from_files(datasets.FashionMNIST, 1),
    "kmnist": from_files(datasets.KMNIST, 1),
    **{
        f"emnist-{s}": from_files(partial(datasets.EMNIST, split=s), 1)
        for s in datasets.EMNIST.SPLITS
    },
    "cifar10": from_files(datasets.CIFAR10, 3),
    "cifar100": from_files(datasets.CIFAR100, 3),
    "cifar100-coarse": from_files(partial(datasets.CIFAR100, target="coarse"), 3),
    "folder": folder_parts,  # called directly by `load_source`, with the recorded parts
}
