"""Normalisation by the root mean square: layer norm without the mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import dtypes
from ..autograd.array_function import ArrayFunction
from ..tensor.half import rounded, widened
from ..tensor.tensor import Tensor
from .norm import affine, check_dtypes, check_ending, check_vectors

if TYPE_CHECKING:
    from ..tensor.types import Array, Shape


class RMSNorm(ArrayFunction):
    """y = x r, r = 1 / sqrt(<x^2> + eps), < > the mean over `axes`; gx = r (gy - y <gy y>).

    A single operation, so that receptive fields treat it as a norm.
    """

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, axes: Shape, eps: float) -> Array:
        ctx.save_for_backward(x)
        ctx.axes, ctx.eps = axes, eps
        return x / np.sqrt((x * x).mean(axes, keepdims=True) + eps)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        r = ((x * x).mean(ctx.axes, keepdim=True) + ctx.eps).rsqrt()
        y = x * r
        return r * (gy - y * (gy * y).mean(ctx.axes, keepdim=True))


def rms_norm(
    input: Tensor,
    normalized_shape: tuple[int, ...],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Normalise by the root mean square: w x / sqrt(<x^2> + eps), < > the mean over the last axes.

    x (*, *normalized_shape), w of normalized_shape -> y of x's shape. From Zhang, Sennrich 2019.

    eps=None is the machine epsilon of the dtype, and float32's for 16-bit dtypes.

    Raises: ValueError for shapes that do not fit, TypeError unless all are floats of one dtype,
    except that 16-bit input may have a float32 weight: y has input's dtype.
    """
    check_dtypes("rms_norm", input, weight=weight)
    shape = check_ending("rms_norm", input, normalized_shape)
    check_vectors("rms_norm", shape, weight=weight)
    if not input.numel():
        return input.clone()
    x = widened(input)
    if eps is None:
        eps = float(dtypes.finfo(x.dtype).eps)
    y = RMSNorm.apply(x, axes=tuple(range(-len(shape), 0)), eps=float(eps))
    return rounded(affine(y, weight, None, shape), input.dtype)
