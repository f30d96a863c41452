"""DatasetFolder and ImageFolder: files sorted into one folder per class."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..dataset import Dataset
from ..randomness import sample_generator
from ..transforms.transform import applied
from .image_file import IMAGE_ENDINGS, MAX_PIXELS, read_image


class DatasetFolder(Dataset):
    """The samples root/class/**/name.ext, each read on demand by `loader`.

    Sample i is (loader(path), label). The folders, sorted by name, are the classes; their samples
    are the files that `find_images` finds.

    loader: a function of a path (str). extensions: the suffixes of file names, text or a tuple of
    texts. is_valid_file: a function of a path (str) that accepts a sample; it replaces extensions.
    target_transform: a function of the label. allow_empty: whether a class may have no samples.

    Attributes: root, classes, class_to_idx; samples and imgs, one list of (path, label), which the
    data set reads; targets, the list of labels; paths and labels (N,) int64, derived from samples.
    A subclass may override `find_classes` and `make_dataset`.

    Raises: FileNotFoundError if root has no folders or a folder no samples, PermissionError for an
    unreadable folder, TypeError and ValueError for arguments out of range.
    """

    def __init__(
        self,
        root: str | Path,
        loader: Callable[[str], object],
        extensions: Sequence[str] | None = None,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ):
        functions = {"loader": loader, "transform": transform, "target_transform": target_transform}
        for name, function in functions.items():
            if function is not None and not callable(function):
                raise TypeError(f"{type(self).__name__}: {name}={function!r} must be a function")
        if (extensions is None) == (is_valid_file is None):
            raise ValueError(
                f"{type(self).__name__}: either extensions={extensions!r} or "
                f"is_valid_file={is_valid_file!r} must be given"
            )
        self.root = Path(root)
        self.loader = loader
        self.extensions = extensions
        self.transform = transform
        self.target_transform = target_transform
        self.classes, self.class_to_idx = self.find_classes(str(root))
        self._set_samples(
            self.make_dataset(
                str(root), self.class_to_idx, extensions, is_valid_file, allow_empty=allow_empty
            )
        )

    def find_classes(self, directory: str | Path) -> tuple[list[str], dict[str, int]]:
        """(names of the classes, label of each): the folders, sorted by name."""
        classes = [folder.name for folder in class_folders(Path(directory), type(self).__name__)]
        return classes, {name: label for label, name in enumerate(classes)}

    @classmethod
    def make_dataset(
        cls,
        directory: str | Path,
        class_to_idx: dict[str, int],
        extensions: Sequence[str] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> list[tuple[str, int]]:
        """(path, label) for each sample of the classes."""
        endings = () if extensions is None else as_endings(extensions, cls.__name__)
        samples = []
        for name in sorted(class_to_idx):
            folder = Path(directory) / name
            paths = find_images(folder, endings, is_valid_file) if folder.is_dir() else []
            if not paths and not allow_empty:
                wanted = "files that is_valid_file accepts" if is_valid_file else ", ".join(endings)
                what = "images" if issubclass(cls, ImageFolder) else "samples"
                raise FileNotFoundError(
                    f"{cls.__name__}: {folder} has no {what}; expected {wanted}"
                )
            samples += [(str(path), class_to_idx[name]) for path in paths]
        return samples

    def _set_samples(self, samples: list[tuple[str, int]]) -> None:
        self.samples = self.imgs = samples
        self.targets = [label for _, label in samples]

    @property
    def paths(self) -> list[Path]:
        """The paths of all samples."""
        return [Path(path) for path, _ in self.samples]

    @property
    def labels(self) -> np.ndarray:
        """The labels of all samples."""
        return np.array([label for _, label in self.samples], dtype=np.int64)

    @labels.setter
    def labels(self, labels: Sequence[int]) -> None:
        paths = [path for path, _ in self.samples]
        self._set_samples(list(zip(paths, map(int, labels), strict=True)))

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        path, label = self.samples[index]
        image = self._read(path)
        if self.transform is not None:
            image = applied(self.transform, image, sample_generator())
        return image, label if self.target_transform is None else self.target_transform(label)

    def _read(self, path: str) -> Any:
        return self.loader(path)

    def __repr__(self) -> str:
        size = f"{len(self)} samples, {len(self.classes)} classes"
        return f"{type(self).__name__}({str(self.root)!r}: {size})"


class ImageFolder(DatasetFolder):
    """The images root/class/**/name.png (or .jpg and so on), decoded on demand.

    Sample i is (image (C, H, W) float32 in [0, 1], label); see `DatasetFolder`. The images need not
    fit into memory. If they differ in size, `transform`, a callable `(image, rng) -> image`, makes
    the sizes equal.

    loader: a function of a path (str) that replaces `read_image`.
    channels: 3 for colour, 1 for grey; max_pixels: see `read_image`.
    extensions: the suffixes of file names, `IMAGE_ENDINGS` by default.
    broken: None reports a file that cannot be decoded when it is read; "refuse" and "skip" decode
        every file once now, and refuse broken files or skip them with a warning that names them.

    Raises: as DatasetFolder, and with broken="refuse" ValueError that names all broken files;
    __getitem__ raises ValueError for a broken file, ImportError without Pillow.
    """

    def __init__(
        self,
        root: str | Path,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        loader: Callable[[str], object] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
        *,
        channels: int = 3,
        extensions: Sequence[str] | None = None,
        broken: str | None = None,
        max_pixels: int = MAX_PIXELS,
    ):
        if channels not in (1, 3):
            raise ValueError(f"ImageFolder: channels={channels} must be 1 or 3")
        if broken not in (None, "refuse", "skip"):
            raise ValueError(f"ImageFolder: broken={broken!r} must be None, 'refuse' or 'skip'")
        if extensions is not None and is_valid_file is not None:
            raise ValueError("ImageFolder: extensions and is_valid_file exclude each other")
        self.channels = channels
        self.max_pixels = max_pixels
        endings = IMAGE_ENDINGS if extensions is None and is_valid_file is None else extensions
        functions = transform, target_transform, is_valid_file
        reader: Any = loader
        super().__init__(root, reader, endings, *functions, allow_empty)
        if broken is not None:
            self._check_all(broken)

    def _read(self, path: str) -> Any:
        if self.loader is not None:
            return self.loader(path)
        return read_image(path, self.channels, self.max_pixels)

    def __repr__(self) -> str:
        return super().__repr__().replace(" samples,", " images,")

    def _check_all(self, broken: str) -> None:
        """Decode every file; refuse or skip those that cannot be decoded."""
        whole, reasons = [], []
        for sample in self.samples:
            try:
                self._read(sample[0])
                whole.append(sample)
            except ValueError as error:
                reasons.append(str(error).removeprefix("read_image: "))
        if not reasons:
            return
        found = (
            f"ImageFolder: {len(reasons)} of {len(self.samples)} images are broken: "
            + "; ".join(reasons)
        )
        if broken == "refuse" or not whole:
            raise ValueError(found)
        warnings.warn(found, stacklevel=3)
        self._set_samples(whole)


def default_loader(path: str) -> Any:
    """Read a file as an RGB image of Pillow: the loader of torchvision's ImageFolder.

    Raises: ImportError without Pillow.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("default_loader: needs Pillow (pip install pillow)") from error
    with open(path, "rb") as file:
        return Image.open(file).convert("RGB")


def class_folders(root: Path, name: str = "ImageFolder") -> list[Path]:
    """The folders in `root`, sorted by name, without hidden ones.

    Raises: FileNotFoundError, beginning with `name`, if there are none.
    """
    folders = []
    if root.is_dir():
        with os.scandir(root) as entries:
            folders = sorted(e.name for e in entries if is_folder(e) and not is_hidden(e.name))
    if not folders:
        raise FileNotFoundError(
            f"{name}: {root} has no folders; put the images of each class into their own "
            "folder, root/class/image.png"
        )
    return [root / folder for folder in folders]


def find_images(
    folder: str | Path,
    endings: Sequence[str] = IMAGE_ENDINGS,
    is_valid_file: Callable[[str], bool] | None = None,
) -> list[Path]:
    """The image files in a folder and its subfolders, sorted by path.

    A file is an image if its name ends in one of `endings`, in either case, or if
    `is_valid_file(path)` accepts it. Hidden files and folders, whose names begin with a dot, and
    broken links are skipped. Links to folders are followed, but only once around a cycle.

    Raises: PermissionError for an unreadable folder.
    """

    def is_image(entry: os.DirEntry) -> bool:
        if is_hidden(entry.name) or not is_file(entry):
            return False
        if is_valid_file is not None:
            return is_valid_file(entry.path)
        return entry.name.lower().endswith(tuple(endings))

    return sorted(Path(entry.path) for entry in _entries(os.fspath(folder)) if is_image(entry))


def _entries(folder: str, above: tuple = ()) -> Iterator[os.DirEntry]:
    """The entries of a folder and its subfolders, except those that contain it (by a link)."""
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
    """`entry.is_dir()`, or False for a link that is broken or leads to itself."""
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()


def is_file(entry: os.DirEntry) -> bool:
    """`entry.is_file()`, or False for a link that is broken or leads to itself."""
    return os.path.isfile(entry.path) if entry.is_symlink() else entry.is_file()


def is_hidden(name: str) -> bool:
    """Whether a file or folder is hidden: .name, or an extra of macOS archives."""
    return name.startswith(".") or name == "__MACOSX"


def as_endings(extensions: Sequence[str], name: str) -> tuple[str, ...]:
    """`extensions` in lower case. Raises: ValueError unless each is text that begins with a dot."""
    some = [extensions] if isinstance(extensions, str) else list(extensions)
    if not some or any(not isinstance(e, str) or not e.startswith(".") for e in some):
        raise ValueError(f"{name}: extensions={extensions!r} must be like ('.png', '.jpg')")
    return tuple(ending.lower() for ending in some)
