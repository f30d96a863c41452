"""MNIST and the data sets in its format, from IDX files, with or without gzip."""

from __future__ import annotations

import gzip
import math
import string
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ...spelling import one_of
from ...tensor.tensor import Tensor
from .images import TrainTestDataset, find_files

GZIP = b"\x1f\x8b"  # the first bytes of a compressed file
MOST_VALUES = 2**30
SIDE = 28  # pixels


def read_idx(path: str | Path, ndim: int, most: int = MOST_VALUES) -> np.ndarray:
    """An IDX file of bytes, with or without gzip -> its array of `ndim` axes, uint8.

    Layout, big-endian: the magic number 0x0800 + ndim in 4 bytes, each size in 4 bytes, the values.
    A file can decompress to a thousand times its size; this reads only as much as the header
    promises, and nothing if that exceeds `most` values.

    Raises: ValueError that names the file, the expected and the actual content.
    """
    with open(path, "rb") as file:
        packed = file.read(2) == GZIP
        file.seek(0)
        try:
            return _read_idx(path, gzip.open(file) if packed else file, ndim, most)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"read_idx: {path} must be a whole gzip file: {error}") from error


def _read_idx(path: str | Path, file: Any, ndim: int, most: int) -> np.ndarray:
    header = file.read(4 + 4 * ndim)
    if len(header) < 4 + 4 * ndim:
        raise ValueError(
            f"read_idx: {path} has {len(header)} bytes; expected {4 + 4 * ndim} of the header alone"
        )
    magic, *shape = np.frombuffer(header, dtype=">u4").tolist()
    if magic != 0x0800 + ndim:
        raise ValueError(
            f"read_idx: {path} begins with {magic:#010x}; expected {0x0800 + ndim:#010x}"
        )
    count = math.prod(shape)
    if count > most:
        raise ValueError(
            f"read_idx: {path} says it has {count} values, of shape {tuple(shape)}; expected at "
            f"most {most}"
        )
    values = np.empty(count, np.uint8)
    found = 0
    while part := file.readinto(values[found:]):
        found += part
    if found < count or file.read(1):
        raise ValueError(
            f"read_idx: {path} has {found if found < count else 'more'} bytes of values; expected "
            f"{count} for its shape {tuple(shape)}"
        )
    return values.reshape(shape)


class _IdxDataset(TrainTestDataset):
    CLASSES: tuple[str, ...]
    SOURCE: str
    MOST_IMAGES = 70_000

    def _load(self) -> tuple[np.ndarray, np.ndarray, list[str]]:
        part, folder = "train" if self.train else "t10k", f"{type(self).__name__}/raw"
        images, labels = self._read(self.root, part, [".", folder], len(self.CLASSES))
        return images, labels, list(self.CLASSES)

    @property
    def data(self) -> Tensor:
        """The images (N, 28, 28) uint8 under torchvision's name."""
        return Tensor(self.images[:, 0])

    @data.setter
    def data(self, images: Tensor | np.ndarray) -> None:
        self.images = np.asarray(images)[:, None]

    @property
    def targets(self) -> Tensor:
        """The labels (N,) under torchvision's name."""
        return Tensor(self.labels)

    @targets.setter
    def targets(self, labels: Tensor | Sequence[int]) -> None:
        self.labels = np.asarray(labels, dtype=np.int64)

    def _read(
        self, root: Any, part: str, folders: list[str], classes: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The images (N, 1, 28, 28) and labels (N,) of the files with the prefix `part`."""
        name = type(self).__name__
        names = [f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"]
        paths = find_files(name, root, folders, [_spellings(n) for n in names], self.SOURCE)
        images = read_idx(paths[0], 3, self.MOST_IMAGES * SIDE * SIDE)
        labels = read_idx(paths[1], 1, self.MOST_IMAGES)
        if images.shape[1:] != (SIDE, SIDE):
            size = images.shape[1:]
            raise ValueError(f"{name}: {paths[0]} has images of {size}; expected {(SIDE, SIDE)}")
        if len(labels) != len(images):
            raise ValueError(
                f"{name}: {paths[1]} has {len(labels)} labels; expected {len(images)}, "
                "one for each image"
            )
        if np.any(labels >= classes):
            raise ValueError(
                f"{name}: {paths[1]} has the label {labels.max()}; expected 0..{classes - 1}"
            )
        return images[:, None], labels.astype(np.int64)


def _spellings(name: str) -> list[str]:
    """The possible names of a file: with a dot, as some programs unpack it, and compressed."""
    return [f"{n}{packed}" for n in (name, name.replace("-idx", ".idx")) for packed in ("", ".gz")]


class MNIST(_IdxDataset):
    """Handwritten digits: images (N, 1, 28, 28) uint8, labels (N,).

    60,000 are for training and 10,000 for testing.
    `root`, or MNIST/raw in it, holds train-images-idx3-ubyte, train-labels-idx1-ubyte,
    t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte. Each may be compressed by gzip, with or
    without the suffix .gz, and may have a dot before idx.
    From LeCun, Bottou, Bengio and Haffner (1998), "Gradient-based learning applied to document
    recognition".

    Raises: FileNotFoundError for missing files, ValueError for invalid ones.
    """

    CLASSES = tuple(string.digits)
    SOURCE = "https://ossci-datasets.s3.amazonaws.com/mnist/"


class FashionMNIST(_IdxDataset):
    """Articles of clothing in MNIST's format: images (N, 1, 28, 28) uint8, labels (N,).

    60,000 are for training and 10,000 for testing.
    `root`, or FashionMNIST/raw in it, holds the four files that `MNIST` names.
    From Xiao, Rasul and Vollgraf (2017), arXiv 1708.07747.

    Raises: FileNotFoundError for missing files, ValueError for invalid ones.
    """

    CLASSES = (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    )  # fmt: skip
    SOURCE = "https://github.com/zalandoresearch/fashion-mnist"


class KMNIST(_IdxDataset):
    """Cursive Japanese letters in MNIST's format: images (N, 1, 28, 28) uint8, labels (N,).

    60,000 are for training and 10,000 for testing.
    `root`, or KMNIST/raw in it, holds the four files that `MNIST` names.
    From Clanuwat et al. (2018), "Deep learning for classical Japanese literature", arXiv
    1812.01718.

    Raises: FileNotFoundError for missing files, ValueError for invalid ones.
    """

    CLASSES = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
    SOURCE = "http://codh.rois.ac.jp/kmnist/"


_CHARACTERS = tuple(string.digits + string.ascii_uppercase + string.ascii_lowercase)
# Upper and lower case of these look alike: one class, named after the upper case.
_MERGED = tuple(c for c in _CHARACTERS if c not in "cijklmopsuvwxyz")


class EMNIST(_IdxDataset):
    """Handwritten digits and letters in MNIST's format: images (N, 1, 28, 28) uint8, labels (N,).

    split: "byclass" (62 classes: digits, upper and lower case), "bymerge" and "balanced" (47:
    letters that look alike in both cases are merged), "letters" (27: the labels are 1..26, and 0 is
    "N/A", as in the files), "digits" and "mnist" (10).

    The files hold transposed images; here they are upright, which torchvision leaves to the user.
    `root`, or gzip or EMNIST/raw in it, holds emnist-SPLIT-train-images-idx3-ubyte and so on, in
    the forms that `MNIST` describes.
    From Cohen, Afshar, Tapson and van Schaik (2017), arXiv 1702.05373.

    Raises: FileNotFoundError for missing files, ValueError for an unknown split or invalid files.
    """

    SPLITS: ClassVar[dict[str, tuple[str, ...]]] = {
        "byclass": _CHARACTERS,
        "bymerge": _MERGED,
        "balanced": _MERGED,
        "letters": ("N/A", *string.ascii_lowercase),
        "digits": tuple(string.digits),
        "mnist": tuple(string.digits),
    }
    SOURCE = "https://www.nist.gov/itl/products-and-services/emnist-dataset (the file gzip.zip)"
    MOST_IMAGES = 814_255  # both parts of "byclass"

    def __init__(
        self,
        root: str | Path,
        split: str,
        train: bool = True,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        download: bool = False,
    ):
        if split not in self.SPLITS:
            raise ValueError(f"EMNIST: split={split!r} {one_of(split, self.SPLITS)}")
        self.split = split
        super().__init__(root, train, transform, target_transform, download)

    def _load(self) -> tuple[np.ndarray, np.ndarray, list[str]]:
        classes = self.SPLITS[self.split]
        part = f"emnist-{self.split}-{'train' if self.train else 'test'}"
        folders = [".", "gzip", "EMNIST/raw"]
        images, labels = self._read(self.root, part, folders, len(classes))
        return images.swapaxes(2, 3), labels, list(classes)
