"""torchvision.transforms.v2's names: all of this package's, and v2's conversions and mixing.

    v2.Compose([v2.ToImage(), v2.RandomResizedCrop(224), v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(mean, std)])

Each transforms one image, except `MixUp` and `CutMix`, which take a batch and its labels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...functional import one_hot
from ...tensor.tensor import Tensor
from ..randomness import sample_generator
from . import *  # noqa: F403
from .forms import is_picture
from .to_tensor import convert_image_dtype, has_planes, pil_to_tensor

__all__ = ["CutMix", "MixUp", "ToDtype", "ToImage", "ToPureTensor"]


@dataclass
class ToImage:
    """A Pillow image, or an array (H, W) or (H, W, C) -> a Tensor (C, H, W) of its values.

    A Tensor, or an image (C, H, W) of our data sets, keeps its order of axes.

    Raises: TypeError for other values.
    """

    def __call__(self, image: Any, rng: np.random.Generator | None = None) -> Tensor:
        if isinstance(image, Tensor):
            return image
        if is_picture(image):
            return pil_to_tensor(image)
        if not isinstance(image, np.ndarray) or image.ndim not in (2, 3):
            raise TypeError(
                "ToImage: image must be a Pillow image, an array (H, W, C) or a Tensor, got "
                f"{type(image).__name__}"
            )
        if image.dtype == np.float32 and has_planes(image):
            return Tensor(np.ascontiguousarray(image))
        planes = np.moveaxis(image if image.ndim == 3 else image[..., None], -1, 0)
        return Tensor(np.array(planes, order="C"))


@dataclass
class ToDtype:
    """Convert a Tensor or an array to another dtype; scale: also convert its scale."""

    dtype: Any
    scale: bool = False

    def __call__(self, image: Any, rng: np.random.Generator | None = None) -> Tensor:
        image = image if isinstance(image, Tensor) else Tensor(np.asarray(image))
        return convert_image_dtype(image, self.dtype) if self.scale else image.to(self.dtype)


@dataclass
class ToPureTensor:
    """Return the Tensor unchanged: there are no other kinds."""

    def __call__(self, image: Any, rng: np.random.Generator | None = None) -> Any:
        return image


@dataclass
class _Mixed:
    alpha: float = 1.0
    num_classes: int | None = None

    def __post_init__(self):
        if not self.alpha > 0:
            raise ValueError(f"{type(self).__name__}: alpha={self.alpha} must be above 0")

    def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        name = type(self).__name__
        if images.ndim != 4 or labels.shape[:1] != images.shape[:1]:
            raise ValueError(
                f"{name}: images of shape {images.shape} and labels of shape {labels.shape} must "
                "be a batch (N, C, H, W) and its labels"
            )
        if labels.ndim == 1:
            if self.num_classes is None:
                raise ValueError(f"{name}: num_classes must be given for labels that are classes")
            labels = one_hot(labels, self.num_classes).to(images.dtype)
        rng = sample_generator()
        share = float(rng.beta(self.alpha, self.alpha))
        images, share = self.mixed(images, share, rng)
        return images, labels.roll(1, 0) * (1 - share) + labels * share

    def mixed(self, images: Tensor, share: float, rng: np.random.Generator) -> tuple[Tensor, float]:
        raise NotImplementedError(f"{type(self).__name__}: mixed is not defined")


@dataclass
class MixUp(_Mixed):
    """Average each image and label with the previous one, by a weight from Beta(alpha, alpha).

    images (N, C, H, W), labels (N,) of num_classes or (N, classes) -> images, labels (N, classes).
    From "mixup" (Zhang et al. 2017), arXiv 1710.09412.

    Raises: ValueError for other shapes.
    """

    def mixed(self, images: Tensor, share: float, rng: np.random.Generator) -> tuple[Tensor, float]:
        return images.roll(1, 0) * (1 - share) + images * share, share


@dataclass
class CutMix(_Mixed):
    """Replace a rectangle of each image by that of the previous one, and mix labels by its area.

    Shapes as in MixUp. From "CutMix" (Yun et al. 2019), arXiv 1905.04899.
    """

    def mixed(self, images: Tensor, share: float, rng: np.random.Generator) -> tuple[Tensor, float]:
        h, w = images.shape[-2:]
        y, x = int(rng.integers(h)), int(rng.integers(w))
        half = 0.5 * math.sqrt(1 - share)
        high, wide = int(half * h), int(half * w)
        rows = slice(max(y - high, 0), min(y + high, h))
        columns = slice(max(x - wide, 0), min(x + wide, w))
        out = images.clone()
        out[..., rows, columns] = images.roll(1, 0)[..., rows, columns]
        area = (rows.stop - rows.start) * (columns.stop - columns.start)
        return out, 1 - area / (h * w)
