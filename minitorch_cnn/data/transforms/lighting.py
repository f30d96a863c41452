"""Random shifts of an image's colours along their principal components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...kernels.matmul import matmul
from .forms import Image, get_dimensions, takes_images
from .transform import Transform


@dataclass
class PCALighting(Transform):
    """Shift all pixels randomly along the principal components of the colours.

    y = x + sum_i a_i l_i p_i,  a_i from N(0, std^2), p_i = eigenvectors[:, i], l_i = eigenvalues[i]

    of the covariance (3, 3) of R, G, B over the pixels of the training images. Values are in [0,
    1], so use it before `Normalize`. From AlexNet (Krizhevsky et al. 2012), section 4.1, which does
    not give its numbers; the defaults are those of ImageNet in common use since fb.resnet.torch
    (2016). `pixel_pca` computes them for other images.

    Raises: ValueError for shapes other than (3, 3) and (3,), or an image without 3 channels.
    """

    std: float = 0.1
    eigenvectors: Sequence[Sequence[float]] = (
        (-0.5675, 0.7192, 0.4009),
        (-0.5808, -0.0045, -0.8140),
        (-0.5836, -0.6948, 0.4203),
    )
    eigenvalues: Sequence[float] = (0.2175, 0.0188, 0.0045)

    def __post_init__(self) -> None:
        shapes = np.shape(self.eigenvectors), np.shape(self.eigenvalues)
        if shapes != ((3, 3), (3,)):
            raise ValueError(
                f"PCALighting: eigenvectors and eigenvalues have shapes {shapes}; "
                "they must be (3, 3) and (3,)"
            )
        if not self.std >= 0:
            raise ValueError(f"PCALighting: std={self.std} must be at least 0")

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        channels = get_dimensions(image)[0]
        if channels != 3:
            raise ValueError(f"PCALighting: the image has {channels} channels, it must have 3")
        parts = rng.normal(0, self.std, 3) * self.eigenvalues
        shift = np.asarray(self.eigenvectors) @ parts
        return _shifted(image, shift.astype(np.float32))


@takes_images("colours", name="PCALighting")
def _shifted(image: Image, shift: np.ndarray) -> Image:
    return image + shift[:, None, None]


def pixel_pca(dataset: Any) -> tuple[np.ndarray, np.ndarray]:
    """Samples (image (3, H, W), ...) -> (eigenvectors (3, 3), eigenvalues (3,)) for `PCALighting`.

    They belong to the covariance of R, G, B over all pixels of all images, with the largest
    eigenvalue first; column i of the eigenvectors belongs to eigenvalue i.
    """
    count, total, products = 0, np.zeros(3), np.zeros((3, 3))
    for index in range(len(dataset)):
        image = dataset[index][0]
        if len(image) != 3:
            raise ValueError(f"pixel_pca: image {index} has {len(image)} channels, it must have 3")
        pixels = image.reshape(3, -1).astype(np.float64)
        count += pixels.shape[1]
        total += pixels.sum(axis=1)
        products += matmul(pixels, pixels.T)
    if count == 0:
        raise ValueError("pixel_pca: the data set is empty")
    mean = total / count
    eigenvalues, eigenvectors = np.linalg.eigh(products / count - np.outer(mean, mean))
    return eigenvectors[:, ::-1], eigenvalues[::-1]
