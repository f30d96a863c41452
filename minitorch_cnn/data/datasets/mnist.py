"""MNIST and the data sets in its format, from IDX files, packed by gzip or not."""

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

GZIP = b"\x1f\x8b"  # how a packed file begins
MOST_VALUES = 2**30
SIDE = 28  # pixels


def read_idx(path: str | Path, ndim: int, most: int = MOST_VALUES) -> np.ndarray:
    """An IDX file of bytes, packed by gzip or not -> its array of `ndim` axes, uint8.

    Layout, big-endian: the magic number 0x0800 + ndim in 4 bytes, each size in 4 bytes, the values.
    Of a packed file, which can unpack to a thousand times its size, no more is unpacked than the
    header says, and nothing if that is more than `most` values.

    Raises ValueError naming the file, what was expected and what was found.
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
        """The images (N, 28, 28) uint8 as torchvision keeps them."""
        return Tensor(self.images[:, 0])

    @data.setter
    def data(self, images: Tensor | np.ndarray) -> None:
        self.images = np.asarray(images)[:, None]

    @property
    def targets(self) -> Tensor:
        """The labels (N,) as torchvision keeps them."""
        return Tensor(self.labels)

    @targets.setter
    def targets(self, labels: Tensor | Sequence[int]) -> None:
        self.labels = np.asarray(labels, dtype=np.int64)

    def _read(
        self, root: Any, part: str, folders: list[str], classes: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The images (N, 1, 28, 28) and labels (N,) of the files whose names begin with `part`."""
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
    """The names that a file is known by: with a dot where some programs unpack it so, packed."""
    return [f"{n}{packed}" for n in (name, name.replace("-idx", ".idx")) for packed in ("", ".gz")]


class MNIST(_IdxDataset):
    """Handwritten digits: images (N, 1, 28, 28) uint8, labels (N,).

    There are 60,000 to train and 10,000 to test.
    `root` holds train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
    t10k-labels-idx1-ubyte, itself or in its folder MNIST/raw; each as it is or packed by gzip, with
    .gz at the end of its name or not, and a dot before idx or not.
    From LeCun, Bottou, Bengio and Haffner (1998), "Gradient-based learning applied to document
    recognition".

    Raises FileNotFoundError if they are not there, ValueError if one is not what it should be.
    """

    CLASSES = tuple(string.digits)
    SOURCE = "https://ossci-datasets.s3.amazonaws.com/mnist/"


class FashionMNIST(_IdxDataset):
    """Articles of clothing in MNIST's format: images (N, 1, 28, 28) uint8, labels (N,).

    There are 60,000 to train and 10,000 to test.
    `root` holds the four files that `MNIST` names, itself or in its folder FashionMNIST/raw.
    From Xiao, Rasul and Vollgraf (2017), arXiv 1708.07747.

    Raises FileNotFoundError if they are not there, ValueError if one is not what it should be.
    """

    CLASSES = (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    )  # fmt: skip
    SOURCE = "https://github.com/zalandoresearch/fashion-mnist"


class KMNIST(_IdxDataset):
    """Cursive Japanese letters in MNIST's format: images (N, 1, 28, 28) uint8, labels (N,).

    There are 60,000 to train and 10,000 to test.
    `root` holds the four files that `MNIST` names, itself or in its folder KMNIST/raw.
    From Clanuwat et al. (2018), "Deep learning for classical Japanese literature", arXiv
    1812.01718.

    Raises FileNotFoundError if they are not there, ValueError if one is not what it should be.
    """

    CLASSES = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
    SOURCE = "http://codh.rois.ac.jp/kmnist/"


_CHARACTERS = tuple(string.digits + string.ascii_uppercase + string.ascii_lowercase)
# Capital and small letters of these look alike: one class, named by the capital.
_MERGED = tuple(c for c in _CHARACTERS if c not in "cijklmopsuvwxyz")


class EMNIST(_IdxDataset):
    """Handwritten digits and letters in MNIST's format: images (N, 1, 28, 28) uint8, labels (N,).

    split: "byclass" (62 classes: digits, capital and small letters), "bymerge" and "balanced" (47:
    letters that look alike in both sizes are one), "letters" (27: the labels are 1..26 and 0 is
    "N/A", as in the files), "digits" and "mnist" (10).

    The files hold every image mirrored at its diagonal; here all are upright, which torchvision
    leaves to its user. `root` holds emnist-SPLIT-train-images-idx3-ubyte and so on, as `MNIST` says
    of its own, itself or in its folder gzip or EMNIST/raw.
    From Cohen, Afshar, Tapson and van Schaik (2017), arXiv 1702.05373.

    Raises FileNotFoundError if they are not there, ValueError for another split or if a file is not
    what it should be.
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
    MOST_IMAGES = 814_255  # of "byclass", both parts

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
