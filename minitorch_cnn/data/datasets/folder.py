"""ImageFolder: image files sorted into one folder per class."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ..dataset import Dataset
from ..randomness import sample_generator
from ..transforms.transform import applied
from .image_file import IMAGE_ENDINGS, MAX_PIXELS, read_image
from .images import label_of


class ImageFolder(Dataset):
    """The images root/class/**/name.png (or .jpg and so on), decoded when asked for.

    Sample i is (image (C, H, W) float32 in [0, 1], label). Folders are the classes, sorted by name;
    what `find_images` does not find is no image. There may be more images than memory holds and
    they may differ in size; `transform`, a callable `(image, rng) -> image`, then makes the sizes
    equal.

    target_transform: a function of the label; loader: a function of a path (str) that reads what
    `transform` gets, in place of `read_image`.
    channels: 3 for colour, 1 for grey; max_pixels: see `read_image`.
    extensions: what the names of images end in; by default `IMAGE_ENDINGS`.
    is_valid_file: a function of a path (str) that says whether it is an image, in their place.
    allow_empty: whether a class may be without images.
    broken: None finds out about a file that cannot be decoded when it is asked for; "refuse" and
        "skip" decode every file now and once, and refuse what is broken or leave it out, with a
        warning that names it.

    Attributes: paths, labels (N,) int64, classes, class_to_idx, and as torchvision has them samples
    and imgs, a list of (path, label), and targets, a list. There is no array of all images.

    Raises FileNotFoundError if root has no folders or one of them no images, PermissionError for a
    folder that may not be read, ValueError for arguments out of range, with broken="refuse" naming
    all files that cannot be decoded; __getitem__ ValueError for such a file, ImportError without
    Pillow.
    """

    def __init__(
        self,
        root: str | Path,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        loader: Callable[[str], object] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
        *,
        channels: int = 3,
        extensions: Sequence[str] | None = None,
        broken: str | None = None,
        max_pixels: int = MAX_PIXELS,
    ):
        for name, function in (("transform", transform), ("target_transform", target_transform)):
            if function is not None and not callable(function):
                raise TypeError(f"ImageFolder: {name}={function!r} must be a function")
        if channels not in (1, 3):
            raise ValueError(f"ImageFolder: channels={channels} must be 1 or 3")
        if broken not in (None, "refuse", "skip"):
            raise ValueError(f"ImageFolder: broken={broken!r} must be None, 'refuse' or 'skip'")
        if extensions is not None and is_valid_file is not None:
            raise ValueError("ImageFolder: extensions and is_valid_file exclude each other")
        self.root = Path(root)
        self.channels = channels
        self.transform = transform
        self.target_transform = target_transform
        self.loader = loader
        self.max_pixels = max_pixels
        endings = IMAGE_ENDINGS if extensions is None else as_endings(extensions)
        folders = class_folders(self.root)
        self.classes = [folder.name for folder in folders]
        self.paths: list[Path] = []
        labels = []
        for label, folder in enumerate(folders):
            paths = find_images(folder, endings, is_valid_file)
            if not paths and not allow_empty:
                wanted = "what is_valid_file accepts" if is_valid_file else ", ".join(endings)
                raise FileNotFoundError(f"ImageFolder: {folder} has no images; expected {wanted}")
            self.paths += paths
            labels += [label] * len(paths)
        self.labels = np.array(labels, dtype=np.int64)
        if broken is not None:
            self._check_all(broken)

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The label of each class."""
        return {name: label for label, name in enumerate(self.classes)}

    @property
    def targets(self) -> list[int]:
        """The labels in a list."""
        return self.labels.tolist()

    @property
    def samples(self) -> list[tuple[str, int]]:
        """The path and the label of every image."""
        return [(str(path), label) for path, label in zip(self.paths, self.targets, strict=True)]

    imgs = samples

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        image = self._read(self.paths[index])
        if self.transform is not None:
            image = applied(self.transform, image, sample_generator())
        return image, label_of(self, index)

    def _read(self, path: Path):
        if self.loader is not None:
            return self.loader(str(path))
        return read_image(path, self.channels, self.max_pixels)

    def __repr__(self) -> str:
        return f"ImageFolder({str(self.root)!r}: {len(self)} images, {len(self.classes)} classes)"

    def _check_all(self, broken: str) -> None:
        """Decode every file; refuse or leave out those that cannot be decoded."""
        whole, reasons = [], []
        for i, path in enumerate(self.paths):
            try:
                self._read(path)
                whole.append(i)
            except ValueError as error:
                reasons.append(str(error).removeprefix("read_image: "))
        if not reasons:
            return
        found = f"ImageFolder: {len(reasons)} of {len(self.paths)} images are broken: " + "; ".join(
            reasons
        )
        if broken == "refuse" or not whole:
            raise ValueError(found)
        warnings.warn(found, stacklevel=3)
        self.paths = [self.paths[i] for i in whole]
        self.labels = self.labels[whole]


def class_folders(root: Path) -> list[Path]:
    """The folders in `root`, sorted by name, hidden ones left out.

    Raises FileNotFoundError in the name of ImageFolder if there is none.
    """
    names = []
    if root.is_dir():
        with os.scandir(root) as entries:
            names = sorted(e.name for e in entries if is_folder(e) and not is_hidden(e.name))
    if not names:
        raise FileNotFoundError(
            f"ImageFolder: {root} has no folders; put the images of each class into a folder of "
            "its own, root/class/image.png"
        )
    return [root / name for name in names]


def find_images(
    folder: str | Path,
    endings: Sequence[str] = IMAGE_ENDINGS,
    is_valid_file: Callable[[str], bool] | None = None,
) -> list[Path]:
    """The image files in a folder and those below it, sorted by path.

    A file is an image if its name ends in one of `endings`, in small letters or capitals, or if
    `is_valid_file(path)` says so. Hidden files and folders, whose names begin with a dot, are left
    out, and what is no file: folders, links that lead nowhere. Links to folders are followed, once
    around where they lead back.

    Raises PermissionError for a folder that may not be read.
    """

    def is_image(entry: os.DirEntry) -> bool:
        if is_hidden(entry.name) or not is_file(entry):
            return False
        if is_valid_file is not None:
            return is_valid_file(entry.path)
        return entry.name.lower().endswith(tuple(endings))

    return sorted(Path(entry.path) for entry in _entries(os.fspath(folder)) if is_image(entry))


def _entries(folder: str, above: tuple = ()) -> Iterator[os.DirEntry]:
    """What is in a folder, and in those below it that do not hold it themselves."""
    status = os.stat(folder)
    place = (status.st_dev, status.st_ino)
    if place in above:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            yield entry
            if is_folder(entry) and not is_hidden(entry.name):
                yield from _entries(entry.path, (*above, place))


def is_folder(entry: os.DirEntry) -> bool:
    """As `entry.is_dir()`, and False for a link that leads nowhere or to itself."""
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()


def is_file(entry: os.DirEntry) -> bool:
    """As `entry.is_file()`, and False for a link that leads nowhere or to itself."""
    return os.path.isfile(entry.path) if entry.is_symlink() else entry.is_file()


def is_hidden(name: str) -> bool:
    """Whether a file or folder is no part of the data: .name, and what macOS packs beside it."""
    return name.startswith(".") or name == "__MACOSX"


def as_endings(extensions: Sequence[str]) -> tuple[str, ...]:
    """`extensions` in small letters; ValueError unless each is text that begins with a dot."""
    some = [extensions] if isinstance(extensions, str) else list(extensions)
    if not some or any(not isinstance(e, str) or not e.startswith(".") for e in some):
        raise ValueError(f"ImageFolder: extensions={extensions!r} must be like ('.png', '.jpg')")
    return tuple(ending.lower() for ending in some)
