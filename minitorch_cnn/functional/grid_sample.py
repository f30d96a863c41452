"""Sample images at the positions of a grid: spatial transformers (Jaderberg et al. 2015).

Composed of Tensor operations, which provide the gradients of image and grid, of any order. A
position (x, y) runs from -1 to 1 over the image, x along the width: the last axis of a grid has the
order x, y (and z), the axes of an image have the reverse order.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

from ..autograd import autocast
from ..tensor import ones, stack
from ..tensor.arithmetic import where
from ..tensor.creation import linspace
from ..tensor.half import in_float32
from ..tensor.tensor import Tensor
from .checks import check_float
from .geometry import is_int

PADDINGS = ("zeros", "border", "reflection")
CUBIC = -0.75  # the parameter A of the kernel


def affine_grid(
    theta: Tensor, size: tuple[int, ...] | list[int], align_corners: bool | None = None
) -> Tensor:
    """Compute the sampling grid of an affine map, for grid_sample.

    theta (N, 2, 3), size (N, C, H, W) -> y (N, H, W, 2), or theta (N, 3, 4), size (N, C, D, H, W)
    -> y (N, D, H, W, 3):  y = theta (x, y, 1) at the centres of H x W pixels

    With align_corners, -1 and 1 are the centres of the outer pixels, otherwise their edges (also
    for None, without PyTorch's warning).

    Raises: ValueError for shapes that do not fit or a size below 1, TypeError for dtypes other than
    floats.
    """
    name = "affine_grid"
    check_float(name, theta=theta)
    size = tuple(size)
    axes = len(size) - 2
    if axes not in (2, 3) or not all(map(is_int, size)) or min(size) < 1:
        raise ValueError(
            f"{name}: size={size} must be (N, C, H, W) or (N, C, D, H, W) of ints >= 1"
        )
    if theta.shape != (size[0], axes, axes + 1):
        raise ValueError(
            f"{name}: theta of shape {theta.shape} must be {(size[0], axes, axes + 1)} "
            f"for size={size}"
        )
    kind: dict[str, Any] = {"dtype": theta.dtype, "device": theta.device}
    planes = []
    for axis, n in enumerate(size[2:]):
        steps = linspace(-1, 1, n, **kind) if n > 1 else linspace(0, 0, 1, **kind)
        if not align_corners:
            steps = steps * ((n - 1) / n)
        shape = tuple(n if i == axis else 1 for i in range(axes))
        planes.insert(0, steps.reshape(shape).expand(size[2:]))
    places = stack([*planes, ones(size[2:], **kind)], -1).reshape(1, -1, axes + 1)
    return (places @ theta.transpose(1, 2)).reshape(size[0], *size[2:], axes)


@autocast.promoted
@in_float32
def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Sample an image at the positions of a grid.

    x (N, C, H, W), grid (N, OH, OW, 2) -> y (N, C, OH, OW), or x (N, C, D, H, W), grid
    (N, OD, OH, OW, 3) -> y (N, C, OD, OH, OW)

    mode: "bilinear" (with three axes: trilinear), "nearest", or "bicubic" with two axes.
    padding_mode, the values outside: "zeros", the "border", or its "reflection". With
    align_corners, -1 and 1 are the centres of the outer pixels, otherwise their edges (also for
    None, without PyTorch's warning). NaN in a grid counts as -1.

    Raises: ValueError for shapes that do not fit, an empty image, an unknown mode or padding_mode;
    TypeError unless both are floats of one dtype.
    """
    name = "grid_sample"
    check_float(name, input=input, grid=grid)
    axes = input.ndim - 2
    modes = ("bilinear", "nearest", "bicubic") if axes == 2 else ("bilinear", "nearest")
    if axes not in (2, 3) or grid.ndim != input.ndim or grid.shape[-1] != axes:
        raise ValueError(
            f"{name}: input of shape {input.shape} and grid of shape {grid.shape} must be "
            "(N, C, H, W) and (N, OH, OW, 2), or (N, C, D, H, W) and (N, OD, OH, OW, 3)"
        )
    if len(input) != len(grid):
        raise ValueError(
            f"{name}: grid of {len(grid)} images must have input's batch size {len(input)}"
        )
    if 0 in input.shape[1:]:
        raise ValueError(
            f"{name}: input of shape {input.shape} has an empty axis besides the batch"
        )
    for argument, value, allowed in (
        ("mode", mode, modes),
        ("padding_mode", padding_mode, PADDINGS),
    ):
        if value not in allowed:
            raise ValueError(
                f"{name}: {argument}={value!r} must be one of {', '.join(map(repr, allowed))} "
                f"for input of shape {input.shape}"
            )
    sampler = _Sampler(input, grid.shape[1:-1], padding_mode, bool(align_corners))
    grid = where(grid.isnan(), -1.0, grid)
    places = [
        _pixels(g, n, align_corners) for g, n in zip(grid.unbind(-1), sampler.size, strict=True)
    ]
    return getattr(sampler, mode)(places)


def _pixels(g: Tensor, n: int, align_corners: bool | None) -> Tensor:
    """Convert a coordinate from -1..1 to 0..n - 1."""
    return (g + 1) * ((n - 1) / 2) if align_corners else ((g + 1) * n - 1) / 2


class _Sampler:
    """An image and its padding.  Sizes and positions are in the order x, y (, z)."""

    def __init__(self, x: Tensor, out: tuple[int, ...], padding: str, align_corners: bool) -> None:
        self.size = x.shape[:1:-1]
        self.out, self.padding, self.align_corners = out, padding, align_corners
        self.flat = x.reshape(*x.shape[:2], math.prod(self.size))

    def bilinear(self, places: list[Tensor]) -> Tensor:
        """The sum over the corners around a position, weighted by nearness along every axis."""
        places = [self.inside(p, n) for p, n in zip(places, self.size, strict=True)]
        lower = [p.detach().floor() for p in places]
        parts = [p - low for p, low in zip(places, lower, strict=True)]
        y: Any = 0
        for corner in itertools.product((0, 1), repeat=len(places)):
            weight: Any = 1
            for up, part in zip(corner, parts, strict=True):
                weight = weight * (part if up else 1 - part)
            at = [low + up for low, up in zip(lower, corner, strict=True)]
            y = y + self.pixels(at) * weight.unsqueeze(1)
        return y

    def nearest(self, places: list[Tensor]) -> Tensor:
        """The nearest pixel; of two equally near ones the even one."""
        inside = [self.inside(p.detach(), n) for p, n in zip(places, self.size, strict=True)]
        return self.pixels([p.round() for p in inside])

    def bicubic(self, places: list[Tensor]) -> Tensor:
        """The weighted sum over 4 x 4 pixels, with padding applied to each of them."""
        if self.padding != "reflection":  # further outside the result is constant
            places = [p.clamp(-3, n + 2) for p, n in zip(places, self.size, strict=True)]
        lower = [p.detach().floor() for p in places]
        weights = [_cubic(p - low) for p, low in zip(places, lower, strict=True)]
        y: Any = 0
        for j, i in itertools.product(range(4), repeat=2):
            at = [lower[0] + (i - 1), lower[1] + (j - 1)]
            at = [self.inside(p, n) for p, n in zip(at, self.size, strict=True)]
            y = y + self.pixels(at) * (weights[0][i] * weights[1][j]).unsqueeze(1)
        return y

    def inside(self, p: Tensor, n: int) -> Tensor:
        """The coordinate that padding maps p to, along an axis of n pixels."""
        if self.padding == "zeros":
            return p.clamp(-3, n + 2)  # further outside is also zero, but not a valid index
        if self.padding == "reflection":
            low, high = (0.0, n - 1.0) if self.align_corners else (-0.5, n - 0.5)
            if low == high:
                return p * 0
            p = (p - low).abs()
            flips = (p.detach() / (high - low)).floor()
            rest = p - flips * (high - low)
            p = where(flips % 2 == 0, rest + low, high - rest)
        return where((p <= 0) | (p >= n - 1), p.detach().clamp(0, n - 1), p)

    def pixels(self, at: list[Tensor]) -> Tensor:
        """The pixels at integer positions (N, *out), zero outside.    -> (N, C, *out)"""
        index: Any = 0
        known = None
        for p, n in zip(reversed(at), reversed(self.size), strict=True):
            index = index * n + p.clamp(0, n - 1).long()
            if self.padding == "zeros":
                here = (p >= 0) & (p <= n - 1)
                known = here if known is None else known & here
        images, channels = self.flat.shape[:2]
        count = math.prod(self.out)
        index = index.reshape(images, 1, count).expand(images, channels, count)
        y = self.flat.gather(2, index).reshape(images, channels, *self.out)
        return y if known is None else where(known.unsqueeze(1), y, 0.0)


def _cubic(t: Tensor) -> list[Tensor]:
    """The weights of the pixels at -1, 0, 1, 2 for a position t in [0, 1) (Keys 1981)."""

    def near(d: Tensor) -> Tensor:
        return ((CUBIC + 2) * d - (CUBIC + 3)) * d * d + 1

    def far(d: Tensor) -> Tensor:
        return ((CUBIC * d - 5 * CUBIC) * d + 8 * CUBIC) * d - 4 * CUBIC

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]
