"""Dropout of elements, of channels and of residual branches; and alpha dropout, which preserves the
mean and variance of SELU's outputs.

On a device the masks are drawn there (kernels/philox), and are others than on the CPU.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .. import devices, random
from ..autograd.array_function import ArrayFunction
from ..kernels.philox import keep_mask
from ..tensor.tensor import Tensor
from .checks import check_float

if TYPE_CHECKING:
    from ..tensor.types import Array


class MaskedScale(ArrayFunction):
    """y = x * mask * scale with a constant mask of booleans: linear, and its own adjoint."""

    in_float32 = True

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, mask: Array, scale: float) -> Array:
        ctx.keep(mask)
        ctx.scale = scale
        y = x * mask
        y *= scale
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (mask,) = ctx.kept
        return MaskedScale.apply(gy, mask=mask, scale=ctx.scale)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero each element with probability p and divide the others by 1 - p (Srivastava et al. 2014).

    The mean is preserved, so nothing is done at test time: training=False returns the input.
    `inplace` is accepted and ignored: dropout returns a new tensor.
    Raises: ValueError if p is not in [0, 1].
    """
    check_float("dropout", input=input)
    return _drop("dropout", input, p, training, input.shape)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zero each channel with probability p and divide the others by 1 - p (Tompson et al. 2015).

    x (N, C, H, W) or (C, H, W) -> y of the same shape. Three axes are always (C, H, W), whereas
    PyTorch reads (N, C, L) and warns that this will change.

    Raises: ValueError if p is not in [0, 1] or input has another number of axes.
    """
    check_float("dropout2d", input=input)
    if input.ndim not in (3, 4):
        raise ValueError(
            f"dropout2d: input of shape {input.shape} must be (N, C, H, W) or (C, H, W)"
        )
    return _drop("dropout2d", input, p, training, (*input.shape[:-2], 1, 1))


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Apply dropout2d to signals.    x (N, C, L) or (C, L) -> y of the same shape"""
    check_float("dropout1d", input=input)
    if input.ndim not in (2, 3):
        raise ValueError(f"dropout1d: input of shape {input.shape} must be (N, C, L) or (C, L)")
    return _drop("dropout1d", input, p, training, (*input.shape[:-1], 1))


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Apply dropout2d to volumes.    x (N, C, D, H, W) or (C, D, H, W) -> y of the same shape"""
    check_float("dropout3d", input=input)
    if input.ndim not in (4, 5):
        raise ValueError(
            f"dropout3d: input of shape {input.shape} must be (N, C, D, H, W) or (C, D, H, W)"
        )
    return _drop("dropout3d", input, p, training, (*input.shape[:-3], 1, 1, 1))


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Apply dropout that preserves mean 0 and variance 1 of SELU's outputs.

    Each element becomes SELU's limit a' with probability p, before all are scaled and shifted
    (Klambauer et al. 2017, section "alpha dropout"):

        y = a (x or a') + b,   a = 1 / sqrt((1 - p) (1 + p a'^2)),   b = -a p a'

    `training` is False by default, as in PyTorch. `inplace` is accepted and ignored.

    Raises: ValueError if p is not in [0, 1].
    """
    return _alpha_drop("alpha_dropout", input, p, training, input.shape)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Apply alpha_dropout to whole channels.    x (N, C, *) -> y of the same shape"""
    check_float("feature_alpha_dropout", input=input)
    if input.ndim < 2:
        raise ValueError(f"feature_alpha_dropout: input of shape {input.shape} must be (N, C, *)")
    shape = input.shape[:2] + (1,) * (input.ndim - 2)
    return _alpha_drop("feature_alpha_dropout", input, p, training, shape)


LIMIT = -1.7580993408473766  # of SELU towards minus infinity: -1.0507 * 1.6733


def _alpha_drop(name: str, input: Tensor, p: float, training: bool, shape: tuple[int, ...]):
    check_float(name, input=input)
    kept = _mask(name, input, p, training, shape)
    if kept is None:
        return input
    if p == 1:
        return MaskedScale.apply(input, mask=kept, scale=0.0)
    scale = 1 / math.sqrt((1 - p) * (1 + p * LIMIT**2))
    floor = np.where(kept, 0, scale * LIMIT) - scale * p * LIMIT
    return MaskedScale.apply(input, mask=kept, scale=scale) + Tensor(floor.astype(input.dtype))


def drop_path(input: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Zero each sample with probability p and divide the others by 1 - p (Huang et al. 2016).

    x (N, *) -> y (N, *). Applied to the residual branch of a block this is stochastic depth.

    Raises: ValueError if p is not in [0, 1] or input has no batch axis.
    """
    check_float("drop_path", input=input)
    if input.ndim == 0:
        raise ValueError("drop_path: input must have a batch axis, got a tensor without axes")
    return _drop("drop_path", input, p, training, (input.shape[0],) + (1,) * (input.ndim - 1))


def _drop(
    name: str, input: Tensor, p: float, training: bool, mask_shape: tuple[int, ...]
) -> Tensor:
    """Drop with one decision per element of `mask_shape`, which broadcasts to the input."""
    mask = _mask(name, input, p, training, mask_shape)
    if mask is None:
        return input
    return MaskedScale.apply(input, mask=mask, scale=1 / (1 - p) if p < 1 else 0.0)


def _mask(
    name: str, input: Tensor, p: float, training: bool, shape: tuple[int, ...]
) -> Array | None:
    """A mask, True with probability 1 - p, on the input's device; None if nothing is dropped."""
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p={p} must be in [0, 1]")
    if not training or p == 0:
        return None
    like = input.array
    if type(like) is np.ndarray:
        return random.default_generator().random(shape, dtype=np.float32) >= p
    devices.together(name, [like])
    key, first = random.device_draw(shape)
    return keep_mask(math.prod(shape), p, key, like, first).reshape(shape)
