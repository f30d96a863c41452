"""Shared parts of the losses: reduction, and checks of a prediction against its target."""

from __future__ import annotations

from typing import Literal

from ..spelling import nearest
from ..tensor.tensor import Tensor
from .checks import check_float, check_tensor

Reduction = Literal["none", "mean", "sum"]
REDUCTIONS = ("none", "mean", "sum")


def reduce(losses: Tensor, reduction: Reduction, total: float) -> Tensor:
    """The losses unchanged, their sum, or their sum divided by `total`."""
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    # An empty mean is NaN, but its gradient is 0, not 0/0: a batch without labels is harmless.
    return losses.sum() / total if total else losses.sum() + float("nan")


def weighted(name: str, losses: Tensor, weight: Tensor | None) -> Tensor:
    """The losses times their weights, which have the same shape or are None.

    Raises: ValueError for another shape, TypeError for dtypes other than floats.
    """
    if weight is None:
        return losses
    check_float(name, weight=weight)
    if weight.shape != losses.shape:
        raise ValueError(
            f"{name}: weight of shape {weight.shape} must have input's shape {losses.shape}"
        )
    return losses * weight


def reduce_weighted(
    name: str, losses: Tensor, reduction: Reduction, weight: Tensor | None
) -> Tensor:
    """`reduce` the weighted losses; the mean is divided by the sum of the weights."""
    losses = weighted(name, losses, weight)
    if weight is None or reduction != "mean":
        return reduce(losses, reduction, losses.numel())
    return losses.sum() / weight.sum()


def check_reduction(name: str, reduction: str, allowed: tuple[str, ...] = REDUCTIONS) -> None:
    """Raise ValueError, naming the loss, for an unknown reduction."""
    if reduction not in allowed:
        raise ValueError(
            f"{name}: reduction={reduction!r} must be one of {', '.join(map(repr, allowed))}"
            f"{nearest(reduction, allowed)}"
        )


def check_same_shape(name: str, input: Tensor, target: Tensor) -> None:
    """Raise ValueError, naming the loss, unless the shapes are equal."""
    if input.shape != target.shape:
        raise ValueError(
            f"{name}: target of shape {target.shape} must have input's shape {input.shape}"
        )


def check_pair(name: str, input: Tensor, target: Tensor, reduction: Reduction) -> None:
    """Check that two Tensors have one shape, that at least one has floats, and the reduction.

    Raises: ValueError or TypeError, naming the loss.
    """
    check_tensor(name, input=input, target=target)
    kinds = input.dtype.kind + target.dtype.kind
    if "f" not in kinds or "b" in kinds:
        check_float(name, input=input)
        check_float(name, target=target)
    check_reduction(name, reduction)
    check_same_shape(name, input, target)
