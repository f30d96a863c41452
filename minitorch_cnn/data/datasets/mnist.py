"""MNIST and Fashion-MNIST from their IDX files, packed by gzip or not."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .images import ImageDataset, find_files


def read_idx(path: str | Path, ndim: int) -> np.ndarray:
    """An IDX file of bytes -> its array of `ndim` axes, uint8; a name ending in .gz is unpacked.

    Layout, big-endian: the magic number 0x0800 + ndim in 4 bytes, each size in 4 bytes, the values.

    Raises ValueError naming the file, what was expected and what was found.
    """
    path = Path(path)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"read_idx: {path} must be a whole gzip file: {error}") from error
    header = 4 + 4 * ndim
    if len(content) < header:
        raise ValueError(
            f"read_idx: {path} has {len(content)} bytes; expected {header} of the header alone"
        )
    magic, *shape = np.frombuffer(content, dtype=">u4", count=1 + ndim).tolist()
    if magic != 0x0800 + ndim:
        raise ValueError(
            f"read_idx: {path} begins with {magic:#010x}; expected {0x0800 + ndim:#010x}"
        )
    if len(content) != header + math.prod(shape):
        raise ValueError(
            f"read_idx: {path} has {len(content) - header} bytes of values; expected "
            f"{math.prod(shape)} for its shape {tuple(shape)}"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


class _IdxDataset(ImageDataset):
    CLASSES: tuple[str, ...]
    SOURCE: str

    def __init__(self, root: str | Path, train: bool = True, transform: Callable | None = None):
        name = type(self).__name__
        part = "train" if train else "t10k"
        names = [f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"]
        folders = [".", f"{name}/raw"]
        paths = find_files(name, root, folders, [[n, f"{n}.gz"] for n in names], self.SOURCE)
        images, labels = read_idx(paths[0], ndim=3), read_idx(paths[1], ndim=1)
        if images.shape[1:] != (28, 28):
            size = images.shape[1:]
            raise ValueError(f"{name}: {paths[0]} has images of {size}; expected (28, 28)")
        if len(labels) != len(images):
            raise ValueError(
                f"{name}: {paths[1]} has {len(labels)} labels; expected {len(images)}, "
                "one for each image"
            )
        if np.any(labels >= len(self.CLASSES)):
            raise ValueError(
                f"{name}: {paths[1]} has the label {labels.max()}; "
                f"expected 0..{len(self.CLASSES) - 1}"
            )
        super().__init__(images[:, None], labels.astype(np.int64), list(self.CLASSES), transform)


class MNIST(_IdxDataset):
    """Handwritten digits: images (N, 1, 28, 28) uint8, labels (N,).

    There are 60,000 to train and 10,000 to test.
    `root` holds train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
    t10k-labels-idx1-ubyte, each as it is or with .gz, itself or in its folder MNIST/raw.
    From LeCun, Bottou, Bengio and Haffner (1998), "Gradient-based learning applied to document
    recognition".

    Raises FileNotFoundError if they are not there, ValueError if one is not what it should be.
    """

    CLASSES = tuple(str(digit) for digit in range(10))
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
