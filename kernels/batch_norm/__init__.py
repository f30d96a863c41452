"""Batch normalisation: statistics per channel, normalised output, gradients in training mode.

Arrays are (N, C, *). The sample of a channel runs over all other axes; it has M values.

    mean = sum x / M
    var  = sum (x - mean)^2 / M
    invstd = 1 / sqrt(var + eps), computed by the caller
    xhat = (x - mean) * invstd
    y    = xhat * weight + bias; with relu min(max(y, 0), ceiling)

Source: Ioffe, Szegedy (2015), Batch Normalization, algorithm 1 and the gradients of section 3.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from ..dispatch import standard
from . import loops, vectorised


def _compiled():
    from . import compiled

    return compiled


def _cuda():
    from . import cuda

    return cuda


def _numba_cuda():
    from . import numba_cuda

    return numba_cuda


OPERATOR = standard("batch_norm", loops, vectorised, _compiled, _cuda, _numba_cuda)


class Case(NamedTuple):
    """The properties by which an implementation is chosen: function, array type and shape."""

    function: str
    array: type
    dtype: np.dtype
    x: tuple[int, ...]  # N, C, *


class Statistics(NamedTuple):
    """Mean and biased variance of each channel, (C,)."""

    mean: np.ndarray
    var: np.ndarray


class Normalised(NamedTuple):
    """Output (N, C, *), and the mean, biased variance and 1 / sqrt(var + eps) (C,) of the input."""

    y: np.ndarray
    mean: np.ndarray
    var: np.ndarray
    invstd: np.ndarray


class Running(NamedTuple):
    """Running statistics (C,), updated in place by the batch's, and the number of batches ().

    running = (1 - momentum) running + momentum new, with the unbiased variance; batches += 1.
    An empty batch changes nothing.
    """

    mean: np.ndarray
    var: np.ndarray
    momentum: float
    batches: np.ndarray | None = None


class Moments(NamedTuple):
    """What a convolution on a device has summed of its result (N, C, *), for `batch_norm_training`.

    array (2, parts, C): means over `per` samples each, fewer in the last part, and the sums of
    squared deviations from these.
    """

    array: np.ndarray
    per: int


class Gradients(NamedTuple):
    """Gradients of the input (N, C, *), the weight (C,) and the bias (C,)."""

    gx: np.ndarray
    gw: np.ndarray
    gb: np.ndarray


def batch_norm_statistics(x: np.ndarray) -> Statistics:
    """x (N, C, *) -> mean (C,), var (C,), both 0 for an empty sample.

    Biased variance, in two passes: accurate even if the mean is much larger than the deviation.
    """
    name = "batch_norm_statistics"
    _check(name, "x", x)
    implementation = OPERATOR.choose(Case(name, type(x), x.dtype, x.shape))
    return Statistics(*implementation.batch_norm_statistics(x))


def batch_norm_forward(
    x: np.ndarray,
    weight: np.ndarray | None,
    bias: np.ndarray | None,
    mean: np.ndarray,
    invstd: np.ndarray,
    relu: bool = False,
    ceiling: float = math.inf,
) -> np.ndarray:
    """x (N, C, *), all others (C,) -> y (N, C, *) = (x - mean) * invstd * weight + bias.

    weight=None means ones, bias=None zeros. With relu the result is min(max(y, 0), ceiling);
    NaN stays NaN.
    """
    name = "batch_norm_forward"
    _check(name, "x", x, weight=weight, bias=bias, mean=mean, invstd=invstd)
    implementation = OPERATOR.choose(Case(name, type(x), x.dtype, x.shape))
    return implementation.batch_norm_forward(x, weight, bias, mean, invstd, relu, ceiling)


def batch_norm_training(
    x: np.ndarray,
    weight: np.ndarray | None,
    bias: np.ndarray | None,
    eps: float,
    relu: bool = False,
    running: Running | None = None,
    ceiling: float = math.inf,
    residual: np.ndarray | None = None,
    moments: Moments | None = None,
) -> Normalised:
    """x (N, C, *), weight and bias (C,) -> y (N, C, *), mean, var, invstd (C,).

    batch_norm_forward with the statistics of x itself, which also update `running`. This is one
    function, since a channel may still be in the cache when its statistics are known, and since
    their update would take a GPU several launches.
    residual (N, C, *), where `adds_residuals`, is added before the relu. moments: of x, if known.
    """
    name = "batch_norm_training"
    _check(name, "x", x, weight=weight, bias=bias)
    implementation = OPERATOR.choose(Case(name, type(x), x.dtype, x.shape))
    step: Any = getattr(implementation, "batch_norm_step", None)
    if step is not None and (running is None or running.mean.dtype == x.dtype):
        settings = eps, relu, ceiling, *(running or (None, None, 0.0, None))
        return Normalised(*step(x, weight, bias, *settings, residual, moments))
    if residual is not None:
        raise TypeError(f"{name}: residual needs a device, and statistics of x's dtype")
    y, mean, var = implementation.batch_norm_training(x, weight, bias, eps, relu, ceiling)
    if running is not None and x.size:
        _move(running, mean, var, x.size // x.shape[1])
    return Normalised(y, mean, var, 1 / np.sqrt(var + var.dtype.type(eps)))


def adds_residuals(x: np.ndarray, residual: np.ndarray, running: np.ndarray | None) -> bool:
    """Whether batch_norm_training of x, with such running statistics, adds that residual."""
    if type(x) is not type(residual) or (x.shape, x.dtype) != (residual.shape, residual.dtype):
        return False
    if x.dtype.char not in "fd" or (running is not None and running.dtype != x.dtype):
        return False
    chosen = OPERATOR.choose(Case("batch_norm_training", type(x), x.dtype, x.shape))
    return hasattr(chosen, "batch_norm_step")


def _move(running: Running, mean: np.ndarray, var: np.ndarray, count: int) -> None:
    """Update running statistics, also of 16 bits, by those of `count` values of each channel."""
    rate = running.momentum
    for array, new in ((running.mean, mean), (running.var, var * (count / max(count - 1, 1)))):
        if array.dtype.itemsize == 2:
            array[...] = (1 - rate) * array.astype(np.float32) + rate * new
        else:
            array *= 1 - rate
            array += rate * new
    if running.batches is not None:
        np.add(running.batches, 1, out=running.batches)


def batch_norm_backward(
    gy: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray | None,
    bias: np.ndarray | None,
    mean: np.ndarray,
    invstd: np.ndarray,
    relu: bool = False,
    ceiling: float = math.inf,
) -> Gradients:
    """gy, x (N, C, *), all others (C,) -> gx (N, C, *), gw (C,), gb (C,).

        gb = sum gy; with relu, without the elements where y was clipped
        gw = sum gy * xhat
        gx = weight * invstd * (gy - gb / M - xhat * gw / M)

    Training mode: mean and invstd are those of x. The last two terms of gx are the paths through
    the mean and through the variance. The bias is used with relu only, to find clipped elements.
    """
    name = "batch_norm_backward"
    _check(name, "x", x, weight=weight, bias=bias, mean=mean, invstd=invstd)
    if gy.shape != x.shape:
        raise ValueError(f"{name}: gy has the shape {gy.shape}, x {x.shape}; they must agree")
    implementation = OPERATOR.choose(Case(name, type(x), x.dtype, x.shape))
    arrays = gy, x, weight, bias, mean, invstd
    return Gradients(*implementation.batch_norm_backward(*arrays, relu, ceiling))


def _check(name: str, label: str, x: np.ndarray, **per_channel: np.ndarray | None) -> None:
    if x.ndim < 2:
        raise ValueError(f"{name}: {label} must have at least 2 axes, not the shape {x.shape}")
    if x.dtype.kind != "f":
        raise TypeError(f"{name}: {label} must be floating point, not {x.dtype}")
    for label, array in per_channel.items():
        if array is not None and array.shape != (x.shape[1],):
            raise ValueError(
                f"{name}: {label} has the shape {array.shape}, it must be {(x.shape[1],)}"
            )
