"""Perspective transforms of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .forms import Image, get_dimensions
from .interpolation import InterpolationMode, as_interpolation
from .places import INTERPOLATIONS, at_places
from .transform import RandomTransform, generator_or


def perspective(
    img: Image,
    startpoints: Sequence[Sequence[int]],
    endpoints: Sequence[Sequence[int]],
    interpolation: InterpolationMode | str | int = InterpolationMode.BILINEAR,
    fill: float | Sequence[float] | None = None,
) -> Image:
    """(..., H, W) -> the same shape: map four points (x, y) to four others.

    The pixel at (x, y) comes from ((a x + b y + c) / (g x + h y + 1), (d x + e y + f) / (g x + h y
    + 1)); the four pairs of points determine the eight numbers. interpolation, fill: as in
    `rotate`.

    Raises: ValueError unless both have four points, no three of them on a line.
    """
    start, end = np.asarray(startpoints, np.float64), np.asarray(endpoints, np.float64)
    if start.shape != (4, 2) or end.shape != (4, 2):
        raise ValueError(
            f"perspective: startpoints={startpoints} and endpoints={endpoints} must be four (x, y)"
        )
    rows = []
    for (x, y), (u, v) in zip(end, start, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    try:
        where = np.linalg.solve(rows, start.ravel())
    except np.linalg.LinAlgError:
        raise ValueError(
            f"perspective: of endpoints={endpoints} no three may be on a line"
        ) from None
    return at_places("perspective", img, interpolation, fill, _places, where)


def _places(h: int, w: int, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y, x = (places + 0.5 for places in np.ogrid[:h, :w])
    across = where[0] * x + where[1] * y + where[2], where[3] * x + where[4] * y + where[5]
    depth = where[6] * x + where[7] * y + 1
    return across[1] / depth - 0.5, across[0] / depth - 0.5


@dataclass
class RandomPerspective(RandomTransform):
    """(C, H, W) -> the same shape, with probability `p` in a random perspective.

    distortion_scale: the largest inward shift of each corner, a fraction in [0, 1] of half the
    side. interpolation, fill: as in `functional.rotate`.

    Raises: ValueError for invalid settings.
    """

    distortion_scale: float = 0.5
    p: float = 0.5
    interpolation: str = "bilinear"
    fill: float | Sequence[float] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        name = "RandomPerspective"
        self.interpolation = as_interpolation(name, self.interpolation, INTERPOLATIONS)
        if not 0 <= self.distortion_scale <= 1:
            raise ValueError(f"{name}: distortion_scale={self.distortion_scale} must be in [0, 1]")

    @staticmethod
    def get_params(
        width: int, height: int, distortion_scale: float, rng: np.random.Generator | None = None
    ) -> tuple[list[list[int]], list[list[int]]]:
        """(startpoints, endpoints): the corners and their random targets."""
        rng = generator_or(rng)
        most = int(distortion_scale * (width // 2)), int(distortion_scale * (height // 2))
        start = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
        end = []
        for x, y in start:
            right, down = (int(rng.integers(n + 1)) for n in most)
            end.append([abs(x - right), abs(y - down)])
        return start, end

    def change(self, image: Image, rng: np.random.Generator) -> Image:
        _, h, w = get_dimensions(image)
        points = self.get_params(w, h, self.distortion_scale, rng)
        return perspective(image, *points, self.interpolation, self.fill)
