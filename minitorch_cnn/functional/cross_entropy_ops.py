"""The operations behind cross entropy: against probabilities, against classes, and their mean."""

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
from ..tensor.arithmetic import quiet
from ..tensor.tensor import Tensor

if TYPE_CHECKING:
    from ..tensor.types import Array


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
        return np.add.reduce(losses, axis=None) / losses.dtype.type(divisor)

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
        q *= weight.reshape(along(axis, x.ndim))
    return q * counted


def along(axis: int, ndim: int) -> tuple[int, ...]:
    """The shape in which one value per class broadcasts to the input."""
    return tuple(-1 if i == axis else 1 for i in range(ndim))
