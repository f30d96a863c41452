"""Street View House Numbers from MATLAB's files."""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...spelling import one_of
from .images import ChannelFirstDataset, find_files

SOURCE = "http://ufldl.stanford.edu/housenumbers (Format 2)"
SPLITS = ("train", "test", "extra")


class SVHN(ChannelFirstDataset):
    """Digits of house numbers: images (N, 3, 32, 32) uint8, labels (N,), 0 for the digit 0.

    split: "train" (73,257), "test" (26,032) or "extra" (531,131). `root` holds train_32x32.mat,
    test_32x32.mat and extra_32x32.mat; SciPy reads them.
    From Netzer et al. (2011), "Reading digits in natural images with unsupervised feature
    learning".

    Raises: FileNotFoundError for a missing file, ImportError without SciPy, ValueError for an
    unknown split or an invalid file.
    """

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        download: bool = False,
    ):
        if split not in SPLITS:
            raise ValueError(f"SVHN: split={split!r} {one_of(split, SPLITS)}")
        self.root, self.split = Path(root), split
        path = find_files("SVHN", root, ["."], [[f"{split}_32x32.mat"]], SOURCE)[0]
        images, labels = _read(path)
        super().__init__(images, labels, list(string.digits), transform, target_transform)


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise ImportError("SVHN: needs SciPy (pip install scipy)") from error
    try:
        content = loadmat(path, variable_names=("X", "y"))
        pixels, labels = content["X"], content["y"]
    except Exception as error:  # SciPy's reader raises many types
        raise ValueError(f"SVHN: {path} must be a MATLAB file with X and y: {error}") from error
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[:3] != (32, 32, 3):
        raise ValueError(
            f"SVHN: {path} has X {pixels.dtype} of shape {pixels.shape}; expected uint8 of "
            "(32, 32, 3, N)"
        )
    labels = labels.reshape(-1).astype(np.int64)
    if len(labels) != pixels.shape[3] or labels.min() < 0 or labels.max() > 10:
        raise ValueError(
            f"SVHN: {path} has {len(labels)} labels; expected {pixels.shape[3]} in 0..10"
        )
    return np.ascontiguousarray(pixels.transpose(3, 2, 0, 1)), labels % 10  # 10 is the digit 0
