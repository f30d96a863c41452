"""Losses: cross entropy, negative log likelihood, mean squared error, binary cross entropy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import devices
from ..autograd.array_function import ArrayFunction
from ..kernels.cross_entropy import (
    cross_entropy_backward,
    cross_entropy_forward,
    cross_entropy_mean,
)
from ..tensor.arithmetic import quiet, where
from ..tensor.half import in_float32
from ..tensor.tensor import Tensor
from .checks import check_float, check_integer, check_tensor, check_together
from .class_losses import note_class_loss
from .embedding import check_indices
from .reduced import check_pair, check_reduction, check_same_shape, reduce, reduce_weighted
from .softplus import Softplus

if TYPE_CHECKING:
    from ..tensor.types import Array, DType
    from .reduced import Reduction


class SoftmaxCrossEntropy(ArrayFunction):
    """y = -sum_c q_c log softmax(x)_c.    x (N, C, *), q (N, C, *) -> y (N, *)

    Softmax, logarithm and sum in one operation: accurate for logits of any size, and only one array
    is kept besides the inputs. Where q is 0 the term is 0, even at a logit of -inf.
    """

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, q: Array, axis: int) -> Array:
        with quiet():
            logp = x - x.max(axis, keepdims=True)
            logp -= np.log(np.exp(logp).sum(axis, keepdims=True))
        ctx.save_for_backward(x, q)
        ctx.keep(logp)
        ctx.axis = axis
        # subtracted from 0, so that an empty sum is 0, not -0
        return 0 - np.multiply(q, logp, out=np.zeros_like(logp), where=q != 0).sum(axis)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        x, q = ctx.saved_tensors
        (logp,) = ctx.kept
        gx = gq = None
        if ctx.needs_input_grad[0]:
            gx = SoftmaxCrossEntropyBackward.apply(gy, x, q, logp=logp, axis=ctx.axis)
        if ctx.needs_input_grad[1]:
            gq = -gy.unsqueeze(ctx.axis) * x.log_softmax(ctx.axis)
        return gx, gq


class SoftmaxCrossEntropyBackward(ArrayFunction):
    """gx_c = gy (p_c sum_k q_k - q_c), p = softmax(x).    gy (N, *), x, q, gx (N, C, *)"""

    @staticmethod
    def forward(ctx: ArrayFunction, gy: Array, x: Array, q: Array, logp: Array, axis: int) -> Array:
        ctx.save_for_backward(gy, x, q)
        ctx.axis = axis
        with quiet():
            gx = np.exp(logp)
            gx *= q.sum(axis, keepdims=True)
            gx -= q
            gx *= np.expand_dims(gy, axis)
        return gx

    @staticmethod
    def backward(ctx: ArrayFunction, v: Any) -> tuple[Tensor | None, ...]:
        gy, x, q = ctx.saved_tensors
        return _second_gradients(v, gy, x, q, ctx.axis, ctx.needs_input_grad)


def _second_gradients(
    v: Tensor, gy: Tensor, x: Tensor, q: Tensor, axis: int, wanted: Sequence[bool]
) -> tuple[Any, Any, Any]:
    """The gradients by gy, x and q of sum v gx, gx = gy (p sum q - q), p = softmax(x)."""
    gy = gy.unsqueeze(axis)
    p, mass = x.softmax(axis), q.sum(axis, keepdim=True)
    mean_v = (p * v).sum(axis, keepdim=True)
    need_gy, need_x, need_q = wanted
    ggy = (mass * mean_v - (q * v).sum(axis, keepdim=True)).squeeze(axis) if need_gy else None
    gx = gy * mass * p * (v - mean_v) if need_x else None
    gq = gy * (mean_v - v) if need_q else None
    return ggy, gx, gq


class ClassCrossEntropy(ArrayFunction):
    """SoftmaxCrossEntropy for a target of classes, without materialising q.

    x (N, C, *) -> y (N, *), or their sum over `divisor`
    """

    @staticmethod
    def forward(
        ctx: ArrayFunction, x: Array, divisor: Any, axis: int, target: Array, **settings: Any
    ) -> Array:
        ctx.save_for_backward(x)
        ctx.axis, ctx.divisor, ctx.settings = axis, divisor, settings
        losses, m, s = cross_entropy_forward(*_rows(x, axis, target), **settings)
        ctx.keep(m, s, target)
        if divisor is None:
            return losses.reshape(target.shape)
        # 0/0 is NaN as in PyTorch; the gradient of a batch without labels is still 0
        return losses.sum() / losses.dtype.type(divisor)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        m, s, target = ctx.kept
        settings = {"divisor": ctx.divisor, "axis": ctx.axis, **ctx.settings}
        return ClassCrossEntropyBackward.apply(gy, x, m=m, s=s, target=target, **settings)


class ClassCrossEntropyBackward(ArrayFunction):
    """gx = gy (p sum q - q), or gy / divisor in place of gy.

    gy (N, *), or () with a divisor, x, gx (N, C, *)
    """

    @staticmethod
    def forward(
        ctx: ArrayFunction,
        gy: Array,
        x: Array,
        m: Array,
        s: Array,
        target: Array,
        divisor: Any,
        axis: int,
        **settings: Any,
    ) -> Array:
        ctx.save_for_backward(gy, x)
        ctx.keep(target)
        ctx.axis, ctx.divisor, ctx.settings = axis, divisor, settings
        rows, targets = _rows(x, axis, target)
        if devices.is_array(divisor):  # that of a mean on a device
            gx = cross_entropy_backward(gy, rows, m, s, targets, **settings, total=divisor)
            return gx.reshape(x.shape)
        share = np.empty_like(m)
        share[...] = gy.reshape(m.shape) if divisor is None else gy / gy.dtype.type(divisor or 1)
        return cross_entropy_backward(share, rows, m, s, targets, **settings).reshape(x.shape)

    @staticmethod
    def backward(ctx: ArrayFunction, v: Any) -> tuple[Tensor | None, ...]:
        gy, x = ctx.saved_tensors
        (target,) = ctx.kept
        divisor = _not_zero(ctx.divisor)
        share = gy if divisor is None else (gy / divisor).expand(target.shape)
        q = Tensor(_class_masses(x.array, target, ctx.axis, **ctx.settings))
        wanted = *ctx.needs_input_grad, False
        ggy, g2x, _ = _second_gradients(v, share, x, q, ctx.axis, wanted)
        if ggy is not None and divisor is not None:
            ggy = ggy.sum() / divisor
        return ggy, g2x


def _not_zero(divisor: Any) -> Any:
    """A divisor, a number, an array () on a device or None, with 1 in the place of 0."""
    if devices.is_array(divisor):
        return Tensor(np.where(divisor == 0, divisor.dtype.type(1), divisor))
    return divisor if divisor is None else divisor or 1


class MeanCrossEntropy(ArrayFunction):
    """The mean of ClassCrossEntropy, and the sum of weights that it is divided by, on a device.

    x (N, C, *) -> y (), total ()

    The host does not wait for the device, so the classes are not checked: see cross_entropy.
    """

    @staticmethod
    def forward(
        ctx: ArrayFunction, x: Array, axis: int, target: Array, **settings: Any
    ) -> tuple[Array, Array]:
        ctx.save_for_backward(x)
        ctx.axis, ctx.settings = axis, settings
        y, total, m, s = cross_entropy_mean(*_rows(x, axis, target), **settings)
        ctx.keep(m, s, target, total)
        ctx.mark_non_differentiable(total)
        return y, total

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor, _: Any) -> Tensor:
        (x,) = ctx.saved_tensors
        m, s, target, total = ctx.kept
        settings = {"divisor": total, "axis": ctx.axis, **ctx.settings}
        return ClassCrossEntropyBackward.apply(gy, x, m=m, s=s, target=target, **settings)


def _rows(x: Array, axis: int, target: Array) -> tuple[Array, Array]:
    """x as (N, C, L) and target as (N, L)."""
    shape = x.shape[0] if axis else 1, math.prod(x.shape[axis + 1 :])
    return x.reshape(shape[0], x.shape[axis], shape[1]), target.reshape(shape)


def _class_masses(
    x: Array, target: Array, axis: int, weight: Array | None, ignore_index: int, smoothing: float
) -> Array:
    """q (N, C, *) for classes: w at each class, spread by smoothing, 0 where ignored."""
    counted = np.expand_dims(target != ignore_index, axis)
    spread = smoothing / x.shape[axis]
    q = np.empty(x.shape, x.dtype, like=x)
    q[...] = spread
    at = np.where(counted, np.expand_dims(target, axis), 0)
    np.put_along_axis(q, at, 1 - smoothing + spread, axis)
    if weight is not None:
        q *= weight.reshape(_along(axis, x.ndim))
    return q * counted


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
    gradient 0. On a GPU a class outside 0..C-1 makes the mean NaN: raising an error would mean
    waiting for the GPU in every step.

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
    if reduction == "mean" and type(input.array) is not np.ndarray:
        _check_target(name, input, target, weight, axis)
        y, total = MeanCrossEntropy.apply(
            input,
            axis=axis,
            target=target.array,
            weight=_constant(name, weight),
            ignore_index=ignore_index,
            smoothing=label_smoothing,
        )
        note_class_loss(total.array, target.numel())
        return y
    indices, counted = _check_class_indices(name, input, target, weight, ignore_index, axis)
    divisor = {"none": None, "sum": 1.0}.get(reduction)
    if reduction == "mean":
        if weight is None:
            divisor = float(np.count_nonzero(counted))
        else:
            divisor = float(_weight_of(name, indices, counted, weight, input.dtype).sum())
    note_class_loss(divisor if reduction == "mean" else None, indices.size)
    return ClassCrossEntropy.apply(
        input,
        divisor=divisor,
        axis=axis,
        target=target.array,
        weight=_constant(name, weight),
        ignore_index=ignore_index,
        smoothing=label_smoothing,
    )


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
        q = q * weight.reshape(_along(axis, input.ndim))
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

    The mean is weighted: sum of y / sum of w_target over those that are not ignore_index.

    Raises: as cross_entropy.
    """
    axis = _check_logits("nll_loss", input, weight, reduction)
    indices, counted = _check_class_indices("nll_loss", input, target, weight, ignore_index, axis)
    w = _weight_of("nll_loss", indices, counted, weight, input.dtype)
    picked = input.gather(axis, Tensor(np.expand_dims(indices, axis))).squeeze(axis)
    losses = where(Tensor(counted), -picked * Tensor(w), 0.0)
    total = float(w.sum())
    note_class_loss(total if reduction == "mean" else None, indices.size)
    return reduce(losses, reduction, total)


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


def _along(axis: int, ndim: int) -> tuple[int, ...]:
    """The shape in which one value per class broadcasts to the input."""
    return tuple(-1 if i == axis else 1 for i in range(ndim))
