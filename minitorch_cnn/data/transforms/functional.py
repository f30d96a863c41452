"""Transforms as functions of an image: a float32 array, a Tensor or a Pillow image."""

from .blur import adjust_sharpness, gaussian_blur
from .color import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
)  # fmt: skip
from .crop import center_crop, crop, five_crop, ten_crop
from .erasing import erase
from .flip import hflip, vflip
from .forms import get_dimensions, get_image_num_channels, get_image_size
from .gray import rgb_to_grayscale, to_grayscale
from .interpolation import InterpolationMode
from .levels import autocontrast, equalize, invert, posterize, solarize
from .normalize import normalize
from .pad import pad
from .perspective import perspective
from .resizing import resize, resized_crop
from .rotation import affine, rotate
from .to_tensor import convert_image_dtype, pil_to_tensor, to_pil_image, to_tensor

__all__ = [
    "InterpolationMode",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "adjust_sharpness",
    "affine",
    "autocontrast",
    "center_crop",
    "convert_image_dtype",
    "crop",
    "equalize",
    "erase",
    "five_crop",
    "gaussian_blur",
    "get_dimensions",
    "get_image_num_channels",
    "get_image_size",
    "hflip",
    "invert",
    "normalize",
    "pad",
    "perspective",
    "pil_to_tensor",
    "posterize",
    "resize",
    "resized_crop",
    "rgb_to_grayscale",
    "rotate",
    "solarize",
    "ten_crop",
    "to_grayscale",
    "to_pil_image",
    "to_tensor",
    "vflip",
]
