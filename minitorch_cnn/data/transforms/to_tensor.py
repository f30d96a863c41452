"""Between pictures of Pillow, arrays as other programs hold them, and images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...dtypes import get_default_dtype
from ...tensor.tensor import Tensor
from .forms import Image, is_picture, planes_of, white_of


def to_tensor(pic: Image) -> Tensor:
    """A picture of Pillow, or an array (H, W) or (H, W, C) -> a Tensor (C, H, W).

    Bytes are divided by 255 in the default dtype; other arrays keep their values and their dtype.
    Of pictures, a palette gives its indices as bytes, mode 1 gives 0 and 1 in floats, I and I;16
    int32, F float32. What is a float32 image (C, H, W) already, as the data sets here give it, is
    kept: an array whose first axis has 1, 3 or 4 elements and whose last has neither 1 nor 3. So is
    a Tensor.

    Raises TypeError for anything else, ValueError for an array of other axes.
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
            f"{name}: image must be a picture of Pillow or an array (H, W, C), got "
            f"{type(image).__name__}"
        )
    if image.dtype.kind not in "biuf":
        raise TypeError(f"{name}: image must be an array of numbers, got {image.dtype}")
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise ValueError(f"{name}: image must have the shape (H, W, C), got {image.shape}")
    return image


def has_planes(image: np.ndarray) -> bool:
    """Whether an array is (C, H, W) by its shape, and not (H, W, C)."""
    return image.ndim == 3 and image.shape[0] in (1, 3, 4) and image.shape[2] not in (1, 3)


def pil_to_tensor(pic: Image) -> Tensor:
    """A picture of Pillow -> a Tensor (C, H, W) of its values as they are, mostly uint8.

    Raises TypeError for anything else.
    """
    return _values_of("pil_to_tensor", pic)


def _values_of(name: str, pic: Image) -> Tensor:
    if not is_picture(pic):
        raise TypeError(f"{name}: image must be a picture of Pillow, got {type(pic).__name__}")
    planes = planes_of(pic)
    planes = planes * np.uint8(255) if planes.dtype == bool else planes
    return Tensor(np.array(_wide_enough(planes), order="C"))


def _wide_enough(values: np.ndarray) -> np.ndarray:
    """Unsigned numbers of more than a byte, which no Tensor holds, in the next wider integers."""
    wider = {"uint16": np.int32, "uint32": np.int64}.get(values.dtype.name)
    return values if wider is None else values.astype(wider)


# What 1, 2, 3 and 4 channels of bytes can be, the first unless another is asked for.
MODES = {1: ("L",), 2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}
# What one channel of another dtype is.
GREY_MODES = {"int16": "I;16", "uint16": "I;16", "int32": "I", "float32": "F"}


def to_pil_image(pic: Image, mode: str | None = None) -> Image:
    """A Tensor (C, H, W) or (H, W), or an array (H, W, C) or (H, W) -> a picture of Pillow.

    Floats of a Tensor, and of a float32 array (C, H, W) as the data sets here give it, are
    multiplied by 255 and rounded down, as in torchvision; of arrays (H, W) of other types than
    bytes, int16 and uint16 become mode I;16, int32 I, float32 F. mode: "YCbCr" or "HSV" for three
    channels of bytes, "CMYK" or "RGBX" for four, "F" for one of floats.

    Raises TypeError for anything else, ValueError for other axes, channels or modes, ImportError
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
    """The values (H, W, C) of a picture, bytes where they were floats."""
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
        # Below 0 and above white there is no byte; PyTorch's would wrap around.
        planes = (planes * 255).clip(0, 255).astype(np.uint8)
    elif planes.dtype.kind == "f":
        planes = planes.astype(np.float32)
    return np.moveaxis(planes, 0, -1)


def convert_image_dtype(image: Tensor, dtype: np.dtype | type = np.float32) -> Tensor:
    """A Tensor in another dtype, in which white is white again: 1 in floats, 255 in uint8.

    Floats become the integer below x (white + 1 - 0.001), integers x // 2^k or x 2^k.

    Raises TypeError for anything but a Tensor of numbers, and from float32 to int32 or wider and
    from float64 to int64, which cannot hold them.
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
    """A Pillow picture, or an array (H, W) or (H, W, C) -> a Tensor (C, H, W); see `to_tensor`."""

    def __call__(self, image: Image, rng: np.random.Generator | None = None) -> Tensor:
        return _tensor_of("ToTensor", image)

    def __repr__(self) -> str:
        return "ToTensor()"


class PILToTensor:
    """A picture of Pillow -> a Tensor (C, H, W) of its values as they are, mostly uint8."""

    def __call__(self, pic: Image, rng: np.random.Generator | None = None) -> Tensor:
        return _values_of("PILToTensor", pic)

    def __repr__(self) -> str:
        return "PILToTensor()"


@dataclass
class ToPILImage:
    """A Tensor (C, H, W), or an array (H, W, C) -> a picture of Pillow; see `to_pil_image`."""

    mode: str | None = None

    def __call__(self, pic: Image, rng: np.random.Generator | None = None) -> Image:
        return to_pil_image(pic, self.mode)


@dataclass
class ConvertImageDtype:
    """A Tensor in another dtype, in which white is white again; see `convert_image_dtype`."""

    dtype: np.dtype | type

    def __call__(self, image: Image, rng: np.random.Generator | None = None) -> Tensor:
        return convert_image_dtype(image, self.dtype)
