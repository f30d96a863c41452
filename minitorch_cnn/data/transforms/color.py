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

    Raises ValueError if a mean is not finite, a std not finite or not above zero, both in float32,
    or the number of channels is another.
    """

    mean: Sequence[float]
    std: Sequence[float]
    inplace: bool = False  # changes nothing: no transform writes to its image

    def __post_init__(self):
        self.mean = tuple(float(value) for value in self.mean)
        self.std = tuple(float(value) for value in self.std)
        if len(self.mean) != len(self.std) or not self.mean:
            raise ValueError(
                f"Normalize: mean={self.mean} and std={self.std} must have one number per channel"
            )
        with np.errstate(over="ignore"):
            mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        if not np.isfinite(mean).all():
            raise ValueError(f"Normalize: mean={self.mean} must be finite")
        if not (np.isfinite(std) & (std > 0)).all():
            raise ValueError(f"Normalize: std={self.std} must be finite and above zero")

    def apply(self, image, rng):
        if len(self.mean) not in (1, len(image)):
            raise ValueError(
                f"Normalize: mean has {len(self.mean)} numbers, the image {len(image)} channels"
            )
        mean = np.array(self.mean, dtype=np.float32)[:, None, None]
        return (image - mean) / np.array(self.std, dtype=np.float32)[:, None, None]


@dataclass
class ColorJitter(Transform):
    """Change brightness, contrast, saturation and hue, in random order, by random factors.

    Each factor f is drawn evenly from [max(0, 1 - strength), 1 + strength], or from the (low, high)
    that is given in place of a strength; then, clipped to [0, 1],
    brightness: y = f x; contrast: y = f x + (1 - f) mean(grey); saturation: y = f x + (1 - f) grey.
    hue: the hue is turned by f, a share of the circle of colours drawn from [-strength, strength]
    or the (low, high) given, within [-1/2, 1/2].
    Values are in [0, 1], so this comes before `Normalize`. An image of one channel has no
    saturation and no hue and keeps it.

    Raises ValueError for a negative strength or factor, low above high, a hue beyond 1/2, or an
    image of neither 1 nor 3 channels.
    """

    brightness: float | tuple[float, float] = 0.0
    contrast: float | tuple[float, float] = 0.0
    saturation: float | tuple[float, float] = 0.0
    hue: float | tuple[float, float] = 0.0

    def __post_init__(self):
        for name in ("brightness", "contrast", "saturation", "hue"):
            self._factors(name)

    def _factors(self, name: str) -> tuple[float, float] | None:
        """The (low, high) of a factor; None if it changes nothing."""
        value = getattr(self, name)
        lowest, highest, nothing = (-0.5, 0.5, 0) if name == "hue" else (0, np.inf, 1)
        if isinstance(value, (tuple, list)):
            if len(value) != 2 or not lowest <= value[0] <= value[1] <= highest:
                raise ValueError(
                    f"ColorJitter: {name}={value} must be (low, high) within {lowest}..{highest}"
                )
            low, high = value
        else:
            if not value >= 0 or (name == "hue" and value > 0.5):
                most = " and at most 0.5" if name == "hue" else ""
                raise ValueError(f"ColorJitter: {name}={value} must be at least 0{most}")
            low, high = max(lowest, nothing - value), nothing + value
        return None if low == high == nothing else (low, high)

    def apply(self, image, rng):
        _check_colours("ColorJitter", image)
        names = ["brightness", "contrast", "saturation"]
        for name in rng.permutation([*names, "hue"] if self._factors("hue") else names):
            factors = self._factors(name)
            if factors is None:
                continue
            factor = np.float32(rng.uniform(*factors))
            if name == "hue":
                image = with_hue_turned(image, factor) if len(image) == 3 else image
                continue
            towards = 0.0 if name == "brightness" else grey(image)
            if name == "contrast":
                towards = towards.mean()
            image = np.clip(factor * image + (1 - factor) * towards, 0, 1)
        return image


def with_hue_turned(image: np.ndarray, turn: float) -> np.ndarray:
    """(3, H, W) with the hue of each pixel turned by a share of the circle; grey stays grey.

    In HSV the hue is a place on the circle red, yellow, green, cyan, blue, magenta: of six parts,
    in each of which one channel is the largest, one the smallest and the third goes between.
    """
    largest, smallest = image.max(0), image.min(0)
    spread = largest - smallest
    red, green, blue = image
    with np.errstate(divide="ignore", invalid="ignore"):
        sixth = np.where(
            largest == red,
            (green - blue) / spread,
            np.where(largest == green, 2 + (blue - red) / spread, 4 + (red - green) / spread),
        )
    sixth = np.where(spread > 0, sixth + 6 * turn, 0).astype(image.dtype)
    # A channel is the largest within a sixth on both sides of its own place and falls from there.
    channels = []
    for place in (0, 2, 4):
        away = np.abs((sixth - place + 3) % 6 - 3)
        channels.append(smallest + spread * np.clip(2 - away, 0, 1))
    return np.stack(channels).astype(image.dtype)


@dataclass
class Grayscale(Transform):
    """(1 or 3, H, W) -> (num_output_channels, H, W), all channels the grey of the image.

    Raises ValueError unless num_output_channels is 1 or 3, or for an image of other channels.
    """

    num_output_channels: int = 1

    def __post_init__(self):
        if self.num_output_channels not in (1, 3):
            raise ValueError(
                f"Grayscale: num_output_channels={self.num_output_channels!r} must be 1 or 3"
            )

    def apply(self, image, rng):
        _check_colours("Grayscale", image)
        return np.repeat(grey(image), self.num_output_channels, axis=0)


@dataclass
class RandomGrayscale(Transform):
    """(1 or 3, H, W) -> the same shape, made grey with probability `p`."""

    p: float = 0.1

    def __post_init__(self):
        if not 0 <= self.p <= 1:
            raise ValueError(f"RandomGrayscale: p={self.p} must be in [0, 1]")

    def apply(self, image, rng):
        _check_colours("RandomGrayscale", image)
        return np.repeat(grey(image), len(image), axis=0) if rng.random() < self.p else image


def _check_colours(name: str, image: np.ndarray) -> None:
    if len(image) not in (1, 3):
        raise ValueError(f"{name}: the image has {len(image)} channels, it must have 1 or 3")


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
