"""Losses: cross entropy, negative log likelihood, mean squared error, binary cross entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.usual_calls import apply_one
from ..tensor.arithmetic import where
from ..tensor.gathering import Gather
from ..tensor.half import in_float32
from ..tensor.tensor import Tensor
from .checks import check_float, check_integer, check_tensor, check_together
from .class_losses import note_class_loss
from .cross_entropy_ops import ClassCrossEntropy, MeanCrossEntropy, SoftmaxCrossEntropy, along
from .embedding import check_indices
from .reduced import check_pair, check_reduction, check_same_shape, reduce, reduce_weighted
from .softplus import Softplus

if TYPE_CHECKING:
    from ..tensor.types import Array, DType
    from .reduced import Reduction


@in_float32
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Compute the cross entropy between softmax(input) and the target.

    input (N, C, *) or (C,) of logits, target (N, *) or () of classes, or of input's shape with
    probabilities -> y (N, *) or () with reduction="none", () otherwise

    y = -sum_c w_c q_c log softmax(x)_c, q = (1 - e) target + e / C, e = label_smoothing (Szegedy et
    al. 2016). For classes the mean is weighted: sum of y / sum of w_target over those that are not
    ignore_index; for probabilities it is sum of y / number of samples. An empty mean is NaN, with
    gradient 0. On a GPU a class outside 0..C-1 makes its y NaN, and with it sum and mean: raising
    an error would mean waiting for the GPU in every step.

    Raises: ValueError for shapes that do not fit, an unknown reduction, label_smoothing outside
    [0, 1] or an ignore_index >= 0 with probabilities; TypeError for dtypes; IndexError for a class
    outside 0..C-1; RuntimeError if weight requires grad where the target holds classes.
    """
    name = "cross_entropy"
    axis = _check_logits(name, input, weight, reduction)
    check_tensor(name, target=target)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{name}: label_smoothing={label_smoothing} must be in [0, 1]")
    if target.shape == input.shape:
        q, total = _soft_targets(name, input, target, weight, ignore_index, label_smoothing, axis)
        return reduce(SoftmaxCrossEntropy.apply(input, q, axis=axis), reduction, total)
    divisor = {"none": None, "sum": 1.0}.get(reduction)
    on_device = type(input.array) is not np.ndarray
    if on_device:
        _check_target(name, input, target, weight, axis)
    elif weight is None and _all_count(name, input, target, ignore_index, axis):
        if reduction == "mean":
            divisor = float(target.array.size)
    else:
        indices, counted = _check_class_indices(name, input, target, weight, ignore_index, axis)
        if reduction == "mean" and weight is None:
            divisor = float(np.count_nonzero(counted))
        elif reduction == "mean":
            divisor = float(_weight_of(name, indices, counted, weight, input.dtype).sum())
    settings: dict[str, Any] = {
        "axis": axis,
        "target": target.array,
        "weight": _constant(name, weight),
        "ignore_index": ignore_index,
        "smoothing": label_smoothing,
    }
    if on_device and reduction == "mean":
        y, total = MeanCrossEntropy.apply(input, **settings)
        note_class_loss(total.array, target.numel())
        return y
    note_class_loss(divisor if reduction == "mean" else None, target.array.size)
    return apply_one(ClassCrossEntropy, input, divisor=divisor, **settings)


def _soft_targets(
    name: str,
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    smoothing: float,
    axis: int,
) -> tuple[Tensor, float]:
    """q and the divisor of the mean, for a target of probabilities."""
    check_float(name, target=target)
    if ignore_index >= 0:
        raise ValueError(
            f"{name}: ignore_index={ignore_index} must be negative where target holds probabilities"
        )
    classes = input.shape[axis]
    q = target.to(input.dtype)
    if smoothing:
        q = q * (1 - smoothing) + smoothing / classes
    if weight is not None:
        q = q * weight.reshape(along(axis, input.ndim))
    return q, input.numel() / classes


@in_float32
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Tensor:
    """Compute the negative log likelihood: -w_target times `input` at the target class.

    input (N, C, *) or (C,) of log-probabilities, target (N, *) or () of integers
    -> y (N, *) or () with reduction="none", () otherwise

    The mean is weighted: sum of y / sum of w_target over those that are not ignore_index. On a GPU
    a class outside 0..C-1 makes y NaN, as in cross_entropy.

    Raises: as cross_entropy.
    """
    axis = _check_logits("nll_loss", input, weight, reduction)
    if type(input.array) is not np.ndarray:
        return _nll_loss_on_device(input, target, weight, ignore_index, reduction, axis)
    indices, counted = _check_class_indices("nll_loss", input, target, weight, ignore_index, axis)
    w = _weight_of("nll_loss", indices, counted, weight, input.dtype)
    picked = input.gather(axis, Tensor(np.expand_dims(indices, axis))).squeeze(axis)
    losses = where(Tensor(counted), -picked * Tensor(w), 0.0)
    total = float(w.sum())
    note_class_loss(total if reduction == "mean" else None, indices.size)
    return reduce(losses, reduction, total)


def _nll_loss_on_device(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: Reduction,
    axis: int,
) -> Tensor:
    """nll_loss without waiting for the device."""
    name = "nll_loss"
    _check_target(name, input, target, weight, axis)
    classes = target.array
    counted = classes != ignore_index
    known = (classes >= 0) & (classes < input.shape[axis])
    indices = np.where(known, classes, 0)
    w = _weight_of(name, indices, counted, weight, input.dtype)
    picked = Gather.apply(input, index=np.expand_dims(indices, axis), axis=axis).squeeze(axis)
    losses = where(Tensor(counted & known), -picked * Tensor(w), 0.0)
    losses = where(Tensor(counted & ~known), np.nan, losses)
    total = w.sum()
    note_class_loss(total if reduction == "mean" else None, classes.size)
    if reduction != "mean":
        return reduce(losses, reduction, 1)
    # An empty mean is NaN, with gradient 0.
    number, empty = total.dtype.type, total == 0
    nothing = Tensor(np.where(empty, number(np.nan), number(0)))
    return losses.sum() / Tensor(np.where(empty, number(1), total)) + nothing


@in_float32
def mse_loss(
    input: Tensor, target: Tensor, reduction: Reduction = "mean", weight: Tensor | None = None
) -> Tensor:
    """Compute w (input - target)^2 elementwise, summed or averaged over all elements.

    weight has input's shape; the mean is the sum of the weighted errors / the sum of the weights.

    Different shapes, which PyTorch broadcasts with a warning, raise an error: (N, 1) against (N,)
    is a mistake.

    One of the two may have integers. Raises: ValueError for shapes that differ or an unknown
    reduction, TypeError for integers in both.
    """
    check_pair("mse_loss", input, target, reduction)
    error = input - target
    return reduce_weighted("mse_loss", error * error, reduction, weight)


@in_float32
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: Reduction = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Compute the cross entropy between sigmoid(input) and probabilities, elementwise.

    y = -w (v t log s(x) + (1 - t) log(1 - s(x))), s = sigmoid, v = pos_weight; w and v broadcast.
    Computed as log s(x) = -softplus(-x), log(1 - s(x)) = -softplus(x), it is exact for any logits.

    Raises: ValueError for shapes that differ or an unknown reduction, TypeError for integers.
    """
    name = "binary_cross_entropy_with_logits"
    check_float(name, input=input)
    check_float(name, target=target)
    check_reduction(name, reduction)
    check_same_shape(name, input, target)
    minus_log_s, minus_log_rest = (
        Softplus.apply(x, beta=1.0, threshold=np.inf) for x in (-input, input)
    )
    positive = target if pos_weight is None else pos_weight * target
    losses = positive * minus_log_s + (1 - target) * minus_log_rest
    if weight is not None:
        losses = losses * weight
    return reduce(losses, reduction, losses.numel())


# ------------------------------------------------------------------------------------------ helpers


def _check_logits(name: str, input: Tensor, weight: Tensor | None, reduction: Reduction) -> int:
    """The axis of the classes, after checking everything except the target."""
    check_float(name, input=input, weight=weight)
    check_reduction(name, reduction)
    axis = 1 if input.ndim > 1 else 0
    if input.ndim == 0 or input.shape[axis] == 0:
        raise ValueError(
            f"{name}: input of shape {input.shape} must be (N, C, *) or (C,) with C >= 1"
        )
    classes = input.shape[axis]
    if weight is not None and weight.shape != (classes,):
        raise ValueError(
            f"{name}: weight of shape {weight.shape} must be ({classes},), one for each class"
        )
    return axis


def _check_class_indices(
    name: str, input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, axis: int
) -> tuple[Array, Array]:
    """The classes, with 0 in place of ignore_index, and the mask of the counted ones."""
    _check_target(name, input, target, weight, axis)
    counted = target.array != ignore_index
    indices = np.where(counted, target.array, 0)
    classes = input.shape[axis]
    check_indices(
        name, indices, classes, f"input has {classes} classes and ignore_index={ignore_index}"
    )
    return indices, counted


def _all_count(name: str, input: Tensor, target: Tensor, ignore_index: int, axis: int) -> bool:
    """Whether all of the checked target are classes and none is ignore_index, as is usual."""
    _check_target(name, input, target, None, axis)
    classes, array = input.array.shape[axis], target.array
    if 0 <= ignore_index < classes or array.dtype != np.int64:
        return False
    # A negative integer is larger than any class, read as one without a sign.
    return array.size > 0 and bool(np.maximum.reduce(array.view(np.uint64), axis=None) < classes)


def _check_target(
    name: str, input: Tensor, target: Tensor, weight: Tensor | None, axis: int
) -> None:
    """Refuse a target of another dtype, shape or device than classes of `input` have."""
    check_integer(name, target=target)
    expected = input.shape[:axis] + input.shape[axis + 1 :]
    if target.shape != expected:
        raise ValueError(
            f"{name}: target of shape {target.shape} must be {expected} for input of shape "
            f"{input.shape}, or have that shape and hold probabilities"
        )
    check_together(name, input=input, target=target, weight=weight)


def _weight_of(
    name: str, indices: Array, counted: Array, weight: Tensor | None, dtype: DType
) -> Array:
    """w_target, 0 where ignored, as an array of the shape of `indices`."""
    if weight is None:
        return counted.astype(dtype)
    weights: Any = _constant(name, weight)
    return weights[indices] * counted


def _constant(name: str, weight: Tensor | None) -> Array | None:
    """The weights of classes as an array without gradient, or None."""
    if weight is None:
        return None
    if weight.requires_grad:
        raise RuntimeError(f"{name}: weight must not require grad where target holds classes")
    return weight.array
