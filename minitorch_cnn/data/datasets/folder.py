"""ImageFolder: image files sorted into one folder per class."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..dataset import Dataset
from ..randomness import sample_generator

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


class ImageFolder(Dataset):
    """The images root/class/**/name.png (or .jpg and so on), decoded when asked for.

    Sample i is (image (C, H, W) float32 in [0, 1], label). Folders are the classes, sorted by name;
    names that begin with a dot are left out. There may be more images than memory holds and they
    may differ in size; `transform`, a callable `(image, rng) -> image`, then makes the sizes equal.
    channels: 3 for colour, 1 for grey.

    Attributes: paths, labels (N,) int64, classes. There is no array of all images.

    Raises FileNotFoundError if root has no folders or one of them no images; __getitem__ ValueError
    for a file that cannot be decoded, ImportError without Pillow.
    """

    def __init__(self, root: str | Path, channels: int = 3, transform: Callable | None = None):
        if channels not in (1, 3):
            raise ValueError(f"ImageFolder: channels={channels} must be 1 or 3")
        self.root = Path(root)
        self.channels = channels
        self.transform = transform
        folders = sorted(
            path
            for path in (self.root.iterdir() if self.root.is_dir() else ())
            if path.is_dir() and not path.name.startswith(".")
        )
        if not folders:
            raise FileNotFoundError(
                f"ImageFolder: {self.root} has no folders; put the images of each class into a "
                "folder of its own, root/class/image.png"
            )
        self.classes = [folder.name for folder in folders]
        self.paths: list[Path] = []
        labels = []
        for label, folder in enumerate(folders):
            paths = sorted(
                path
                for path in folder.rglob("*")
                if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
            )
            if not paths:
                raise FileNotFoundError(
                    f"ImageFolder: {folder} has no images; expected {', '.join(SUFFIXES)}"
                )
            self.paths += paths
            labels += [label] * len(paths)
        self.labels = np.array(labels, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        image = read_image(self.paths[index], self.channels)
        if self.transform is not None:
            image = self.transform(image, sample_generator())
        return image, int(self.labels[index])

    def __repr__(self) -> str:
        return f"ImageFolder({str(self.root)!r}: {len(self)} images, {len(self.classes)} classes)"


def read_image(path: str | Path, channels: int = 3) -> np.ndarray:
    """An image file -> (channels, H, W) float32 in [0, 1], colour for 3 channels, grey for 1.

    Raises FileNotFoundError if there is none, ValueError naming the file if it cannot be decoded,
    ImportError without Pillow.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise ImportError("read_image: needs Pillow (pip install pillow)") from error
    try:
        with Image.open(path) as file:
            upright = ImageOps.exif_transpose(file)  # as the camera was held
            if upright.mode.startswith("I"):  # 16 bits, which convert would cut off at 255
                upright = Image.fromarray((np.asarray(upright) / 257).astype(np.uint8))
            pixels = np.asarray(upright.convert("RGB" if channels == 3 else "L"))
    except FileNotFoundError:
        raise
    except Exception as error:  # Pillow's decoders raise what they like: OSError, SyntaxError, ...
        raise ValueError(f"read_image: {path} cannot be decoded: {error}") from error
    planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return planes / np.float32(255)
