"""Losses as layers: called with predictions and targets. The formulas are in functional/loss.py."""

from __future__ import annotations

from .. import functional as F
from ..tensor.tensor import Tensor
from .checks import check_one_of, check_probability
from .module import Module

REDUCTIONS = ("none", "mean", "sum")


class _Loss(Module):
    """What the losses share: a reduction, and weights as buffers that move with the module."""

    def __init__(self, reduction: str, **weights: Tensor | None):
        super().__init__()
        check_one_of(type(self).__name__, REDUCTIONS, reduction=reduction)
        self.reduction = reduction
        for name, weight in weights.items():
            self.register_buffer(name, weight)


class CrossEntropyLoss(_Loss):
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
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ):
        super().__init__(reduction, weight=weight)
        check_probability("CrossEntropyLoss", label_smoothing=label_smoothing)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )


class NLLLoss(_Loss):
    """-weight[target] * input[target].    input (N, C, *), target (N, *) of classes"""

    def __init__(
        self, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean"
    ):
        super().__init__(reduction, weight=weight)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(input, target, self.weight, self.ignore_index, self.reduction)


class MSELoss(_Loss):
    """(input - target)^2, averaged over all elements, summed, or as it is."""

    def __init__(self, reduction: str = "mean"):
        super().__init__(reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, self.reduction)


class BCEWithLogitsLoss(_Loss):
    """Cross entropy between sigmoid(input) and the probabilities in target, elementwise.

    `weight` scales the elements, `pos_weight` the part of the positive answers; both broadcast.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ):
        super().__init__(reduction, weight=weight, pos_weight=pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, self.reduction, self.pos_weight
        )
