"""Normalisation: batch, group and layer norm are one operation over different axes.

x^ = (x - mean) / sqrt(var + eps), with the mean and biased variance of a channel over the batch, of
a group of channels, or of a sample; then w x^ + b.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes
from ..autograd import autocast
from ..autograd.modes import is_recomputing
from ..tensor.half import rounded, widened
from ..tensor.tensor import Tensor
from .batch_norm_ops import BatchNorm, BatchNormReLUOfSum, ChannelAffine
from .checks import check_float
from .geometry import is_int

if TYPE_CHECKING:
    from ..kernels.batch_norm import Moments


def inverse_std(var: np.ndarray, eps: float) -> np.ndarray:
    """1 / sqrt(var + eps), in the dtype of var."""
    return 1 / np.sqrt(var + var.dtype.type(eps))


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel over the batch: y = w (x - mean) / sqrt(var + eps) + b.

    x (N, C), (N, C, L) or (N, C, H, W); running_mean, running_var, w, b (C,) -> y of x's shape

    In training, mean and biased variance are those of x over all axes except C, and the running
    statistics are updated in place: running = (1 - momentum) running + momentum new, with the
    unbiased variance. Otherwise mean and variance are the running ones. From Ioffe, Szegedy 2015,
    algorithms 1 and 2.

    Raises: ValueError for shapes that do not fit, in training for one value per channel or
    eps <= 0, otherwise for missing running statistics; TypeError unless all are floats of one
    dtype, except that 16-bit input may have float32 parameters and statistics: y has input's dtype.
    """
    statistics = running_mean, running_var
    return _batch_norm("batch_norm", input, *statistics, weight, bias, training, momentum, eps)


def batch_norm_relu(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    ceiling: float = math.inf,
) -> Tensor:
    """Compute relu(batch_norm(...)) in one pass over memory, forward and backward.

    ceiling: the largest result, 6 for relu6. The other arguments, shapes and errors are those of
    batch_norm. Raises: ValueError unless ceiling > 0.
    """
    if not ceiling > 0:
        raise ValueError(f"batch_norm_relu: ceiling={ceiling} must be above 0")
    name, statistics = "batch_norm_relu", (running_mean, running_var)
    given = *statistics, weight, bias, training, momentum, eps
    return _batch_norm(name, input, *given, relu=True, ceiling=ceiling)


def _batch_norm(
    name: str,
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    relu: bool = False,
    batches: Tensor | None = None,
    ceiling: float = math.inf,
    moments: Moments | None = None,
    residual: Tensor | None = None,
) -> Tensor:
    clip = {"relu": relu, "ceiling": ceiling}
    running = {"running_mean": running_mean, "running_var": running_var}
    check_dtypes(name, input, weight=weight, bias=bias, **running)
    if input.ndim < 2:
        raise ValueError(f"{name}: input of shape {input.shape} must be (N, C) or (N, C, *)")
    check_vectors(name, input.shape[1:2], weight=weight, bias=bias, **running)
    if (running_mean is None) != (running_var is None):
        raise ValueError(f"{name}: running_mean and running_var must both be given or both be None")
    for argument, statistic in running.items():
        if statistic is not None and statistic.requires_grad:
            raise ValueError(f"{name}: {argument} must not require grad, it is written to")
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError(f"{name}: running_mean=None needs training=True")
        # A copy: training may change the running mean before the backward of this call.
        mean = widened(running_mean.array)
        mean = mean.copy() if mean is running_mean.array else mean
        invstd = inverse_std(widened(running_var.array), eps)
        return ChannelAffine.apply(input, weight, bias, mean=mean, invstd=invstd, **clip)

    check_lone_value(name, input.shape[0] * math.prod(input.shape[2:]), input)
    if eps <= 0:
        raise ValueError(f"{name}: eps={eps} must be positive in training")
    moves = input.numel() and not is_recomputing()
    settings: dict[str, Any] = {} if moments is None else {"moments": moments}
    if moves and running_mean is not None and running_var is not None:
        settings |= {
            "running_mean": running_mean.array,
            "running_var": running_var.array,
            "momentum": momentum,
            "batches": None if batches is None else batches.array,
        }
    if residual is None:
        y, _, _ = BatchNorm.apply(input, weight, bias, eps=eps, **clip, **settings)
    else:
        y = BatchNormReLUOfSum.apply(input, weight, bias, residual, eps=eps, **settings)
    if "running_mean" not in settings:
        return y
    for changed in (running_mean, running_var, batches):
        if changed is not None:
            changed.bump_version()
    return y


def update_running(running: Tensor, new: np.ndarray, momentum: float) -> None:
    """running = (1 - momentum) running + momentum new, in place.

    On arrays: four Tensor operations would take as long as normalising a small image.
    """
    array = running.array
    if dtypes.is_half(array.dtype):
        array[...] = (1 - momentum) * widened(array) + momentum * new
    else:
        array *= 1 - momentum
        array += momentum * new
    running.bump_version()


def counted_batch_norm(
    relu: bool, batches: Tensor | None, input: Tensor, *settings: Any, **known: Any
) -> Tensor:
    """batch_norm or batch_norm_relu, which also counts a training batch that is not empty.

    known: the ceiling; in training, the moments of input and a residual to add before the relu.
    """
    name = "batch_norm_relu" if relu else "batch_norm"
    return _batch_norm(name, input, *settings, relu=relu, batches=batches, **known)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each group of channels in a sample: w x^ + b (Wu, He 2018).

    x (N, C, *), w, b (C,) -> y (N, C, *)

    Raises: ValueError for shapes that do not fit, TypeError unless all are floats of one dtype,
    except that 16-bit input may have float32 parameters: y has input's dtype.
    """
    name = "group_norm"
    if autocast.active:
        (input,) = autocast.widen(input)
    check_dtypes(name, input, weight=weight, bias=bias)
    if input.ndim < 2:
        raise ValueError(f"{name}: input of shape {input.shape} must be (N, C) or (N, C, *)")
    n, c, *space = input.shape
    if not is_int(num_groups):
        raise TypeError(f"{name}: num_groups={num_groups!r} must be an int")
    if num_groups < 1 or c % num_groups:
        raise ValueError(f"{name}: num_groups={num_groups} must divide the {c} channels")
    check_vectors(name, (c,), weight=weight, bias=bias)
    check_lone_value(name, n * c // num_groups * math.prod(space), input)
    normalised = standardise(widened(input), n * num_groups, eps)
    return rounded(affine(normalised, weight, bias, (c,) + (1,) * len(space)), input.dtype)


def layer_norm(
    input: Tensor,
    normalized_shape: tuple[int, ...],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise over the last axes, those of normalized_shape: w x^ + b.

    x (*, *normalized_shape), w, b of normalized_shape -> y of x's shape. From Ba, Kiros, Hinton
    2016.

    Raises: ValueError for shapes that do not fit, TypeError unless all are floats of one dtype,
    except that 16-bit input may have float32 parameters: y has input's dtype.
    """
    name = "layer_norm"
    if autocast.active:
        (input,) = autocast.widen(input)
    check_dtypes(name, input, weight=weight, bias=bias)
    shape = check_ending(name, input, normalized_shape)
    check_vectors(name, shape, weight=weight, bias=bias)
    normalised = standardise(widened(input), math.prod(input.shape[: -len(shape)]), eps)
    return rounded(affine(normalised, weight, bias, shape), input.dtype)


def standardise(x: Tensor, rows: int, eps: float) -> Tensor:
    """x^ of each of `rows` equal parts of x: a batch norm with the parts as channels."""
    return standardised(x, rows, eps)[0] if x.numel() else x.clone()


def standardised(x: Tensor, rows: int, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """x^ of each of `rows` equal parts of x, and their means and variances (rows,)."""
    y, mean, var = BatchNorm.apply(x.reshape(1, rows, -1), None, None, eps=eps)
    return y.reshape(x.shape), mean, var


def affine(x: Tensor, weight: Tensor | None, bias: Tensor | None, shape: tuple[int, ...]) -> Tensor:
    """w x + b with w and b reshaped to `shape`, which broadcasts to x."""
    if weight is not None:
        x = x * weight.reshape(shape)
    return x if bias is None else x + bias.reshape(shape)


def check_dtypes(name: str, input: Tensor, **parameters: Tensor | None) -> None:
    """Refuse different dtypes; 16-bit input may have float32 parameters and statistics."""
    if isinstance(input, Tensor) and dtypes.is_half(input.array.dtype):
        parameters = {
            argument: p
            for argument, p in parameters.items()
            if not (isinstance(p, Tensor) and p.dtype == dtypes.float32)
        }
    check_float(name, input=input, **parameters)


def check_ending(name: str, input: Tensor, normalized_shape: Any) -> tuple[int, ...]:
    """normalized_shape as a tuple; an error unless input's shape ends with it."""
    if not isinstance(normalized_shape, (tuple, list)):
        raise TypeError(f"{name}: normalized_shape={normalized_shape!r} must be a tuple of ints")
    shape = tuple(normalized_shape)
    if not shape or input.shape[-len(shape) :] != shape:
        raise ValueError(
            f"{name}: normalized_shape={shape} must be how input's shape {input.shape} ends"
        )
    return shape


def check_vectors(name: str, shape: tuple[int, ...], **tensors: Tensor | None) -> None:
    """Refuse a parameter or statistic of another shape."""
    for argument, x in tensors.items():
        if x is not None and x.shape != shape:
            raise ValueError(f"{name}: {argument} of shape {x.shape} must have the shape {shape}")


def check_lone_value(name: str, count: int, input: Tensor) -> None:
    """Refuse to normalise a single value."""
    if count == 1:
        raise ValueError(
            f"{name}: input of shape {input.shape} has one value per channel, which is its own mean"
        )
