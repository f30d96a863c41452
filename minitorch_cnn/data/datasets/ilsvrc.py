"""ILSVRC: the images of the challenge in the folders and lists in which they are distributed."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .folder import ImageFolder, find_images

SYNSET = re.compile(r"n\d{8}")
WORDS = ("LOC_synset_mapping.txt", "synset_words.txt", "words.txt")
TRUTHS = ("LOC_val_solution.csv", "val.txt", "ILSVRC2012_validation_ground_truth.txt")
LAYOUT = (
    "root/train/n01440764/*.JPEG, root/val/ILSVRC2012_val_00000001.JPEG, ... and, beside them or "
    f"in root/devkit/data, one of {', '.join(TRUTHS)}"
)


class ILSVRC(ImageFolder):
    """The images of ILSVRC 2012's classification, "train" or "val", decoded on demand.

    root/train has a folder for each class, named by its WordNet identifier; root/val has all images
    in one folder, or also in such folders. The class of an image in one folder is in one of the
    files of the challenge, in root or root/devkit/data:

    - LOC_val_solution.csv: lines of an image's name and its identifier;
    - val.txt: lines of a file's name and the number of its class, from 0, by sorted identifiers;
    - ILSVRC2012_validation_ground_truth.txt: in the order of the files, the challenge's numbers of
      the classes, from 1. They are not in the order of identifiers: `synsets` names a text file
      that has those in the order of the numbers, as the devkit's meta.mat has them.

    classes: the identifiers, sorted, of root/train or of the list of words; names: the words for
    each, from LOC_synset_mapping.txt or a like file in root, or the identifiers. The other
    arguments are those of `ImageFolder`.

    Raises: FileNotFoundError, with the layout, for missing folders or lists; ValueError for lists
    that do not fit the images.
    """

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        loader: Callable[[str], object] | None = None,
        *,
        synsets: str | Path | None = None,
        channels: int = 3,
    ):
        if split not in ("train", "val"):
            raise ValueError(f"ILSVRC: split={split!r} must be 'train' or 'val'")
        self.base, self.split, self.synsets = Path(root), split, synsets
        words = _words(self.base)
        folder = self.base / split
        if not folder.is_dir():
            raise FileNotFoundError(f"ILSVRC: there is no folder {folder}; expected {LAYOUT}")
        self._identifiers = sorted(words) or _folders(self.base / "train") or _folders(folder)
        if not self._identifiers:
            raise FileNotFoundError(
                f"ILSVRC: {root} has no classes: no folders n01440764, ... in train, and none of "
                f"{', '.join(WORDS)}; expected {LAYOUT}"
            )
        super().__init__(folder, transform, target_transform, loader, channels=channels)
        self.names = [words.get(identifier, identifier) for identifier in self.classes]

    def find_classes(self, directory: str | Path) -> tuple[list[str], dict[str, int]]:
        """(the identifiers, label of each), sorted."""
        return self._identifiers, {name: label for label, name in enumerate(self._identifiers)}

    def make_dataset(self, directory: Any, class_to_idx: Any, *args: Any, **settings: Any) -> Any:
        """(path, label) for each image, by its folder or by the list of the challenge."""
        if _folders(Path(directory)):
            settings["allow_empty"] = len(_folders(Path(directory))) < len(class_to_idx)
            return super().make_dataset(directory, class_to_idx, *args, **settings)
        paths = find_images(directory)
        if not paths:
            raise FileNotFoundError(f"ILSVRC: {directory} has no images; expected {LAYOUT}")
        labels = self._labels(paths)
        return [(str(path), label) for path, label in zip(paths, labels, strict=True)]

    def _labels(self, paths: list[Path]) -> list[int]:
        """The labels of the images of one folder, by the first list that there is."""
        places = [self.base, self.base / "devkit" / "data", self.base / self.split]
        found = [place / name for name in TRUTHS for place in places if (place / name).is_file()]
        if not found:
            raise FileNotFoundError(f"ILSVRC: there is no list of classes; expected {LAYOUT}")
        list_file = found[0]
        readers: list[Any] = [self._by_identifier, self._by_number, self._in_order]
        kinds: dict[str, Any] = dict(zip(TRUTHS, readers, strict=True))
        return kinds[list_file.name](list_file, paths)

    def _by_identifier(self, file: Path, paths: list[Path]) -> list[int]:
        with open(file, newline="", encoding="utf-8") as lines:
            rows = [row for row in csv.reader(lines) if len(row) > 1 and SYNSET.match(row[1])]
        known = {row[0]: row[1].split()[0] for row in rows}
        return [self._label(file, path.name, known.get(path.stem)) for path in paths]

    def _by_number(self, file: Path, paths: list[Path]) -> list[int]:
        rows = [line.split() for line in file.read_text(encoding="utf-8").splitlines() if line]
        known = {Path(row[0]).name: _number(file, row[-1]) for row in rows}
        numbers = [known.get(path.name, -1) for path in paths]
        return [self._checked(file, path.name, n) for path, n in zip(paths, numbers, strict=True)]

    def _in_order(self, file: Path, paths: list[Path]) -> list[int]:
        if self.synsets is None:
            raise ValueError(
                f"ILSVRC: {file} numbers the classes in the challenge's own order: synsets must "
                "name a file with their WordNet identifiers in that order"
            )
        numbers = [_number(file, word) for word in file.read_text(encoding="utf-8").split()]
        if len(numbers) != len(paths):
            raise ValueError(f"ILSVRC: {file} is for {len(numbers)} images, not {len(paths)}")
        order = SYNSET.findall(Path(self.synsets).read_text(encoding="utf-8"))
        names = [order[n - 1] if 0 < n <= len(order) else None for n in numbers]
        return [self._label(file, path.name, name) for path, name in zip(paths, names, strict=True)]

    def _label(self, file: Path, image: str, identifier: str | None) -> int:
        number = -1
        if identifier in self._identifiers:
            number = self._identifiers.index(identifier)
        return self._checked(file, image, number)

    def _checked(self, file: Path, image: str, number: int) -> int:
        if not 0 <= number < len(self._identifiers):
            raise ValueError(f"ILSVRC: {file} has no class for {image} among the known ones")
        return number


def _words(root: Path) -> dict[str, str]:
    """The words for each identifier, from lines like "n01440764 tench, Tinca tinca"."""
    for name in WORDS:
        if (root / name).is_file():
            lines = (root / name).read_text(encoding="utf-8").splitlines()
            split = [line.split(maxsplit=1) for line in lines if SYNSET.match(line)]
            return {line[0]: line[-1].strip() for line in split}
    return {}


def _folders(folder: Path) -> list[str]:
    """The names of the folders that are WordNet identifiers, sorted."""
    if not folder.is_dir():
        return []
    return sorted(p.name for p in folder.iterdir() if SYNSET.fullmatch(p.name) and p.is_dir())


def _number(file: Path, word: str) -> int:
    if not word.isdecimal():
        raise ValueError(f"ILSVRC: {file} has {word!r} instead of a number of a class")
    return int(word)
