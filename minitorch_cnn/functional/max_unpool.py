"""Max unpooling: each maximum goes back to where max pooling found it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.array_function import ArrayFunction
from ..tensor.tensor import Tensor
from .checks import check_float, check_integer
from .geometry import Pair, from_images, pair, to_images
from .max_pool import GatherMax2d

if TYPE_CHECKING:
    from ..tensor.types import Array, Size1d, Size2d


class MaxUnpool2d(ArrayFunction):
    """x = 0, x[indices[p]] = y[p].    y, indices (N, C, OH, OW) -> x (N, C, *size)"""

    @staticmethod
    def forward(ctx: ArrayFunction, y: Array, indices: Array, size: Pair) -> Array:
        ctx.keep(indices)
        n, c, _, _ = y.shape
        x = np.zeros((n, c, size[0] * size[1]), y.dtype, like=y)
        np.put_along_axis(x, indices.reshape(n, c, -1), y.reshape(n, c, -1), axis=2)
        return x.reshape(n, c, *size)

    @staticmethod
    def backward(ctx: ArrayFunction, gx: Any) -> Tensor:
        (indices,) = ctx.kept
        return GatherMax2d.apply(gx, argmax=indices)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Size2d,
    stride: Size2d | None = None,
    padding: Size2d = 0,
    output_size: tuple[int, ...] | None = None,
) -> Tensor:
    """Place each maximum where max_pool2d found it, with zeros elsewhere.

    y (N, C, OH, OW) or (C, OH, OW), indices of the same shape -> x (N, C, H, W) or (C, H, W),
    H = (OH - 1)*stride - 2*padding + KH and likewise W, or output_size, less than a stride away.
    Where overlapping windows chose the same element, one value is written and each gets the
    gradient. From Zeiler, Fergus 2014, section 2.1.

    Raises: ValueError for shapes or sizes that do not fit, TypeError unless input has floats and
    indices integers, IndexError for an index outside the output.
    """
    return _max_unpool("max_unpool2d", 2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Size1d,
    stride: Size1d | None = None,
    padding: Size1d = 0,
    output_size: tuple[int, ...] | None = None,
) -> Tensor:
    """Apply max_unpool2d to signals.

    y, indices (N, C, OL) or (C, OL) -> x (N, C, L) or (C, L)
    """
    return _max_unpool("max_unpool1d", 1, input, indices, kernel_size, stride, padding, output_size)


def _max_unpool(
    name: str,
    spatial: int,
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    output_size: Any,
) -> Tensor:
    check_float(name, input=input)
    check_integer(name, indices=indices)
    if input.shape != indices.shape:
        raise ValueError(
            f"{name}: indices of shape {indices.shape} must have input's shape {input.shape}"
        )
    y = to_images(name, input, spatial)
    kernel = pair(name, "kernel_size", kernel_size, 1, spatial)
    stride = kernel if stride is None else pair(name, "stride", stride, 1, spatial)
    padding = pair(name, "padding", padding, 0, spatial)
    size = _unpooled_size(name, spatial, y, kernel, stride, padding, output_size)
    at = indices.array.reshape(y.shape)
    if at.size and not 0 <= at.min() <= at.max() < size[0] * size[1]:
        raise IndexError(
            f"{name}: indices from {at.min()} to {at.max()} must lie in an output of size {size}"
        )
    return from_images(MaxUnpool2d.apply(y, indices=at, size=size), input.ndim, spatial)


def _unpooled_size(
    name: str, spatial: int, y: Tensor, kernel: Pair, stride: Pair, padding: Pair, output_size: Any
) -> Pair:
    default = tuple(
        (n - 1) * s - 2 * p + k
        for n, s, p, k in zip(y.shape[2:], stride, padding, kernel, strict=True)
    )
    if output_size is None:
        output_size = default[2 - spatial :]
    if len(output_size) not in (spatial, spatial + 2):
        layout = "(H, W) or (N, C, H, W)" if spatial == 2 else "(L,) or (N, C, L)"
        raise ValueError(f"{name}: output_size={output_size} must be {layout}")
    size: Any = (*(1,) * (2 - spatial), *tuple(output_size)[-spatial:])
    for n, d, s in zip(size, default, stride, strict=True):
        if n < 1 or not d - s < n < d + s:
            raise ValueError(
                f"{name}: output_size={size} must be positive, "
                f"and less than stride={stride} away from {default}"
            )
    return size
