"""Dropout of elements, of whole channels, and of whole residual branches."""

from __future__ import annotations

import numpy as np

from .. import backend
from ..autograd.array_function import ArrayFunction
from ..tensor.tensor import Tensor
from .checks import check_float


class MaskedScale(ArrayFunction):
    """y = x * mask * scale with a constant mask of booleans: linear, and its own adjoint."""

    in_float32 = True

    @staticmethod
    def forward(ctx, x, mask, scale):
        ctx.keep(mask)
        ctx.scale = scale
        y = x * mask
        y *= scale
        return y

    @staticmethod
    def backward(ctx, gy):
        (mask,) = ctx.kept
        return MaskedScale.apply(gy, mask=mask, scale=ctx.scale)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero each element with probability p and divide the others by 1 - p (Srivastava et al. 2014).

    The mean is kept, so that nothing is left to do at test time: training=False returns the input.
    `inplace` is taken and changes nothing: what is dropped from is a new tensor.

    Raises: ValueError if p is not in [0, 1].
    """
    check_float("dropout", input=input)
    return _drop("dropout", input, p, training, input.shape)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zero each channel with probability p and divide the others by 1 - p (Tompson et al. 2015).

    x (N, C, H, W) or (C, H, W) -> y of the same shape. Three axes are (C, H, W) already, where
    PyTorch reads (N, C, L) and warns that this will change.

    Raises: ValueError if p is not in [0, 1] or input has another number of axes.
    """
    check_float("dropout2d", input=input)
    if input.ndim not in (3, 4):
        raise ValueError(
            f"dropout2d: input of shape {input.shape} must be (N, C, H, W) or (C, H, W)"
        )
    return _drop("dropout2d", input, p, training, (*input.shape[:-2], 1, 1))


def drop_path(input: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Zero each sample with probability p and divide the others by 1 - p (Huang et al. 2016).

    x (N, *) -> y (N, *). On the residual branch of a block this is stochastic depth.

    Raises: ValueError if p is not in [0, 1] or input has no batch axis.
    """
    check_float("drop_path", input=input)
    if input.ndim == 0:
        raise ValueError("drop_path: input must have a batch axis, got a tensor without axes")
    return _drop("drop_path", input, p, training, (input.shape[0],) + (1,) * (input.ndim - 1))


def _drop(
    name: str, input: Tensor, p: float, training: bool, mask_shape: tuple[int, ...]
) -> Tensor:
    """Drop with one decision per element of `mask_shape`, which broadcasts against the input."""
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p={p} must be in [0, 1]")
    if not training or p == 0:
        return input
    mask = backend.default_generator().random(mask_shape, dtype=np.float32) >= p
    mask = np.asarray(mask, like=input.array)
    return MaskedScale.apply(input, mask=mask, scale=1 / (1 - p) if p < 1 else 0.0)
