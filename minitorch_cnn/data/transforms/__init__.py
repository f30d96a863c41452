"""Transforms of images: callables `(image, rng) -> image` on float32 arrays (C, H, W)."""

from .color import ColorJitter, Normalize, PCALighting, pixel_pca
from .crop import (
    CenterCrop,
    Cutout,
    Pad,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    ScaleJitter,
    TenCrop,
)
from .resize import Resize, resize
from .transform import Compose, Transform

__all__ = [
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "Cutout",
    "Normalize",
    "PCALighting",
    "Pad",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "Resize",
    "ScaleJitter",
    "TenCrop",
    "Transform",
    "pixel_pca",
    "resize",
]
