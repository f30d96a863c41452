"""Image grids from batches: torchvision.utils' make_grid and save_image."""

from __future__ import annotations

import io
import math
import os
from typing import Any, BinaryIO

import numpy as np

from ..autograd.modes import no_grad
from ..interop.atomic import write_atomically
from ..tensor import cat, stack
from ..tensor.tensor import Tensor

__all__ = ["make_grid", "save_image"]


@no_grad()
def make_grid(
    tensor: Tensor | list[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Arrange images in a grid: (N, C, H, W), or a list of (C, H, W) -> (C', rows, columns).

    A row holds nrow images, with `padding` pixels of pad_value around each. One channel becomes
    three equal ones. A single image, (H, W) or (C, H, W), is returned without a border. normalize
    maps value_range, or the smallest and the largest value (of each image with scale_each), to
    [0, 1], and clamps other values. See `torchvision.utils.make_grid`.

    Raises: TypeError unless tensor is a Tensor or a list of Tensors, ValueError for other shapes or
    invalid settings.
    """
    x = _batch(tensor)
    for name, value, least in (("nrow", nrow, 1), ("padding", padding, 0)):
        if not isinstance(value, int) or value < least:
            raise ValueError(f"make_grid: {name}={value!r} must be an int of at least {least}")
    if value_range is not None and not isinstance(value_range, tuple):
        raise TypeError(f"make_grid: value_range={value_range!r} must be a tuple (low, high)")
    if normalize:
        parts = x.split(1) if scale_each else [x]
        x = cat([_normalized(part, value_range) for part in parts])
    n, c, h, w = x.shape
    if n == 1:
        return x[0]
    columns = min(nrow, n)
    rows = math.ceil(n / columns)
    h, w = h + padding, w + padding
    grid = x.new_full((c, h * rows + padding, w * columns + padding), pad_value)
    for i in range(n):
        top, left = i // columns * h + padding, i % columns * w + padding
        grid[:, top : top + h - padding, left : left + w - padding] = x[i]
    return grid


def _batch(tensor: Any) -> Tensor:
    """The images as (N, C, H, W), with a single channel repeated three times."""
    if isinstance(tensor, list | tuple) and tensor and all(isinstance(t, Tensor) for t in tensor):
        tensor = stack(list(tensor))
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"make_grid: tensor must be a Tensor or a list of Tensors, got {type(tensor).__name__}"
        )
    if tensor.ndim == 2:
        tensor = tensor.unsqueeze(0)
    if tensor.ndim == 3:
        tensor = tensor.unsqueeze(0)
    if tensor.ndim != 4 or not len(tensor):
        raise ValueError(
            f"make_grid: tensor of shape {tuple(tensor.shape)} must be (N, C, H, W) with N > 0, "
            "(C, H, W) or (H, W)"
        )
    return cat([tensor] * 3, 1) if tensor.shape[1] == 1 else tensor


def _normalized(x: Tensor, value_range: tuple[float, float] | None) -> Tensor:
    low, high = value_range or (float(x.min()), float(x.max()))
    return (x.clamp(low, high) - low) / max(high - low, 1e-5)


def save_image(
    tensor: Tensor | list[Tensor],
    fp: str | os.PathLike | BinaryIO,
    format: str | None = None,
    **kwargs: Any,
) -> None:
    """Write make_grid(tensor, **kwargs), values in [0, 1], as an image of 8 bits per channel.

    fp: a path, whose suffix sets the format unless `format` does, or a file open for writing.

    Raises: ImportError without Pillow; ValueError for a format unknown to Pillow, for other than 1,
    3 or 4 channels, or for NaN; and as `make_grid`.
    """
    grid = make_grid(tensor, **kwargs).cpu()
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("save_image: needs Pillow (pip install pillow)") from error
    values = np.asarray(grid.detach().numpy(), np.float64)
    if len(values) not in (3, 4):
        raise ValueError(f"save_image: images of {len(values)} channels must have 1, 3 or 4")
    if np.isnan(values).any():
        raise ValueError("save_image: tensor has NaN, which no pixel can hold")
    pixels = np.clip(values * 255 + 0.5, 0, 255).astype(np.uint8).transpose(1, 2, 0)
    is_path = isinstance(fp, str | os.PathLike)
    formats = Image.registered_extensions()
    named = f"fp={os.fspath(fp)!r}" if is_path and format is None else f"format={format!r}"
    if format is None and is_path:
        format = formats.get(os.path.splitext(os.fspath(fp))[1].lower())
    if format is None or format.upper() not in Image.SAVE:
        raise ValueError(f"save_image: {named} must name a format that Pillow writes")
    file = io.BytesIO()
    try:
        Image.fromarray(np.ascontiguousarray(pixels)).save(file, format=format)
    except OSError as error:  # four channels as JPEG
        raise ValueError(f"save_image: {named} cannot hold this image ({error})") from error
    if is_path:
        write_atomically(os.fspath(fp), file.getvalue())
    else:
        fp.write(file.getvalue())
