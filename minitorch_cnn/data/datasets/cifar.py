"""CIFAR-10 and CIFAR-100 from their binary or their Python files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ...spelling import one_of
from .array_pickle import as_text, read_array_pickle
from .images import TrainTestDataset, find_files

SOURCE = "https://www.cs.toronto.edu/~kriz/cifar.html (the binary or the Python version, unpacked)"
PIXELS = 3 * 32 * 32


def read_records(
    path: Path, records: int, label_bytes: int, label: int
) -> tuple[np.ndarray, np.ndarray]:
    """A binary file -> images (records, 3, 32, 32) uint8, labels (records,) int64.

    A record has `label_bytes` bytes of labels, with ours at `label`, and 3072 bytes of pixels: the
    red, green and blue planes, row by row.

    Raises: ValueError, naming the file, for another number of records.
    """
    expected, size = records * (label_bytes + PIXELS), path.stat().st_size
    if size != expected:
        raise ValueError(
            f"read_records: {path} has {size} bytes; expected {expected}: {records} records of "
            f"{label_bytes} + {PIXELS}"
        )
    content = np.fromfile(path, dtype=np.uint8).reshape(records, label_bytes + PIXELS)
    labels = content[:, label].astype(np.int64)
    return content[:, label_bytes:].reshape(-1, 3, 32, 32), labels


def read_pickled(path: Path, records: int, key: str) -> tuple[np.ndarray, np.ndarray]:
    """A Python file -> images (records, 3, 32, 32) uint8, labels (records,) int64 from `key`.

    Raises: ValueError, naming the file, unless it is a pickle of arrays with this many records.
    """
    content = read_array_pickle(path)
    for name in ("data", key):
        if name not in content:
            raise ValueError(
                f"read_pickled: {path} has {sorted(content)}; expected {name!r} among them"
            )
    pixels, labels = content["data"], content[key]
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        raise ValueError(f"read_pickled: {path} has 'data' that is not an array of uint8")
    if pixels.shape != (records, PIXELS):
        raise ValueError(
            f"read_pickled: {path} has 'data' of shape {pixels.shape}; expected {(records, PIXELS)}"
        )
    if isinstance(labels, np.ndarray) and labels.dtype.kind in "iu" and labels.ndim == 1:
        labels = labels.tolist()
    if not isinstance(labels, list | tuple) or any(type(label) is not int for label in labels):
        raise ValueError(f"read_pickled: {path} has {key!r} that is not a list of integers")
    if len(labels) != records:
        raise ValueError(f"read_pickled: {path} has {len(labels)} labels; expected {records}")
    if not all(0 <= label < 256 for label in labels):
        raise ValueError(f"read_pickled: {path} has {key!r} beyond 0..255")
    return pixels.reshape(-1, 3, 32, 32), np.array(labels, dtype=np.int64)


def read_names(path: Path, key: str) -> list[str]:
    """The names of the classes in a Python file. Raises: ValueError unless they are text."""
    names = read_array_pickle(path).get(key, [])
    names = names.tolist() if isinstance(names, np.ndarray) else names
    if not isinstance(names, list | tuple) or not all(isinstance(n, str | bytes) for n in names):
        raise ValueError(f"read_names: {path} has {key!r} that is not a list of names")
    try:
        return [as_text(name) for name in names]
    except UnicodeDecodeError as error:
        raise ValueError(f"read_names: {path} has a name that is not UTF-8: {error}") from error


class _Target(NamedTuple):
    """The places of one kind of label: in a record, in a Python file, and the files of names."""

    byte: int
    key: str
    names_files: tuple[str, str]  # binary version, Python version
    names_key: str
    classes: int


class _Cifar(TrainTestDataset):
    FOLDERS: tuple[str, ...]
    TRAIN: tuple[str, ...]  # files, without the suffix .bin of the binary version
    TEST: tuple[str, ...]
    TRAIN_RECORDS: int  # in each file
    TEST_RECORDS: int
    LABEL_BYTES: int
    TARGETS: ClassVar[dict[str, _Target]]
    target: str  # a key of TARGETS

    def _load(self) -> tuple[np.ndarray, np.ndarray, list[str]]:
        name = type(self).__name__
        if self.target not in self.TARGETS:
            raise ValueError(f"{name}: target={self.target!r} {one_of(self.target, self.TARGETS)}")
        self._labels = self.TARGETS[self.target]
        files = [[f"{file}.bin", file] for file in (self.TRAIN if self.train else self.TEST)]
        records = self.TRAIN_RECORDS if self.train else self.TEST_RECORDS
        *paths, names_path = find_files(
            name, self.root, [".", *self.FOLDERS], [*files, list(self._labels.names_files)], SOURCE
        )
        classes = self._read_classes(names_path)
        images, labels = zip(*(self._read(path, records) for path in paths), strict=True)
        for path, part in zip(paths, labels, strict=True):
            if part.min() < 0 or part.max() >= len(classes):
                raise ValueError(
                    f"{name}: {path} has labels {part.min()}..{part.max()}; "
                    f"expected 0..{len(classes) - 1}"
                )
        return np.concatenate(images), np.concatenate(labels), classes

    @property
    def data(self) -> np.ndarray:
        """The images (N, 32, 32, 3) uint8, in torchvision's layout."""
        return self.images.transpose(0, 2, 3, 1)

    @data.setter
    def data(self, images: np.ndarray) -> None:
        self.images = np.asarray(images).transpose(0, 3, 1, 2)

    def _read(self, path: Path, records: int) -> tuple[np.ndarray, np.ndarray]:
        if path.suffix == ".bin":
            return read_records(path, records, self.LABEL_BYTES, self._labels.byte)
        return read_pickled(path, records, self._labels.key)

    def _read_classes(self, path: Path) -> list[str]:
        if path.suffix == ".txt":
            try:
                classes = path.read_text(encoding="utf-8-sig").split()
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"{type(self).__name__}: {path} is not UTF-8 text: {error}"
                ) from error
        else:
            classes = read_names(path, self._labels.names_key)
        if len(classes) != self._labels.classes:
            raise ValueError(
                f"{type(self).__name__}: {path} names {len(classes)} classes; "
                f"expected {self._labels.classes}"
            )
        return classes


class CIFAR10(_Cifar):
    """Photographs in 10 classes: images (N, 3, 32, 32) uint8, labels (N,).

    50,000 are for training and 10,000 for testing.
    `root`, or the folder that the archive unpacks to in it, holds the files of
    cifar-10-binary.tar.gz or cifar-10-python.tar.gz. Python files, of any protocol, are read
    without executing anything in them. From Krizhevsky (2009), "Learning multiple layers of
    features from tiny images".

    Raises: FileNotFoundError for missing files, ValueError for invalid ones.
    """

    FOLDERS = ("cifar-10-batches-bin", "cifar-10-batches-py")
    TRAIN = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5")
    TEST = ("test_batch",)
    TRAIN_RECORDS = 10_000
    TEST_RECORDS = 10_000
    LABEL_BYTES = 1
    TARGETS: ClassVar[dict[str, _Target]] = {
        "label": _Target(0, "labels", ("batches.meta.txt", "batches.meta"), "label_names", 10)
    }
    target = "label"


class CIFAR100(_Cifar):
    """Photographs in 100 classes: images (N, 3, 32, 32) uint8, labels (N,).

    50,000 are for training and 10,000 for testing. The labels are those of the 100 fine classes, or
    with `target="coarse"` those of the 20 superclasses, of five classes each.

    `root`, or the folder that the archive unpacks to in it, holds the files of
    cifar-100-binary.tar.gz or cifar-100-python.tar.gz. Python files are read without executing
    anything in them. From Krizhevsky (2009).

    Raises: FileNotFoundError for missing files, ValueError for invalid ones.
    """

    FOLDERS = ("cifar-100-binary", "cifar-100-python")
    TRAIN = ("train",)
    TEST = ("test",)
    TRAIN_RECORDS = 50_000
    TEST_RECORDS = 10_000
    LABEL_BYTES = 2
    TARGETS: ClassVar[dict[str, _Target]] = {
        "fine": _Target(
            1, "fine_labels", ("fine_label_names.txt", "meta"), "fine_label_names", 100
        ),
        "coarse": _Target(
            0, "coarse_labels", ("coarse_label_names.txt", "meta"), "coarse_label_names", 20
        ),
    }

    def __init__(
        self,
        root: str | Path,
        train: bool = True,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        download: bool = False,
        *,
        target: str = "fine",
    ):
        self.target = target
        super().__init__(root, train, transform, target_transform, download)
