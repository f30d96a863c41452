"""The bases of the image data sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..dataset import Dataset
from ..randomness import sample_generator
from ..transforms.transform import applied


class Targets(list):
    """A data set's labels as a list; writing to an element also changes the data set."""

    def __init__(self, labels: np.ndarray):
        super().__init__(labels.tolist())
        self.labels = labels

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(index, value)
        self.labels[index] = value

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)


class ImageDataset(Dataset):
    """Images and their labels in memory: sample i is (image (C, H, W) float32 in [0, 1], label).

    images (N, C, H, W), uint8 (divided by 255) or float32; labels (N,) int64, indices into
    `classes`; transform: a callable `(image, rng) -> image`, target_transform `(label) -> label`.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        classes: list[str],
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
    ):
        self.images = images
        self.labels = labels
        self.classes = classes
        self.transform = transform
        self.target_transform = target_transform

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The label of each class."""
        return {name: label for label, name in enumerate(self.classes)}

    @property
    def targets(self) -> list[int]:
        """The labels under torchvision's name; writing to them changes `labels`."""
        return Targets(self.labels)

    @targets.setter
    def targets(self, labels: Sequence[int]) -> None:
        self.labels = np.asarray(labels, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        image = self.images[index]
        if image.dtype == np.uint8:
            image = image / np.float32(255)
        if self.transform is not None:
            image = applied(self.transform, image, sample_generator())
        return image, label_of(self, index)

    def __repr__(self) -> str:
        c, h, w = self.images.shape[1:]
        size = f"{len(self)} images {c} x {h} x {w}"
        return f"{type(self).__name__}({size}, {len(self.classes)} classes)"


class ChannelFirstDataset(ImageDataset):
    """Images that torchvision keeps in the layout (N, C, H, W), too."""

    @property
    def data(self) -> np.ndarray:
        """The images (N, C, H, W) uint8, under torchvision's name."""
        return self.images

    @data.setter
    def data(self, images: np.ndarray) -> None:
        self.images = images


class TrainTestDataset(ImageDataset):
    """Images in files for training and testing; a subclass defines `_load`.

    Raises: FileNotFoundError, ValueError: see the subclass.
    """

    def __init__(
        self,
        root: str | Path,
        train: bool = True,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        download: bool = False,
    ):
        self.root, self.train = Path(root), bool(train)
        super().__init__(*self._load(), transform, target_transform)

    def _load(self) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """The images, the labels and the classes of the part `self.train` below `self.root`."""
        raise NotImplementedError(f"{type(self).__name__}: _load is not defined")


def label_of(dataset: Any, index: int) -> Any:
    """The label of a sample of `dataset` after its target_transform."""
    label = int(dataset.labels[index])
    return label if dataset.target_transform is None else dataset.target_transform(label)


def find_files(
    caller: str, root: str | Path, folders: list[str], files: list[list[str]], source: str
) -> list[Path]:
    """The paths of `files` in the first of `folders` below `root` that has them all.

    files: for each file its possible names; the first existing one is taken. folders[0] is ".",
    `root` itself; source: where to get the files.

    Raises: FileNotFoundError, naming `caller`, that says which files are missing, where to get them
    and where to put them.
    """
    root = Path(root)
    for folder in folders:
        present = [
            [root / folder / name for name in names if (root / folder / name).is_file()]
            for names in files
        ]
        if all(present):
            return [paths[0] for paths in present]
    wanted = ", ".join(names[0] for names in files)
    places = " or ".join(str(root / folder) for folder in folders)
    raise FileNotFoundError(f"{caller}: get {wanted} from {source} and put them into {places}")
