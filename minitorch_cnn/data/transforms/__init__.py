"""Transforms of images: callables `(image, rng) -> image` on float32 arrays (C, H, W)."""

from .chance import Lambda, RandomApply, RandomChoice, RandomOrder
from .color import ColorJitter, Grayscale, Normalize, PCALighting, RandomGrayscale, pixel_pca
from .compose import Compose
from .crop import (
    CenterCrop,
    Cutout,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomVerticalFlip,
    ScaleJitter,
    TenCrop,
)
from .erasing import RandomErasing
from .pad import Pad
from .resize import Resize, resize
from .rotation import RandomAffine, RandomRotation
from .to_tensor import ToTensor
from .transform import Transform

__all__ = [
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "Cutout",
    "Grayscale",
    "Lambda",
    "Normalize",
    "PCALighting",
    "Pad",
    "RandomAffine",
    "RandomApply",
    "RandomChoice",
    "RandomCrop",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomOrder",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "ScaleJitter",
    "TenCrop",
    "ToTensor",
    "Transform",
    "pixel_pca",
    "resize",
]
