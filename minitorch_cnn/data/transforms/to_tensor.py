"""Conversion between Pillow images, arrays (H, W, C) and Tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...dtypes import get_default_dtype
from ...tensor.tensor import Tensor
from .forms import Image, is_picture, planes_of, white_of


def to_tensor(pic: Image) -> Tensor:
    """A Pillow image, or an array (H, W) or (H, W, C) -> a Tensor (C, H, W).

    Bytes are divided by 255 in the default dtype; other arrays keep their values and their dtype.
    Of Pillow images, a palette gives its indices as bytes, mode 1 gives 0 and 1 as floats, I and
    I;16 give int32, F float32. A Tensor is kept, and so is a float32 image (C, H, W) of our data
    sets: an array whose first axis has 1, 3 or 4 elements and whose last has neither 1 nor 3.

    Raises: TypeError for other values, ValueError for an array of other axes.
    """
    return _tensor_of("to_tensor", pic)


def _tensor_of(name: str, pic: Image) -> Tensor:
    if isinstance(pic, Tensor):
        return pic
    if is_picture(pic):
        planes = planes_of(pic)
        planes = planes * np.uint8(255) if planes.dtype == bool else planes
    else:
        pixels = _checked(name, pic)
        if pixels.dtype == np.float32 and has_planes(pixels):
            return Tensor(np.ascontiguousarray(pixels))
        planes = np.moveaxis(pixels if pixels.ndim == 3 else pixels[..., None], -1, 0)
    planes = _wide_enough(planes)
    if planes.dtype == np.uint8:
        planes = planes / np.dtype(get_default_dtype()).type(255)
    return Tensor(np.array(planes, order="C"))


def _checked(name: str, image: Image) -> np.ndarray:
    if not isinstance(image, np.ndarray):
        raise TypeError(
            f"{name}: image must be a Pillow image or an array (H, W, C), got "
            f"{type(image).__name__}"
        )
    if image.dtype.kind not in "biuf":
        raise TypeError(f"{name}: image must be an array of numbers, got {image.dtype}")
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise ValueError(f"{name}: image must have the shape (H, W, C), got {image.shape}")
    return image


def has_planes(image: np.ndarray) -> bool:
    """Whether the shape of an array looks like (C, H, W) and not (H, W, C)."""
    return image.ndim == 3 and image.shape[0] in (1, 3, 4) and image.shape[2] not in (1, 3)


def pil_to_tensor(pic: Image) -> Tensor:
    """A Pillow image -> a Tensor (C, H, W) of its unchanged values, mostly uint8.

    Raises: TypeError for other values.
    """
    return _values_of("pil_to_tensor", pic)


def _values_of(name: str, pic: Image) -> Tensor:
    if not is_picture(pic):
        raise TypeError(f"{name}: image must be a Pillow image, got {type(pic).__name__}")
    planes = planes_of(pic)
    planes = planes * np.uint8(255) if planes.dtype == bool else planes
    return Tensor(np.array(_wide_enough(planes), order="C"))


def _wide_enough(values: np.ndarray) -> np.ndarray:
    """Unsigned integers wider than a byte, which Tensors do not support, in the next wider type."""
    wider = {"uint16": np.int32, "uint32": np.int64}.get(values.dtype.name)
    return values if wider is None else values.astype(wider)


# The modes for 1, 2, 3 and 4 channels of bytes; the first is the default.
MODES = {1: ("L",), 2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}
# The mode for one channel of another dtype.
GREY_MODES = {"int16": "I;16", "uint16": "I;16", "int32": "I", "float32": "F"}


def to_pil_image(pic: Image, mode: str | None = None) -> Image:
    """A Tensor (C, H, W) or (H, W), or an array (H, W, C) or (H, W) -> a Pillow image.

    Floats of a Tensor, or of a float32 array (C, H, W) of our data sets, are multiplied by 255 and
    rounded down, as in torchvision. Arrays (H, W) of int16 and uint16 get mode I;16, int32 I,
    float32 F. mode: "YCbCr" or "HSV" for three channels of bytes, "CMYK" or "RGBX" for four, "F"
    for one of floats.

    Raises: TypeError for other values, ValueError for other axes, channels or modes, ImportError
    without Pillow.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("to_pil_image: needs Pillow (pip install pillow)") from error
    pixels = _pixels(pic, mode)
    channels = pixels.shape[2]
    grey = GREY_MODES.get(pixels.dtype.name) if channels == 1 else None
    known = (grey,) if grey else MODES.get(channels, ())
    if pixels.dtype != np.uint8 and grey is None:
        raise TypeError(
            f"to_pil_image: image of {channels} channels must be of bytes, got {pixels.dtype}"
        )
    if not known or (mode is not None and mode not in known):
        raise ValueError(
            f"to_pil_image: mode={mode!r} must be one of {list(known)} for {channels} channels"
        )
    values = pixels.view(np.uint16) if pixels.dtype == np.int16 else pixels
    size = (pixels.shape[1], pixels.shape[0])
    return Image.frombytes(mode or known[0], size, np.ascontiguousarray(values).tobytes())


def _pixels(pic: Image, mode: str | None) -> np.ndarray:
    """The values (H, W, C) of an image, with floats converted to bytes."""
    if isinstance(pic, Tensor):
        planes = pic.detach().cpu().numpy()
        if planes.ndim not in (2, 3) or 0 in planes.shape:
            raise ValueError(
                f"to_pil_image: image must have the shape (C, H, W), got {planes.shape}"
            )
        planes = planes[None] if planes.ndim == 2 else planes
    else:
        array = _checked("to_pil_image", pic)
        if not (array.dtype == np.float32 and has_planes(array)):
            array = array.astype(np.uint8) * np.uint8(255) if array.dtype == bool else array
            return array if array.ndim == 3 else array[..., None]
        planes = array
    if planes.dtype == bool:
        planes = planes * np.uint8(255)
    if planes.dtype.kind == "f" and mode != "F":
        # Clamp to [0, white]; PyTorch's values would wrap around.
        planes = (planes * 255).clip(0, 255).astype(np.uint8)
    elif planes.dtype.kind == "f":
        planes = planes.astype(np.float32)
    return np.moveaxis(planes, 0, -1)


def convert_image_dtype(image: Tensor, dtype: np.dtype | type = np.float32) -> Tensor:
    """Convert a Tensor to another dtype and its scale: white is 1 in floats, 255 in uint8.

    Floats become the integer below x (white + 1 - 0.001), integers x // 2^k or x 2^k.

    Raises: TypeError for other than a Tensor of numbers, or for the inexact conversions from
    float32 to int32 or int64 and from float64 to int64.
    """
    if not isinstance(image, Tensor) or image.dtype.kind not in "iuf":
        kind = image.dtype if isinstance(image, Tensor) else type(image).__name__
        raise TypeError(f"convert_image_dtype: image must be a Tensor of numbers, got {kind}")
    dtype = np.dtype(dtype)
    if image.dtype == dtype:
        return image
    if dtype.kind == "f":
        return image.to(dtype) if image.dtype.kind == "f" else image.to(dtype) / white_of(image)
    values = image.detach().cpu().numpy()
    white = int(np.iinfo(dtype).max)
    if values.dtype.kind == "f":
        if dtype.itemsize >= 8 or (dtype.itemsize >= 4 and values.itemsize <= 4):
            raise TypeError(f"convert_image_dtype: {values.dtype} cannot become {dtype} exactly")
        converted = np.floor(values * (white + 1.0 - 1e-3)).clip(0, white).astype(dtype)
    else:
        source = int(np.iinfo(values.dtype).max)
        if source > white:
            converted = (values // ((source + 1) // (white + 1))).astype(dtype)
        else:
            converted = values.astype(dtype) * dtype.type((white + 1) // (source + 1))
    return Tensor(converted).to(image.device)


class ToTensor:
    """A Pillow image, or an array (H, W) or (H, W, C) -> a Tensor (C, H, W); see `to_tensor`."""

    def __call__(self, image: Image, rng: np.random.Generator | None = None) -> Tensor:
        return _tensor_of("ToTensor", image)

    def __repr__(self) -> str:
        return "ToTensor()"


class PILToTensor:
    """A Pillow image -> a Tensor (C, H, W) of its unchanged values, mostly uint8."""

    def __call__(self, pic: Image, rng: np.random.Generator | None = None) -> Tensor:
        return _values_of("PILToTensor", pic)

    def __repr__(self) -> str:
        return "PILToTensor()"


@dataclass
class ToPILImage:
    """A Tensor (C, H, W), or an array (H, W, C) -> a Pillow image; see `to_pil_image`."""

    mode: str | None = None

    def __call__(self, pic: Image, rng: np.random.Generator | None = None) -> Image:
        return to_pil_image(pic, self.mode)


@dataclass
class ConvertImageDtype:
    """Convert a Tensor to another dtype and its scale; see `convert_image_dtype`."""

    dtype: np.dtype | type

    def __call__(self, image: Image, rng: np.random.Generator | None = None) -> Tensor:
        return convert_image_dtype(image, self.dtype)
