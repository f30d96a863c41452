"""Instance normalisation: normalise each channel of each sample by its mean and variance."""

from __future__ import annotations

import math

from ..autograd.modes import is_recomputing
from ..tensor.half import rounded, widened
from ..tensor.tensor import Tensor
from .norm import (
    affine,
    batch_norm,
    check_dtypes,
    check_lone_value,
    check_vectors,
    standardised,
    update_running,
)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel of each sample: w x^ + b (Ulyanov et al. 2016).

    x (N, C, *), running_mean, running_var, w, b (C,) -> y (N, C, *)

    With use_input_stats, mean and biased variance are those of x, and the running statistics, if
    given, move towards the averages over the samples, with the unbiased variance. Without it, mean
    and variance are the running ones, as in batch_norm.

    Raises: ValueError for shapes that do not fit, one value per channel of a sample, or missing
    running statistics without use_input_stats; TypeError unless all are floats of one dtype, except
    that 16-bit input may have float32 parameters and statistics.
    """
    name = "instance_norm"
    running = {"running_mean": running_mean, "running_var": running_var}
    check_dtypes(name, input, weight=weight, bias=bias, **running)
    if input.ndim < 3:
        raise ValueError(f"{name}: input of shape {input.shape} must be (N, C, *)")
    n, c, *space = input.shape
    check_vectors(name, (c,), weight=weight, bias=bias, **running)
    if (running_mean is None) != (running_var is None):
        raise ValueError(f"{name}: running_mean and running_var must both be given or both be None")
    if not use_input_stats:
        if running_mean is None:
            raise ValueError(f"{name}: running_mean=None needs use_input_stats=True")
        return batch_norm(input, running_mean, running_var, weight, bias, eps=eps)
    count = math.prod(space)
    check_lone_value(name, count, input)
    if not input.numel():
        return input.clone()
    y, mean, var = standardised(widened(input), n * c, eps)
    if running_mean is not None and running_var is not None and not is_recomputing():
        update_running(running_mean, mean.array.reshape(n, c).mean(0), momentum)
        unbiased = var.array.reshape(n, c).mean(0) * (count / (count - 1))
        update_running(running_var, unbiased, momentum)
    y = affine(y, weight, bias, (c,) + (1,) * len(space))
    return rounded(y, input.dtype)
