"""The forms of an image, and functions that accept any form and return the same one.

An image is a float32 array (C, H, W) from our data sets, a Tensor (..., C, H, W) of any dtype, or a
Pillow image. Functions of images are written for arrays (..., C, H, W); `takes_images` converts
their arguments and results. They get one of

    "pixels"   unchanged values, for functions that only move pixels
    "numbers"  floats of the same range, rounded to integers afterwards, for interpolation
    "levels"   unchanged values without alpha
    "colours"  floats with 1 for white, without alpha
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from ...autograd import is_grad_enabled
from ...tensor.tensor import Tensor

# An array, a Tensor or a Pillow image. A function returns the form of its argument, which no type
# alias can express, so checkers see Any.
Image: TypeAlias = Any

HINT = "; ToTensor() or ToPILImage() converts an array (H, W, C)"


def is_picture(image: Image) -> bool:
    """Whether `image` is a Pillow image; Pillow need not be installed."""
    return hasattr(image, "getbands")


def check_image(name: str, image: Image) -> None:
    """Check that it is an image. Raises: TypeError or ValueError, beginning with `name`."""
    if is_picture(image):
        return
    if isinstance(image, Tensor):
        if image.ndim < 2 or 0 in image.shape:
            raise ValueError(f"{name}: image must have the shape (..., C, H, W), got {image.shape}")
        return
    if not isinstance(image, np.ndarray) or image.dtype != np.float32:
        kind = image.dtype if isinstance(image, np.ndarray) else type(image).__name__
        raise TypeError(
            f"{name}: image must be a float32 array (C, H, W), a Tensor or a Pillow image, "
            f"got {kind}{HINT if isinstance(image, np.ndarray) else ''}"
        )
    if image.ndim != 3 or 0 in image.shape:
        raise ValueError(f"{name}: image must have the shape (C, H, W), got {image.shape}")
    if image.shape[2] in (1, 3, 4) and min(image.shape[:2]) > 4:
        raise ValueError(
            f"{name}: image must have the shape (C, H, W), and {image.shape} looks like (H, W, C)"
            f"{HINT}"
        )


def get_dimensions(img: Image) -> list[int]:
    """[channels, height, width] of an image, with one channel if it has two axes."""
    if is_picture(img):
        return [len(img.getbands()), img.height, img.width]
    return [img.shape[-3] if img.ndim > 2 else 1, *img.shape[-2:]]


def get_image_size(img: Image) -> list[int]:
    """[width, height] of an image."""
    return get_dimensions(img)[:0:-1]


def get_image_num_channels(img: Image) -> int:
    """The channels of an image."""
    return get_dimensions(img)[0]


def takes_images(
    values: str, recorded: bool = False, name: str | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a function of an array (..., C, H, W) and more arguments accept images of any form.

    values: the values it gets, see above. recorded: whether it accepts Tensors and is
    differentiable; other functions refuse a Tensor that requires grad, whose gradient would be
    lost. name: the beginning of errors, by default the function's name.
    """

    def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
        caller = function.__name__ if name is None else name

        @functools.wraps(function)
        def on_image(img: Image, *args: Any, **settings: Any) -> Any:
            check_image(caller, img)
            if isinstance(img, Tensor) and img.requires_grad and is_grad_enabled():
                if recorded:
                    return function(img, *args, **settings)
                raise RuntimeError(
                    f"{caller}: the image requires grad, but {caller} has no gradient; detach() it"
                )
            array, close = opened(caller, img, values)
            result = function(array, *args, **settings)
            if isinstance(result, tuple):
                return tuple(close(part) for part in result)
            return close(result)

        return on_image

    return decorated


def opened(name: str, image: Image, values: str) -> tuple[np.ndarray, Callable[..., Any]]:
    """The array that a function gets for an image, and a function that converts its result back."""
    if isinstance(image, np.ndarray):
        return image, lambda array: array
    alpha = None
    if isinstance(image, Tensor):
        raw = image.detach().cpu().numpy()
    else:
        raw = planes_of(image)
        if values in ("levels", "colours"):
            if image.mode not in ("L", "LA", "RGB", "RGBA", "I", "F"):
                raise TypeError(
                    f"{name}: an image of mode {image.mode} has no colours to compute with; "
                    "convert('RGB') it"
                )
            if image.mode in ("LA", "RGBA"):
                raw, alpha = raw[:-1], raw[-1:]
    array = raw
    if values == "numbers" and (raw.dtype.kind != "f" or raw.dtype == np.float16):
        array = raw.astype(np.float32 if raw.dtype.itemsize <= 2 else np.float64)
    elif values == "colours":
        array = _in_unit_range(name, raw)

    def close(result: np.ndarray) -> Any:
        if values == "colours" and raw.dtype.kind in "iu":
            result = result * result.dtype.type(white_of(raw))
        result = as_dtype(result, raw.dtype)
        if isinstance(image, Tensor):
            return Tensor(np.ascontiguousarray(result)).to(image.device)
        return picture_of(result if alpha is None else np.concatenate([result, alpha]), image)

    return array, close


def white_of(array: np.ndarray | Tensor) -> int:
    """The value of white in a dtype: 1 in floats, the largest value in integers."""
    return 1 if array.dtype.kind in "fb" else int(np.iinfo(array.dtype).max)


def _in_unit_range(name: str, raw: np.ndarray) -> np.ndarray:
    if raw.dtype.kind == "b":
        raise TypeError(f"{name}: image must be of numbers, got bool")
    if raw.dtype.kind == "f":
        return raw.astype(np.float32) if raw.dtype == np.float16 else raw
    kind = np.float32 if raw.dtype.itemsize <= 2 else np.float64
    return raw / kind(white_of(raw))


def as_dtype(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """`array` in `dtype`; floats are rounded and clamped to its integers."""
    if array.dtype == dtype:
        return array
    if array.dtype.kind == "f" and dtype.kind == "b":
        return array >= 0.5
    if array.dtype.kind == "f" and dtype.kind in "iu":
        ends = np.iinfo(dtype)
        return np.rint(array).clip(ends.min, ends.max).astype(dtype)
    return array.astype(dtype)


def planes_of(picture: Image) -> np.ndarray:
    """A Pillow image -> its values (C, H, W): indices of a palette, bool for mode 1.

    Mode I gives int32, I;16 uint16, F float32, others uint8.
    """
    pixels = np.asarray(picture)
    return np.moveaxis(pixels if pixels.ndim == 3 else pixels[..., None], -1, 0)


def picture_of(planes: np.ndarray, like: Image) -> Image:
    """Planes (C, H, W) as a Pillow image in the mode of another, or L or RGB for 1 or 3 planes."""
    from PIL import Image

    mode = like.mode
    if len(planes) != len(like.getbands()):
        mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[len(planes)]
    if mode == "1":
        return Image.fromarray(planes[0])
    pixels = np.ascontiguousarray(np.moveaxis(planes, 0, -1))
    picture = Image.frombytes(mode, (planes.shape[2], planes.shape[1]), pixels.tobytes())
    if mode == "P":
        picture.putpalette(like.getpalette())
        picture.info.update({k: v for k, v in like.info.items() if k == "transparency"})
    return picture
