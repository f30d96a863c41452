"""Losses of numbers, probabilities and distributions: l1, smooth l1, Huber, Gaussian likelihood,
Kullback-Leibler divergence, and the binary cross entropy of probabilities.

Different shapes, which PyTorch broadcasts, raise an error, as in mse_loss.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..autograd import autocast
from ..autograd.array_function import ArrayFunction
from ..tensor.arithmetic import quiet, where
from ..tensor.half import in_float32
from ..tensor.like import full_like
from ..tensor.logarithm import xlogy
from ..tensor.tensor import Tensor
from .checks import check_float
from .reduced import (
    REDUCTIONS,
    check_pair,
    check_reduction,
    check_same_shape,
    reduce,
    reduce_weighted,
    weighted,
)

if TYPE_CHECKING:
    from ..tensor.types import Array
    from .reduced import Reduction


@in_float32
def l1_loss(
    input: Tensor, target: Tensor, reduction: Reduction = "mean", weight: Tensor | None = None
) -> Tensor:
    """Compute w |input - target| elementwise, summed or averaged over all elements.

    weight has input's shape; the mean is the sum of the weighted errors / the sum of the weights.

    One of the two may have integers. Raises: ValueError for shapes that differ or an unknown
    reduction, TypeError for integers in both.
    """
    check_pair("l1_loss", input, target, reduction)
    return reduce_weighted("l1_loss", (input - target).abs(), reduction, weight)


@in_float32
def smooth_l1_loss(
    input: Tensor, target: Tensor, reduction: Reduction = "mean", beta: float = 1.0
) -> Tensor:
    """d^2 / (2 beta) where |d| < beta, |d| - beta/2 elsewhere, d = input - target (Girshick 2015).

    With beta=0 it is l1_loss. Raises: as l1_loss, and ValueError for a negative beta.
    """
    check_pair("smooth_l1_loss", input, target, reduction)
    if not beta >= 0:
        raise ValueError(f"smooth_l1_loss: beta={beta} must not be negative")
    if beta == 0:
        return l1_loss(input, target, reduction)
    losses = _huber(input - target, beta) / beta
    return reduce(losses, reduction, losses.numel())


@in_float32
def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: Reduction = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """d^2 / 2 where |d| < delta, delta (|d| - delta/2) elsewhere, d = input - target (Huber 1964).

    weight, of input's shape, scales the losses; their mean is over the number of elements.

    Raises: as l1_loss, and ValueError unless delta > 0.
    """
    check_pair("huber_loss", input, target, reduction)
    if not delta > 0:
        raise ValueError(f"huber_loss: delta={delta} must be above 0")
    losses = weighted("huber_loss", _huber(input - target, delta), weight)
    return reduce(losses, reduction, losses.numel())


def _huber(error: Tensor, width: float) -> Tensor:
    # One formula for both pieces, so that no branch squares a large error.
    near = error.clamp(-width, width)
    return near * (error - near / 2)


@in_float32
def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: Reduction = "mean",
) -> Tensor:
    """-log N(target; input, var): (log v + (input - target)^2 / v) / 2, v = max(var, eps).

    input, target (N, *), var a number or (N, *), or with 1 for one of input's axes, or without its
    last axis -> y (N, *) with reduction="none", () otherwise

    full adds log(2 pi) / 2. The gradient with respect to var ignores the bound eps, as in PyTorch,
    so that a variance below it can grow again (Nix & Weigend 1994).

    Raises: as l1_loss, and ValueError for a negative var, one that does not fit, or eps <= 0.
    """
    name = "gaussian_nll_loss"
    check_pair(name, input, target, reduction)
    if not eps > 0:
        raise ValueError(f"{name}: eps={eps} must be above 0")
    var = _variance(name, var, input)
    var = var + (var.detach().clamp(min=eps) - var.detach())
    error = input - target
    losses = 0.5 * (var.log() + error * error / var)
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return reduce(losses, reduction, losses.numel())


def _variance(name: str, var: Tensor | float, input: Tensor) -> Tensor:
    """Check `var` and return it as a Tensor that broadcasts to input."""
    if not isinstance(var, Tensor):
        var = full_like(input, var)
    check_float(name, var=var)
    if not (var.array >= 0).all():
        raise ValueError(f"{name}: var has an entry that is negative or NaN")
    if var.shape == input.shape[:-1] and input.ndim:
        return var.unsqueeze(-1)
    fits = var.ndim == input.ndim and all(
        v in (1, n) for v, n in zip(var.shape, input.shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"{name}: var of shape {var.shape} must have input's shape {input.shape}, or 1 for an "
            "axis of it, or lack the last one"
        )
    return var


@in_float32
def kl_div(
    input: Tensor,
    target: Tensor,
    reduction: Reduction | Literal["batchmean"] = "mean",
    log_target: bool = False,
) -> Tensor:
    """target (log target - input), elementwise: the terms of the Kullback-Leibler divergence.

    input (N, *) of log-probabilities, target of the same shape with probabilities, or with
    log_target their logarithms -> y (N, *) with reduction="none", () otherwise

    reduction="batchmean", the divergence by definition, is the sum divided by N; "mean" divides by
    the number of elements, as in PyTorch, which warns about it. A target of 0 adds 0.

    Raises: ValueError for shapes that differ, an unknown reduction, or "batchmean" of numbers;
    TypeError for integers.
    """
    check_float("kl_div", input=input, target=target)
    check_reduction("kl_div", reduction, (*REDUCTIONS, "batchmean"))
    check_same_shape("kl_div", input, target)
    if log_target:
        losses = target.exp() * (target - input)
    else:
        losses = xlogy(target, target) - target * input
    if reduction != "batchmean":
        return reduce(losses, reduction, losses.numel())
    if not input.ndim:
        raise ValueError("kl_div: input of shape () has no axis for reduction='batchmean'")
    return reduce(losses, "mean", input.shape[0])


SMALLEST_LOG = -100.0


class BinaryCrossEntropy(ArrayFunction):
    """y = -(t max(log x, -100) + (1 - t) max(log(1 - x), -100)).    x, t, y (*)

    gx = gy (x - t) / max(x (1 - x), 1e-12), PyTorch's, which is finite at 0 and 1.
    """

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, t: Array) -> Array:
        ctx.save_for_backward(x, t)
        with quiet():
            log_x, log_rest = np.log(x), np.log1p(-x)
        return (t - 1) * np.maximum(log_rest, SMALLEST_LOG) - t * np.maximum(log_x, SMALLEST_LOG)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        x, t = ctx.saved_tensors
        gx = gt = None
        if ctx.needs_input_grad[0]:
            gx = gy * (x - t) / (x * (1 - x)).clamp(min=1e-12)
        if ctx.needs_input_grad[1]:
            log_x, log_rest = (p.clamp(min=math.exp(SMALLEST_LOG)).log() for p in (x, 1 - x))
            gt = gy * (log_rest - log_x)
        return gx, gt


@in_float32
def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: Reduction = "mean"
) -> Tensor:
    """-w (t log x + (1 - t) log(1 - x)), elementwise, x = input in [0, 1], t = target.

    Logarithms below -100 count as -100, so that a confident wrong answer has a large but finite
    loss. The weights broadcast. For logits binary_cross_entropy_with_logits is more accurate.

    Raises: ValueError for shapes that differ, an unknown reduction, or an input outside [0, 1] or
    NaN; TypeError for integers; RuntimeError in `autocast`, as PyTorch.
    """
    name = "binary_cross_entropy"
    if autocast.active and autocast.casts_for(input) is not None:
        raise RuntimeError(
            f"{name}: in autocast 1 - x may round to 0: use binary_cross_entropy_with_logits"
        )
    check_float(name, input=input, target=target, weight=weight)
    check_reduction(name, reduction)
    check_same_shape(name, input, target)
    if not ((input.array >= 0) & (input.array <= 1)).all():
        raise ValueError(f"{name}: input must be between 0 and 1, and some of it is not")
    losses = BinaryCrossEntropy.apply(input, target)
    if weight is not None:
        losses = losses * weight
    return reduce(losses, reduction, losses.numel())


@in_float32
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: Reduction = "mean",
) -> Tensor:
    """exp(x) - t x, or x - t log(x + eps) unless log_input: counts t of a Poisson distribution.

    full adds Stirling's approximation of log t!, t log t - t + log(2 pi t) / 2, where t > 1.

    Raises: ValueError for shapes that differ or an unknown reduction, TypeError for dtypes.
    """
    name = "poisson_nll_loss"
    check_float(name, input=input)
    check_pair(name, input, target, reduction)
    rate, log_rate = (input.exp(), input) if log_input else (input, (input + eps).log())
    losses = rate - target * log_rate
    if full:
        many = target > 1
        t = where(many, target.to(input.dtype), 1.0)
        losses = losses + where(many, t * t.log() - t + (2 * math.pi * t).log() / 2, 0.0)
    return reduce(losses, reduction, losses.numel())
