"""Transforms that change the values of an image and leave its geometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...kernels.matmul import matmul
from .transform import Transform


@dataclass
class Normalize(Transform):
    """y = (x - mean) / std per channel; mean, std: one number for each channel, or one for all.

    Raises ValueError if a std is not above zero or the number of channels is another.
    """

    mean: Sequence[float]
    std: Sequence[float]

    def __post_init__(self):
        self.mean = tuple(float(value) for value in self.mean)
        self.std = tuple(float(value) for value in self.std)
        if len(self.mean) != len(self.std) or not self.mean:
            raise ValueError(
                f"Normalize: mean={self.mean} and std={self.std} must have one number per channel"
            )
        if not all(value > 0 for value in self.std):
            raise ValueError(f"Normalize: std={self.std} must be above zero")

    def apply(self, image, rng):
        if len(self.mean) not in (1, len(image)):
            raise ValueError(
                f"Normalize: mean has {len(self.mean)} numbers, the image {len(image)} channels"
            )
        mean = np.array(self.mean, dtype=np.float32)[:, None, None]
        return (image - mean) / np.array(self.std, dtype=np.float32)[:, None, None]


@dataclass
class ColorJitter(Transform):
    """Change brightness, contrast and saturation, in random order, by random factors.

    Each factor f is drawn evenly from [max(0, 1 - strength), 1 + strength]; then, clipped to [0,
    1],
    brightness: y = f x; contrast: y = f x + (1 - f) mean(grey); saturation: y = f x + (1 - f) grey.
    Values are in [0, 1], so this comes before `Normalize`. An image of one channel has no
    saturation and keeps it.

    Raises ValueError for a negative strength, or an image of neither 1 nor 3 channels.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0

    def __post_init__(self):
        for name in ("brightness", "contrast", "saturation"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"ColorJitter: {name}={getattr(self, name)} must be at least 0")

    def apply(self, image, rng):
        if len(image) not in (1, 3):
            raise ValueError(
                f"ColorJitter: the image has {len(image)} channels, it must have 1 or 3"
            )
        for name in rng.permutation(["brightness", "contrast", "saturation"]):
            strength = getattr(self, name)
            if strength == 0:
                continue
            factor = np.float32(rng.uniform(max(0.0, 1 - strength), 1 + strength))
            towards = 0.0 if name == "brightness" else grey(image)
            if name == "contrast":
                towards = towards.mean()
            image = np.clip(factor * image + (1 - factor) * towards, 0, 1)
        return image


def grey(image: np.ndarray) -> np.ndarray:
    """(1 or 3, H, W) -> (1, H, W): the brightness the eye sees, by the weights of ITU-R BT.601."""
    if len(image) == 1:
        return image
    red, green, blue = image
    return (0.299 * red + 0.587 * green + 0.114 * blue)[None]


@dataclass
class PCALighting(Transform):
    """Shift all pixels along the principal components of the pixels' colours, at random.

    y = x + sum_i a_i l_i p_i,  a_i from N(0, std^2), p_i = eigenvectors[:, i], l_i = eigenvalues[i]
    of the covariance (3, 3) of R, G, B over the pixels of the training images, with values in [0,
    1] (so this comes before `Normalize`). From AlexNet (Krizhevsky et al. 2012), section 4.1, which
    does not print its values; the defaults are those of ImageNet in common use since
    fb.resnet.torch (2016). `pixel_pca` computes them for other images.

    Raises ValueError for shapes other than (3, 3) and (3,), or an image that has not 3 channels.
    """

    std: float = 0.1
    eigenvectors: Sequence[Sequence[float]] = (
        (-0.5675, 0.7192, 0.4009),
        (-0.5808, -0.0045, -0.8140),
        (-0.5836, -0.6948, 0.4203),
    )
    eigenvalues: Sequence[float] = (0.2175, 0.0188, 0.0045)

    def __post_init__(self):
        shapes = np.shape(self.eigenvectors), np.shape(self.eigenvalues)
        if shapes != ((3, 3), (3,)):
            raise ValueError(
                f"PCALighting: eigenvectors and eigenvalues have shapes {shapes}; "
                "they must be (3, 3) and (3,)"
            )
        if not self.std >= 0:
            raise ValueError(f"PCALighting: std={self.std} must be at least 0")

    def apply(self, image, rng):
        if len(image) != 3:
            raise ValueError(f"PCALighting: the image has {len(image)} channels, it must have 3")
        parts = rng.normal(0, self.std, 3) * self.eigenvalues
        shift = np.asarray(self.eigenvectors) @ parts
        return image + shift.astype(np.float32)[:, None, None]


def pixel_pca(dataset) -> tuple[np.ndarray, np.ndarray]:
    """Samples (image (3, H, W), ...) -> (eigenvectors (3, 3), eigenvalues (3,)) for `PCALighting`.

    Of the covariance of R, G, B over all pixels of all images, the largest eigenvalue first; column
    i of the eigenvectors belongs to eigenvalue i.
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
