"""Reading an image file of any supported format as an array.

The content of a file decides its format, not its name. Only the formats below are tried: Pillow
knows many more, and one of them (EPS) starts another program.
"""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FORMATS = (
    "AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP",
)  # fmt: skip
# The suffixes of such files, which distinguish a folder's images from its other files.
IMAGE_ENDINGS = (
    ".apng", ".avif", ".bmp", ".dib", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg",
    ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp",
)  # fmt: skip

MAX_PIXELS = 89_478_485  # Pillow's own limit: a quarter of a GiB in RGB

ORIENTATION = 0x0112  # EXIF's tag
# The operations that turn an image (H, W, ...) in EXIF orientation 2 to 8 upright.
UPRIGHT = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a[::-1].swapaxes(0, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a[:, ::-1].swapaxes(0, 1),
}

_without_limit = threading.Lock()


def read_image(path: str | Path, channels: int = 3, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """An image file -> (channels, H, W) float32 in [0, 1], colour for 3 channels, grey for 1.

    Supported formats, recognised by content, are AVIF, BMP, GIF, JPEG, JPEG 2000, PNG, PPM and
    related ones, TIFF and WebP; of an animation the first image is read. EXIF orientation is
    applied. Transparent pixels become white, or black if the visible pixels are so bright (0.9 or
    more on average) that they would vanish on white; an image without visible pixels keeps its
    colours. Grey images of more than 8 bits are divided by their full scale: 65535; for 32-bit
    integers 255 if no value is above it; for floats 1, or else these two.

    Raises: FileNotFoundError for a missing file, another OSError if it cannot be opened,
    ImportError without Pillow, and ValueError, naming the file, if it cannot be decoded, has values
    beyond every scale, or more than `max_pixels`: a small file can hold an image that fills the
    memory.
    """
    if channels not in (1, 3):
        raise ValueError(f"read_image: channels={channels} must be 1 or 3")
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise ImportError("read_image: needs Pillow (pip install pillow)") from error
    try:
        # Given a path, Pillow maps some files into memory and misreads rotated ones.
        with open(path, "rb") as content, _opened(Image, content) as file:
            width, height = file.size
            if width * height > max_pixels:
                raise ValueError(
                    f"it has {width} x {height} pixels, more than max_pixels={max_pixels}; give a "
                    "larger max_pixels to read it"
                )
            pixels = _pixels(Image, file, "RGB" if channels == 3 else "L")
            pixels = UPRIGHT.get(_orientation(file), lambda a: a)(pixels)
    except (FileNotFoundError, IsADirectoryError, PermissionError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise ValueError(
            f"read_image: {path} cannot be decoded: it is none of {', '.join(FORMATS)}, or damaged"
        ) from error
    except Exception as error:  # Pillow's decoders raise many types: OSError, SyntaxError, ...
        raise ValueError(f"read_image: {path} cannot be decoded: {error}") from error
    planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    if planes.dtype == np.uint8:
        planes = planes / np.float32(255)
    return planes if len(planes) == channels else np.repeat(planes, channels, axis=0)


def _opened(image: Any, content: Any) -> Any:
    """The image in a file, with pixels not yet decoded; `image` is the module PIL.Image."""
    try:
        return image.open(content, formats=_formats(image))
    except (image.DecompressionBombError, image.DecompressionBombWarning):
        # Pillow's limit is global, so check our own instead.
        content.seek(0)
        with _without_limit:
            limit, image.MAX_IMAGE_PIXELS = image.MAX_IMAGE_PIXELS, None
            try:
                return image.open(content, formats=_formats(image))
            finally:
                image.MAX_IMAGE_PIXELS = limit


@cache
def _formats(image: Any) -> list[str]:
    """The `FORMATS` that this build of Pillow supports."""
    image.init()
    return [name for name in FORMATS if name in image.OPEN]


def _orientation(file: Any) -> int:
    try:
        return file.getexif().get(ORIENTATION, 1)
    except Exception:  # damaged metadata does not matter
        return 1


def _pixels(image: Any, file: Any, mode: str) -> np.ndarray:
    """The image as uint8 (H, W, 3) for mode "RGB", (H, W) for "L"; deep grey as float32."""
    file.load()
    transparent = file.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in file.info
    if file.mode[0] in "IF":
        return _scaled_grey(np.asarray(file), file)
    if file.mode == "LAB":
        from PIL import ImageCms

        lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        colours: Any = ImageCms.profileToProfile(file, lab, rgb, outputMode="RGB")
        return np.asarray(colours.convert(mode))
    if transparent:
        return np.asarray(_on_a_ground(image, file.convert("RGBA")).convert(mode))
    return np.asarray(file.convert(mode))


def _on_a_ground(image: Any, picture: Any) -> Any:
    """An RGBA image on white, or on black if it would vanish on white."""
    alpha = np.asarray(picture.getchannel("A"))
    lightest, darkest = alpha.max(), alpha.min()
    if darkest == 255 or lightest == 0:
        return picture.convert("RGB")
    bright = np.average(np.asarray(picture.convert("RGB").convert("L")), weights=alpha)
    ground = "black" if bright >= 0.9 * 255 else "white"
    return image.alpha_composite(image.new("RGBA", picture.size, ground), picture)


def _scaled_grey(values: np.ndarray, file: Any) -> np.ndarray:
    """16- or 32-bit integers, or floats, (H, W) -> float32 in [0, 1].

    Pillow may hold the 16 bits of PNG and PPM in an image of 32 bits.
    """
    low, high = values.min(), values.max()
    if values.dtype.itemsize == 2 or (file.mode == "I" and file.format in ("PNG", "PPM")):
        scales = [65535]
    else:
        scales = [1, 255, 65535] if file.mode == "F" else [255, 65535]
    fitting = [scale for scale in scales if high <= scale]
    if not (low >= 0 and fitting):  # also true for NaN
        raise ValueError(f"its values are {low}..{high}; expected 0..{scales[-1]}")
    grey = values / np.float32(fitting[0])
    hidden = file.info.get("transparency")
    seen = values != hidden if isinstance(hidden, int) else np.False_
    if seen.any():
        grey[~seen] = 1 if grey[seen].mean() < 0.9 else 0
    return grey.astype(np.float32, copy=False)
