"""Image transforms: callables `(image, rng) -> image`, and their functions in `functional`."""

from . import functional
from .auto_augment import AutoAugment, RandAugment, TrivialAugmentWide
from .blur import GaussianBlur, RandomAdjustSharpness
from .chance import Lambda, RandomApply, RandomChoice, RandomOrder
from .color import ColorJitter
from .compose import Compose
from .crop import CenterCrop, FiveCrop, RandomCrop, TenCrop
from .erasing import Cutout, RandomErasing
from .flip import RandomHorizontalFlip, RandomVerticalFlip
from .gray import Grayscale, RandomGrayscale
from .interpolation import InterpolationMode
from .levels import (
    RandomAutocontrast,
    RandomEqualize,
    RandomInvert,
    RandomPosterize,
    RandomSolarize,
)  # fmt: skip
from .lighting import PCALighting, pixel_pca
from .many_crops import GridCrop, SquareCrops
from .normalize import Normalize
from .pad import Pad
from .perspective import RandomPerspective
from .policies import AutoAugmentPolicy
from .resize import resize
from .resizing import RandomResizedCrop, Resize, ScaleJitter
from .rotation import RandomAffine, RandomRotation
from .to_tensor import ConvertImageDtype, PILToTensor, ToPILImage, ToTensor
from .transform import Transform

__all__ = [
    "AutoAugment",
    "AutoAugmentPolicy",
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "ConvertImageDtype",
    "Cutout",
    "FiveCrop",
    "GaussianBlur",
    "Grayscale",
    "GridCrop",
    "InterpolationMode",
    "Lambda",
    "Normalize",
    "PCALighting",
    "PILToTensor",
    "Pad",
    "RandAugment",
    "RandomAdjustSharpness",
    "RandomAffine",
    "RandomApply",
    "RandomAutocontrast",
    "RandomChoice",
    "RandomCrop",
    "RandomEqualize",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomInvert",
    "RandomOrder",
    "RandomPerspective",
    "RandomPosterize",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomSolarize",
    "RandomVerticalFlip",
    "Resize",
    "ScaleJitter",
    "SquareCrops",
    "TenCrop",
    "ToPILImage",
    "ToTensor",
    "Transform",
    "TrivialAugmentWide",
    "functional",
    "pixel_pca",
    "resize",
]
