"""Folders of photographs as the training and test parts of a run, which stay fixed.

root/cat/1.jpg         every fifth image of each class, in order of names, is held out
root/train/cat/1.jpg   the root has both parts: train (or training) to learn from, and the first
root/val/cat/1.jpg     of val, valid, validation, test and testing held out
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..data import Subset, datasets
from ..data.datasets.folder import is_hidden
from .class_names import match_classes

LEARNED = ("train", "training")
HELD_OUT = ("val", "valid", "validation", "test", "testing")

Names = dict[str, list[str]]  # "train" and "test": the names of images below their root


def folder_parts(
    path: str, transforms: tuple[Callable, Callable], test_path: str | None, names: Names | None
) -> tuple[Subset, Subset, str]:
    """Load the training part and the held-out part, with a note on them.

    test_path: a second folder, also with one folder per class, whose images are all held out; then
    all images of the first are for training. names: as `names_of` recorded them: an image of one
    part never moves to the other, deleted images are missing, and new ones are in neither part.

    Raises: ValueError if no class has an image to hold out, if the classes of the two parts differ,
    or if a part is empty; whatever `ImageFolder` raises.
    """
    roots = roots_of(path, test_path)
    sets = [datasets.ImageFolder(r, transform=t) for r, t in zip(roots, transforms, strict=True)]
    one = roots[0] == roots[1]
    if not one:
        _take_classes(*sets)
    if names is not None:
        parts, note = _recorded(sets, names, one)
    elif one:
        parts, note = _every_fifth(path, sets), ""
    else:
        parts, note = [Subset(data, list(range(len(data)))) for data in sets], ""
    train, test = parts
    return train, test, note


def roots_of(path: str, test_path: str | None = None) -> tuple[Path, Path]:
    """The class folders' roots of the two parts; the same root twice if it has to be split.

    Raises: ValueError if test_path leads to the training images.
    """
    learned, held_out = parts_within(path) or (Path(path), Path(path))
    if test_path is not None:
        held_out = (parts_within(test_path) or (None, Path(test_path)))[1]
        if held_out.resolve() == learned.resolve():
            raise ValueError(f"load_source: test_path={test_path} must be another folder than path")
    return learned, held_out


def parts_within(root: str | Path) -> tuple[Path, Path] | None:
    """The folders of the two parts if a root has them, each with one folder per class.

    Raises: ValueError for a root that has part folders only, but not both.
    """
    folders = {path.name.lower(): path for path in _folders(Path(root))}
    learned, held_out = (
        [folders[name] for name in names if name in folders and _folders(folders[name])]
        for names in (LEARNED, HELD_OUT)
    )
    if learned and held_out:
        return learned[0], held_out[0]
    if folders and folders.keys() <= {*LEARNED, *HELD_OUT}:
        have = ", ".join(path.name for path in folders.values())
        raise ValueError(
            f"load_source: {root} has {have}, which are no classes, and needs both train and val "
            "(or test) with a folder of images for each class; or name the one that has the classes"
        )
    return None


def names_of(part: Subset) -> list[str]:
    """The images of a part, as paths relative to its root."""
    data: Any = part.dataset
    return [data.paths[i].relative_to(data.root).as_posix() for i in part.indices]


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return [path for path in root.iterdir() if path.is_dir() and not is_hidden(path.name)]


def _take_classes(train: datasets.ImageFolder, test: datasets.ImageFolder) -> None:
    """Number the classes of the held-out part, which may have fewer, like those of the other."""
    numbers = match_classes("load_source", test.classes, train.classes, str(train.root))
    changed: Any = test
    changed.labels, changed.classes = np.array(numbers)[test.labels], train.classes


def _every_fifth(path: str, sets: list) -> list[Subset]:
    labels = sets[0].labels
    rank = np.zeros(len(labels), int)
    for label in range(len(sets[0].classes)):
        own = labels == label
        rank[own] = np.arange(own.sum())
    held_out = rank % 5 == 4
    if not held_out.any():
        raise ValueError(f"load_source: {path} has fewer than 5 images of every class")
    chosen = (~held_out, held_out)
    return [Subset(d, np.flatnonzero(c).tolist()) for d, c in zip(sets, chosen, strict=True)]


def _recorded(sets: list, names: Names, one: bool) -> tuple[list[Subset], str]:
    parts, said, known = [], [], set()
    for data, part, what in zip(sets, ("train", "test"), ("learned from", "held out"), strict=True):
        place = {name: i for i, name in enumerate(names_of(Subset(data, range(len(data)))))}
        there = [name for name in names[part] if name in place]
        gone = len(names[part]) - len(there)
        if not there:
            raise ValueError(f"load_source: {data.root} has none of the images that were {what}")
        parts.append(Subset(data, [place[name] for name in there]))
        known.update(names[part])
        said += [f"{gone} of the {len(names[part])} images that were {what} {are(gone)} gone"] * (
            gone > 0
        )
        if part == "test" or not one:
            new = len(place.keys() - (known if one else set(names[part])))
            said += [f"{new} {are(new)} new and left out"] * (new > 0)
    return parts, f"{sets[0].root}: {', '.join(said)}" if said else ""


def are(count: int) -> str:
    return "is" if count == 1 else "are"
