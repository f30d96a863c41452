"""Losses of pairs, triplets and margins: they pull matching samples together, push others apart.

Different shapes, which PyTorch broadcasts, raise an error, as in mse_loss.
"""

from __future__ import annotations

from collections.abc import Callable

from ..tensor.arithmetic import where
from ..tensor.bounds import minimum
from ..tensor.creation import arange
from ..tensor.half import in_float32
from ..tensor.tensor import Tensor
from .checks import check_float, check_integer, check_tensor
from .composed import pairwise_distance
from .reduced import Reduction, check_pair, check_reduction, check_same_shape, reduce
from .softplus import logsigmoid


@in_float32
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, reduction: Reduction = "mean"
) -> Tensor:
    """1 - cos(x1, x2) where target is 1, max(0, cos(x1, x2) - margin) where it is -1, else 0.

    input1, input2 (N, D), target (N,), or (D,) and () -> y (N,) or () with reduction="none", ()
    otherwise. 1e-12 is added to each squared length under the root.

    Raises: ValueError for shapes that do not fit or an unknown reduction, TypeError for inputs that
    are not of one float dtype.
    """
    name = "cosine_embedding_loss"
    _check_inputs(name, reduction, input1=input1, input2=input2)
    check_tensor(name, target=target)
    if input1.ndim not in (1, 2) or target.shape != input1.shape[:-1]:
        raise ValueError(
            f"{name}: inputs of shape {input1.shape} and target of shape {target.shape} must be "
            "(N, D) and (N,), or (D,) and ()"
        )
    lengths = [(x * x).sum(-1) + 1e-12 for x in (input1, input2)]
    cos = (input1 * input2).sum(-1) / (lengths[0] * lengths[1]).sqrt()
    apart = where(target == -1, (cos - margin).clamp(min=0), 0.0)
    losses = where(target == 1, 1 - cos, apart)
    return reduce(losses, reduction, losses.numel())


@in_float32
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, reduction: Reduction = "mean"
) -> Tensor:
    """max(0, margin - target (input1 - input2)): target 1 ranks input1 above input2, -1 below.

    input1, input2 (*) of one shape, target of that shape or of one element.

    Raises: ValueError for other shapes or an unknown reduction, TypeError for inputs that are not
    of one float dtype.
    """
    name = "margin_ranking_loss"
    _check_inputs(name, reduction, input1=input1, input2=input2)
    check_tensor(name, target=target)
    if target.numel() == 1 and target.ndim <= input1.ndim:
        target = target.reshape(())
    elif target.shape != input1.shape:
        raise ValueError(
            f"{name}: target of shape {target.shape} must have input1's shape {input1.shape}, or "
            "be of one element"
        )
    losses = (margin - target * (input1 - input2)).clamp(min=0)
    return reduce(losses, reduction, losses.numel())


@in_float32
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """max(0, margin + |anchor - positive| - |anchor - negative|) (Balntas et al. 2016).

    anchor, positive, negative (*, D) -> y (*) with reduction="none", () otherwise

    The distances are those of pairwise_distance, p-norms along the last axis. With swap the
    negative's distance is measured from the nearer of anchor and positive.

    Raises: ValueError for shapes that differ, inputs without an axis, margin <= 0 or an unknown
    reduction; TypeError for inputs that are not of one float dtype.
    """
    name = "triplet_margin_loss"
    _check_inputs(name, reduction, anchor=anchor, positive=positive, negative=negative)
    if not margin > 0:
        raise ValueError(f"{name}: margin={margin} must be above 0")
    if not anchor.ndim:
        raise ValueError(f"{name}: anchor of shape () must have an axis")
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = minimum(far, pairwise_distance(positive, negative, p, eps))
    losses = (margin + near - far).clamp(min=0)
    return reduce(losses, reduction, losses.numel())


@in_float32
def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, reduction: Reduction = "mean"
) -> Tensor:
    """input where target is 1, max(0, margin - input) where it is -1, elementwise.

    Raises: ValueError for shapes that differ or an unknown reduction, TypeError for dtypes.
    """
    check_float("hinge_embedding_loss", input=input)
    check_pair("hinge_embedding_loss", input, target, reduction)
    far = where(target != 1, (margin - input).clamp(min=0), 0.0)
    losses = far + where(target != -1, input, 0.0)
    return reduce(losses, reduction, losses.numel())


@in_float32
def soft_margin_loss(input: Tensor, target: Tensor, reduction: Reduction = "mean") -> Tensor:
    """log(1 + exp(-target input)), elementwise, with targets 1 and -1, without overflow.

    Raises: ValueError for shapes that differ or an unknown reduction, TypeError for dtypes.
    """
    check_pair("soft_margin_loss", input, target, reduction)
    losses = -logsigmoid(target * input)
    return reduce(losses, reduction, losses.numel())


@in_float32
def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: Reduction = "mean"
) -> Tensor:
    """-w (t log s(x) + (1 - t) log(1 - s(x))), averaged over the classes, s = sigmoid.

    input (*, C) of logits, target (*, C) of 0 and 1, weight (C,) -> y (*) with reduction="none",
    () otherwise

    Raises: ValueError for shapes that do not fit or an unknown reduction, TypeError for dtypes.
    """
    name = "multilabel_soft_margin_loss"
    check_float(name, input=input, weight=weight)
    check_pair(name, input, target, reduction)
    if not input.ndim:
        raise ValueError(f"{name}: input of shape () must be (*, C)")
    losses = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        losses = losses * weight
    losses = losses.sum(-1) / input.shape[-1]
    return reduce(losses, reduction, losses.numel())


@in_float32
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """w[t] sum over i != t of max(0, margin - x[t] + x[i])^p / C (Crammer & Singer 2001).

    x (N, C) or (C,), t (N,) or () of classes, weight (C,) -> y (N,) or () with reduction="none",
    () otherwise; the mean is over N, whatever the weights.

    Raises: ValueError for shapes that do not fit, p other than 1 and 2 or an unknown reduction,
    TypeError for dtypes, IndexError for a target outside 0..C-1.
    """
    name = "multi_margin_loss"
    check_float(name, input=input, weight=weight)
    check_integer(name, target=target)
    check_reduction(name, reduction)
    if input.ndim not in (1, 2) or not input.shape[-1] or target.shape != input.shape[:-1]:
        raise ValueError(
            f"{name}: input of shape {input.shape} and target of shape {target.shape} must be "
            "(N, C) and (N,), or (C,) and ()"
        )
    classes = input.shape[-1]
    if p not in (1, 2):
        raise ValueError(f"{name}: p={p} must be 1 or 2")
    if weight is not None and weight.shape != (classes,):
        raise ValueError(f"{name}: weight of shape {weight.shape} must be of shape ({classes},)")
    if target.numel() and not 0 <= target.array.min() <= target.array.max() < classes:
        raise IndexError(f"{name}: target must be from 0 to {classes - 1}")
    at = target.long().unsqueeze(-1)
    losses = (margin - input.gather(-1, at) + input).clamp(min=0)
    losses = losses if p == 1 else losses * losses
    others = arange(classes, device=input.device) != at
    losses = where(others, losses, 0.0).sum(-1) / classes
    if weight is not None:
        losses = losses * weight[target.long()]
    return reduce(losses, reduction, losses.numel())


@in_float32
def multilabel_margin_loss(input: Tensor, target: Tensor, reduction: Reduction = "mean") -> Tensor:
    """sum over j in t and i not in t of max(0, 1 - x[j] + x[i]) / C.

    x (N, C) or (C,), t of x's shape: classes, terminated by -1 -> y (N,) or () with
    reduction="none", () otherwise

    Raises: ValueError for shapes that do not fit or an unknown reduction, TypeError for dtypes,
    IndexError for a target outside -1..C-1.
    """
    name = "multilabel_margin_loss"
    check_float(name, input=input)
    check_integer(name, target=target)
    check_reduction(name, reduction)
    check_same_shape(name, input, target)
    if input.ndim not in (1, 2) or not input.shape[-1]:
        raise ValueError(f"{name}: input of shape {input.shape} must be (N, C) or (C,)")
    classes = input.shape[-1]
    if target.numel() and not -1 <= target.array.min() <= target.array.max() < classes:
        raise IndexError(f"{name}: target must be from -1 to {classes - 1}")
    listed = (target >= 0).long().cumprod(-1) > 0  # up to the first -1
    at = target.long().clamp(min=0)
    hits = (at.unsqueeze(-1) == arange(classes, device=input.device)) & listed.unsqueeze(-1)
    losses = (1 - input.gather(-1, at).unsqueeze(-1) + input.unsqueeze(-2)).clamp(min=0)
    counted = listed.unsqueeze(-1) & ~hits.any(-2, keepdim=True)
    losses = where(counted, losses, 0.0).sum((-2, -1)) / classes
    return reduce(losses, reduction, losses.numel())


@in_float32
def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """triplet_margin_loss with any distance of two Tensors; pairwise_distance by default.

    Raises: ValueError for shapes that differ, margin <= 0 or an unknown reduction; TypeError for
    inputs that are not of one float dtype.
    """
    name = "triplet_margin_with_distance_loss"
    _check_inputs(name, reduction, anchor=anchor, positive=positive, negative=negative)
    if not margin > 0:
        raise ValueError(f"{name}: margin={margin} must be above 0")
    distance = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    losses = (margin + near - far).clamp(min=0)
    return reduce(losses, reduction, losses.numel())


def _check_inputs(name: str, reduction: Reduction, **inputs: Tensor) -> None:
    """Check that all are Tensors of one float dtype and one shape, and the reduction."""
    check_float(name, **inputs)
    check_reduction(name, reduction)
    (first, one), *others = inputs.items()
    for argument, x in others:
        if x.shape != one.shape:
            raise ValueError(
                f"{name}: {argument} of shape {x.shape} must have {first}'s shape {one.shape}"
            )
