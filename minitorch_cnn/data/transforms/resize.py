"""Resizing of images by interpolation, with antialiasing of smaller outputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from ...kernels.matmul import matmul
from .interpolation import InterpolationMode, as_interpolation
from .transform import pair


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(1 - np.abs(x), 0)


def _box(x: np.ndarray) -> np.ndarray:
    return ((x > -0.5) & (x <= 0.5)).astype(np.float64)


def _hamming(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 1, np.sinc(x) * (0.54 + 0.46 * np.cos(np.pi * x)), 0)


def _lanczos(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)


def _cubic(a: float) -> Callable[[np.ndarray], np.ndarray]:
    """Keys's piecewise cubic function of the distance: 1 at 0, 0 from 2 on."""

    def weight(x: np.ndarray) -> np.ndarray:
        x = np.abs(x)
        near = ((a + 2) * x - (a + 3)) * x * x + 1
        far = (((x - 5) * x + 8) * x - 4) * a
        return np.where(x < 1, near, np.where(x < 2, far, 0))

    return weight


# The support of a function, then the function with and without antialiasing, as in PyTorch; None if
# that form does not exist.
FILTERS: dict[str, tuple[Any, Any, Any]] = {
    "bilinear": (1, _triangle, _triangle),
    "bicubic": (2, _cubic(-0.5), _cubic(-0.75)),
    "box": (0.5, _box, None),
    "hamming": (1, _hamming, None),
    "lanczos": (3, _lanczos, None),
}
INTERPOLATIONS = (*FILTERS, "nearest", "nearest-exact")

LARGEST_MATRIX = 2**20  # weights; an axis that needs more is resized in parts
LARGEST_WHOLE = 2**22  # pixels; of larger results only the required part is computed
PART = 2**18  # approximate weights of such a part


def resize(
    images: np.ndarray,
    size: int | tuple[int, int],
    interpolation: InterpolationMode | str | int = "bilinear",
    antialias: bool = True,
) -> np.ndarray:
    """Resize images (..., H, W) float -> (..., OH, OW) of the same dtype, by default bilinearly.

    Pixel i of n covers the interval [i, i + 1] / n, so the centre of output pixel o is at
    c = (o + 1/2) H / OH in the input. The output is a weighted mean of the rows with weights
    f((i + 1/2 - c) / s), s = max(H / OH, 1); likewise for columns. Thus every input pixel
    contributes, however small the output.

    interpolation: "bilinear" uses f(x) = max(1 - |x|, 0); "bicubic" the function of Keys (1981),
        IEEE Trans. ASSP 29, with a = -1/2, whose values may exceed the input's range;
        "nearest" takes pixel floor(o H / OH), and "nearest-exact" the pixel at the centre,
        floor(c), as Pillow does; both accept any dtype.
        "box", "hamming" and "lanczos" are Pillow's functions of these names, always antialiased.
    antialias: False uses s = 1 for smaller outputs as well, and a = -3/4; beyond the border it
        repeats the border's pixels. It does not affect the nearest pixels.

    The values are those of `F.interpolate(mode=interpolation, antialias=antialias)` in PyTorch.
    Time and memory grow with the pixels of the input and the output. If a side of one pixel is
    repeated, the result is a read-only view.

    Raises: TypeError for averages of integers, ValueError for fewer than 2 axes, a size below 1 or
    an unknown interpolation.
    """
    oh, ow = pair("resize", size)
    return resize_part(images, (oh, ow), slice(0, oh), slice(0, ow), interpolation, antialias)


def resize_part(
    images: np.ndarray,
    size: tuple[int, int],
    rows: slice,
    columns: slice,
    interpolation: InterpolationMode | str | int,
    antialias: bool,
) -> np.ndarray:
    """Compute only some rows and columns, from start to stop, of the result of `resize`."""
    if images.ndim < 2 or 0 in images.shape[-2:]:
        raise ValueError(f"resize: images must have the shape (..., H, W), got {images.shape}")
    interpolation = as_interpolation("resize", interpolation, INTERPOLATIONS)
    (h, w), (oh, ow) = images.shape[-2:], size
    if interpolation not in FILTERS:
        exact = interpolation == "nearest-exact"
        from_rows, from_columns = _nearest(h, oh, exact)[rows], _nearest(w, ow, exact)[columns]
        return images[..., from_rows[:, None], from_columns]
    if images.dtype.kind != "f":
        raise TypeError(f"resize: images must be floats, got {images.dtype}")
    kind = (interpolation, bool(antialias) or FILTERS[interpolation][2] is None)
    steps = [(_columns, ow, columns), (_rows, oh, rows)]
    high, wide = rows.stop - rows.start, columns.stop - columns.start
    # Repetition comes last; for a part, the axis with the smaller intermediate comes first.
    if w == 1 or ((high, wide) != size and high * w < h * wide):
        steps.reverse()
    for along, after, part in steps:
        images = along(images, after, kind, part)
    return images


def resize_window(
    images: np.ndarray,
    size: tuple[int, int],
    top: int,
    left: int,
    window: tuple[int, int],
    interpolation: str = "bilinear",
    antialias: bool = True,
) -> np.ndarray:
    """The `window` (height, width) at (top, left) of the result of `resize`.

    Of a large result it computes only the window: the longer side of a thin image can grow a
    thousand times, beyond any memory.
    """
    rows, columns = slice(top, top + window[0]), slice(left, left + window[1])
    if size[0] * size[1] <= LARGEST_WHOLE:
        return resize(images, size, interpolation, antialias)[..., rows, columns]
    return resize_part(images, size, rows, columns, interpolation, antialias)


def _nearest(n: int, size: int, exact: bool) -> np.ndarray:
    """The input pixel of each of `size` output pixels, in single precision as in PyTorch."""
    step = np.float32(n / size)
    places = (np.arange(size, dtype=np.float32) + np.float32(0.5 if exact else 0)) * step
    return np.minimum(np.floor(places).astype(np.int64), n - 1)


def _columns(images: np.ndarray, size: int, kind: tuple[str, bool], part: slice) -> np.ndarray:
    n, count = images.shape[-1], part.stop - part.start
    if n == size:
        return images[..., part]
    if n == 1:
        return np.broadcast_to(images, (*images.shape[:-1], count))
    if n * size <= LARGEST_MATRIX:
        return matmul(images, _matrix(n, size, kind)[part].T.astype(images.dtype))
    out = np.empty((*images.shape[:-1], count), images.dtype)
    for to, of, weights in _parts(n, size, kind, part):
        out[..., to] = matmul(images[..., of], weights.T.astype(images.dtype))
    return out


def _rows(images: np.ndarray, size: int, kind: tuple[str, bool], part: slice) -> np.ndarray:
    n, count = images.shape[-2], part.stop - part.start
    if n == size:
        return images[..., part, :]
    if n == 1:
        return np.broadcast_to(images, (*images.shape[:-2], count, images.shape[-1]))
    if n * size <= LARGEST_MATRIX:
        return matmul(_matrix(n, size, kind)[part].astype(images.dtype), images)
    out = np.empty((*images.shape[:-2], count, images.shape[-1]), images.dtype)
    for to, of, weights in _parts(n, size, kind, part):
        matmul(weights.astype(images.dtype), images[..., of, :], out=out[..., to, :])
    return out


@lru_cache(maxsize=64)
def _matrix(n: int, size: int, kind: tuple[str, bool]) -> np.ndarray:
    """(size, n): the weight of each input pixel of a row for each output pixel."""
    return _weights(n, size, kind, slice(0, size), slice(0, n))


def _parts(
    n: int, size: int, kind: tuple[str, bool], part: slice
) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """For pieces of the `part` of an output of `size`: their pixels, input pixels, and weights.

    Far from its centre an output pixel has zero weights. Splitting pays off only for large
    matrices.
    """
    scale = n / size
    reach = FILTERS[kind[0]][0] * (max(scale, 1.0) if kind[1] else 1.0)
    many = max(1, min(1024, math.isqrt(int(PART / scale)), int(PART / (2 * reach))))
    for first in range(part.start, part.stop, many):
        last = min(first + many, part.stop)
        low = max(math.floor((first + 0.5) * scale - reach) - 1, 0)
        high = min(math.ceil((last - 0.5) * scale + reach) + 1, n)
        of = slice(low, high)
        to = slice(first - part.start, last - part.start)
        yield to, of, _weights(n, size, kind, slice(first, last), of)


def _weights(n: int, size: int, kind: tuple[str, bool], to: slice, of: slice) -> np.ndarray:
    """The weights of the input pixels `of` a row of n for the output pixels `to` of `size`."""
    interpolation, antialias = kind
    reach, smooth, plain = FILTERS[interpolation]
    scale = n / size
    centre = (np.arange(to.start, to.stop)[:, None] + 0.5) * scale
    if antialias:
        distance = (np.arange(of.start, of.stop) + 0.5 - centre) / max(scale, 1.0)
        weights = smooth(distance)
        return weights / weights.sum(1, keepdims=True)
    weights = np.zeros((len(centre), of.stop - of.start))
    nearest = np.floor(centre[:, 0] - 0.5).astype(np.int64)
    for pixel in (nearest + k for k in range(1 - reach, reach + 1)):
        weight = plain(pixel + 0.5 - centre[:, 0])
        weights[np.arange(len(centre)), np.clip(pixel, 0, n - 1) - of.start] += weight
    return weights


def shorter_side_size(
    shape: tuple[int, ...], shorter: int, longest: int | None = None
) -> tuple[int, int]:
    """The new (H, W) of an image of `shape` (C, H, W) whose shorter side becomes `shorter`.

    The shorter side becomes smaller if the longer one would exceed `longest`.
    """
    low, high = sorted(shape[-2:])
    short, long = shorter, shorter * high // low
    if longest is not None and long > longest:
        short, long = max(longest * low // high, 1), longest
    return (short, long) if shape[-2] <= shape[-1] else (long, short)
