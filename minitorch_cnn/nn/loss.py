"""Losses as layers: called with predictions and targets. The formulas are in functional/loss.py."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal

from .. import functional as F
from ..functional.reduced import Reduction
from ..tensor.tensor import Tensor
from .checks import check_one_of, check_probability
from .module import Module

REDUCTIONS = ("none", "mean", "sum")


class _Loss(Module):
    """Base of the losses: a reduction."""

    reductions: tuple[str, ...] = REDUCTIONS

    reduction: Reduction

    def __init__(self, reduction: Any = "mean"):
        super().__init__()
        check_one_of(type(self).__name__, self.reductions, reduction=reduction)
        self.reduction = reduction


class _WeightedLoss(_Loss):
    """A loss with a weight for each class, held in a buffer."""

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, reduction: Reduction = "mean"):
        super().__init__(reduction)
        self.register_buffer("weight", weight)


class CrossEntropyLoss(_WeightedLoss):
    """Cross entropy between softmax(input) and the target.

    input (N, C, *) or (C,) of logits; target: classes (N, *) or () of integers, or probabilities of
    input's shape. `weight` (C,) scales the classes, label_smoothing mixes the target with the
    uniform distribution.

    Raises: ValueError for an unknown reduction or label_smoothing outside [0, 1].
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: Reduction = "mean",
        label_smoothing: float = 0.0,
    ):
        super().__init__(weight, reduction)
        check_probability("CrossEntropyLoss", label_smoothing=label_smoothing)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )


class NLLLoss(_WeightedLoss):
    """-weight[target] * input[target].    input (N, C, *), target (N, *) of classes"""

    def __init__(
        self, weight: Tensor | None = None, ignore_index: int = -100, reduction: Reduction = "mean"
    ):
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(input, target, self.weight, self.ignore_index, self.reduction)


class NLLLoss2d(NLLLoss):
    """NLLLoss under an older name; it warns."""

    def __init__(
        self, weight: Tensor | None = None, ignore_index: int = -100, reduction: Reduction = "mean"
    ):
        warnings.warn("NLLLoss2d is an old name; use NLLLoss", FutureWarning, stacklevel=2)
        super().__init__(weight, ignore_index, reduction)


class MSELoss(_Loss):
    """(input - target)^2, averaged over all elements, summed, or elementwise."""

    def __init__(self, reduction: Reduction = "mean"):
        super().__init__(reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, self.reduction)


class BCEWithLogitsLoss(_Loss):
    """Cross entropy between sigmoid(input) and the probabilities in target, elementwise.

    `weight` scales the elements, `pos_weight` the terms of positive targets; both broadcast.
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        reduction: Reduction = "mean",
        pos_weight: Tensor | None = None,
    ):
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, self.reduction, self.pos_weight
        )


class L1Loss(_Loss):
    """|input - target|, averaged over all elements, summed, or elementwise."""

    def __init__(self, reduction: Reduction = "mean"):
        super().__init__(reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, self.reduction)


class SmoothL1Loss(_Loss):
    """d^2 / (2 beta) where |d| < beta, |d| - beta/2 elsewhere, d = input - target (Girshick 2015).

    The call refuses a negative beta, as PyTorch does.
    """

    def __init__(self, reduction: Reduction = "mean", beta: float = 1.0):
        super().__init__(reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, self.reduction, self.beta)


class HuberLoss(_Loss):
    """d^2 / 2 where |d| < delta, delta (|d| - delta/2) elsewhere, d = input - target.

    The call refuses a delta that is not above 0, as PyTorch does.
    """

    def __init__(self, reduction: Reduction = "mean", delta: float = 1.0):
        super().__init__(reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, self.reduction, self.delta)


class GaussianNLLLoss(_Loss):
    """(log v + (input - target)^2 / v) / 2, v = max(var, eps); `full` adds log(2 pi) / 2.

    input, target (N, *); var has their shape, or size 1 in one axis, or lacks the last axis.
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: Reduction = "mean"):
        super().__init__(reduction)
        self.full, self.eps = full, eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        return F.gaussian_nll_loss(input, target, var, self.full, self.eps, self.reduction)


class KLDivLoss(_Loss):
    """target (log target - input): the divergence of distributions, with log-probabilities as
    input.

    reduction="batchmean" gives the divergence as defined, "mean" averages over all elements. With
    log_target the targets are log-probabilities as well.

    Raises: ValueError for an unknown reduction.
    """

    reductions = (*REDUCTIONS, "batchmean")

    def __init__(
        self, reduction: Reduction | Literal["batchmean"] = "mean", log_target: bool = False
    ):
        super().__init__(reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(input, target, self.reduction, self.log_target)


class PoissonNLLLoss(_Loss):
    """exp(input) - target input, or input - target log(input + eps) unless log_input.

    `full` adds Stirling's formula for log target! where target > 1.
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        eps: float = 1e-8,
        reduction: Reduction = "mean",
    ):
        super().__init__(reduction)
        self.log_input, self.full, self.eps = log_input, full, eps

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        settings = self.log_input, self.full, self.eps, self.reduction
        return F.poisson_nll_loss(input, target, *settings)


class BCELoss(_WeightedLoss):
    """Cross entropy between the probabilities in input and in target, elementwise.

    Logarithms are clamped to at least -100. For logits, BCEWithLogitsLoss is more accurate.
    """

    def __init__(self, weight: Tensor | None = None, reduction: Reduction = "mean"):
        super().__init__(weight, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(input, target, self.weight, self.reduction)


class CTCLoss(_Loss):
    """Connectionist temporal classification; see `functional.ctc_loss`.

    log_probs (T, N, C) or (T, C), targets (N, S) or concatenated in one axis, lengths (N,)

    Raises: ValueError for an unknown reduction.
    """

    def __init__(self, blank: int = 0, reduction: Reduction = "mean", zero_infinity: bool = False):
        super().__init__(reduction)
        self.blank, self.zero_infinity = blank, zero_infinity

    def forward(
        self,
        log_probs: Tensor,
        targets: Tensor,
        input_lengths: Tensor | Sequence[int],
        target_lengths: Tensor | Sequence[int],
    ) -> Tensor:
        return F.ctc_loss(
            log_probs,
            targets,
            input_lengths,
            target_lengths,
            self.blank,
            self.reduction,
            self.zero_infinity,
        )
