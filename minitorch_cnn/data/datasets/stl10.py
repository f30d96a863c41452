"""STL-10 from its binary files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...spelling import one_of
from .images import ChannelFirstDataset, find_files

SOURCE = "https://cs.stanford.edu/~acoates/stl10 (stl10_binary.tar.gz, unpacked)"
SIDE = 96
SPLITS = ("train", "train+unlabeled", "unlabeled", "test")
FOLDS = 10


class STL10(ChannelFirstDataset):
    """Photographs in 10 classes: images (N, 3, 96, 96) uint8, labels (N,), -1 for unlabelled ones.

    split: "train" (5,000), "test" (8,000), "unlabeled" (100,000) or "train+unlabeled". folds: one
    of the ten parts of 1,000 of the training images, None for all. `root`, or stl10_binary in it,
    holds the files train_X.bin, train_y.bin and so on. From Coates, Lee and Ng (2011), "An analysis
    of single-layer networks in unsupervised feature learning".

    Raises: FileNotFoundError for missing files, ValueError for an unknown split or fold, or for
    invalid files.
    """

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        folds: int | None = None,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        download: bool = False,
    ):
        if split not in SPLITS:
            raise ValueError(f"STL10: split={split!r} {one_of(split, SPLITS)}")
        if folds is not None and folds not in range(FOLDS):
            raise ValueError(f"STL10: folds={folds!r} must be None or in 0..{FOLDS - 1}")
        self.root, self.split, self.folds = Path(root), split, folds
        parts = [self._read(part) for part in split.split("+")]
        images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        names = self._files(["class_names.txt"])[0].read_text(encoding="utf-8").split()
        super().__init__(images, labels, names, transform, target_transform)

    def _files(self, names: list[str]) -> list[Path]:
        return find_files("STL10", self.root, [".", "stl10_binary"], [[n] for n in names], SOURCE)

    def _read(self, part: str) -> tuple[np.ndarray, np.ndarray]:
        kinds = ["X"] if part == "unlabeled" else ["X", "y"]
        paths = self._files([f"{part}_{kind}.bin" for kind in kinds])
        pixels = np.fromfile(paths[0], np.uint8)
        if not len(pixels) or len(pixels) % (3 * SIDE * SIDE):
            raise ValueError(
                f"STL10: {paths[0]} has {len(pixels)} bytes; expected images of {3 * SIDE * SIDE}"
            )
        # Column-major, as in MATLAB.
        images = pixels.reshape(-1, 3, SIDE, SIDE).swapaxes(2, 3)
        labels = np.full(len(images), -1, np.int64)
        if part != "unlabeled":
            numbers = np.fromfile(paths[1], np.uint8)
            if len(numbers) != len(images) or numbers.min() < 1 or numbers.max() > 10:
                raise ValueError(
                    f"STL10: {paths[1]} has {len(numbers)} labels; expected {len(images)} in 1..10"
                )
            labels = numbers.astype(np.int64) - 1
        if part == "train" and self.folds is not None:
            chosen = self._fold(self.folds, len(images))
            return images[chosen], labels[chosen]
        return images, labels

    def _fold(self, fold: int, count: int) -> np.ndarray:
        path = self._files(["fold_indices.txt"])[0]
        lines = path.read_text(encoding="utf-8").splitlines()
        try:
            chosen = np.array(lines[fold].split(), dtype=np.int64)
        except (IndexError, ValueError) as error:
            raise ValueError(f"STL10: {path} must have a line of numbers for each fold") from error
        if len(chosen) and not 0 <= chosen.min() <= chosen.max() < count:
            raise ValueError(f"STL10: {path} has numbers beyond the {count} images")
        return chosen
