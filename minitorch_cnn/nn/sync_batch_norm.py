"""SyncBatchNorm: batch norm with the statistics of the batches of all ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..autograd.array_function import ArrayFunction
from ..distributed import waiting
from ..distributed.group import Group, current_or_none
from ..functional.norm import update_running
from ..kernels.batch_norm import batch_norm_forward
from ..tensor.tensor import Tensor
from .module import Module
from .norm import BatchNorm1d, BatchNorm2d, _BatchNorm

if TYPE_CHECKING:
    from ..tensor.types import Array, DeviceLike, DTypeLike

M = TypeVar("M", bound=Module)


class SyncBatchNorm(_BatchNorm):
    """Batch norm of (N, C, *) with the mean and variance of the batches of all ranks.

    In training mode the result is that of one process with the joined batch. The local batches may
    differ in size, and some may be empty; gradients of any order are exact, and that of weight and
    bias is local, as those of other layers. Without a process group, with one rank and in
    evaluation mode this is `BatchNorm2d`.

    process_group: only None, all ranks.

    Raises: ValueError if all ranks together have one value per channel.
    """

    ranks, layout = tuple(range(2, 65)), "(N, C, *)"

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
        *,
        bias: bool = True,
    ):
        if process_group is not None:
            raise ValueError("SyncBatchNorm: process_group must be None, which means all ranks")
        settings = eps, momentum, affine, track_running_stats, device, dtype
        super().__init__(num_features, *settings, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        group = current_or_none()
        if group is None or not (self.training or self.running_mean is None):
            return super().forward(input)

        def of_all(
            x: Tensor,
            running_mean: Tensor | None,
            running_var: Tensor | None,
            weight: Tensor | None,
            bias: Tensor | None,
            training: bool,
            momentum: float,
            eps: float,
        ) -> Tensor:
            y, mean, var = _SyncBatchNorm.apply(x, weight, bias, group=group, eps=eps)
            if running_mean is not None and running_var is not None:
                update_running(running_mean, mean.array, momentum)
                update_running(running_var, var.array, momentum)
            return y

        if input.shape[1] != self.num_features:
            raise ValueError(
                f"SyncBatchNorm: input of shape {input.shape} must have {self.num_features} "
                "channels"
            )
        return self._apply_op(of_all, input)

    @classmethod
    def convert_sync_batchnorm(cls, module: M, process_group: Any = None) -> M | SyncBatchNorm:
        """The module with each of its batch norms replaced by one over all ranks.

        Parameters, buffers and modes are those of the module, which is changed in place; a module
        that is a batch norm itself is returned as a new one.
        """
        if isinstance(module, (BatchNorm1d, BatchNorm2d)):
            return cls._in_place_of(module, process_group)
        for name, child in list(module.named_children()):
            converted = cls.convert_sync_batchnorm(child, process_group)
            if converted is not child:
                setattr(module, name, converted)
        return module

    @classmethod
    def _in_place_of(cls, norm: Any, process_group: Any) -> SyncBatchNorm:
        settings = norm.eps, norm.momentum, norm.affine, norm.track_running_stats, process_group
        new = cls(norm.num_features, *settings, bias=norm.bias is not None)
        new.weight, new.bias = norm.weight, norm.bias
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            setattr(new, name, getattr(norm, name))
        new.training = norm.training
        return new


class _SyncBatchNorm(ArrayFunction):
    """y = w x^ + b with the mean and biased variance of x over all ranks.

    x (N, C, *), w and b (C,) or None -> y (N, C, *), mean and unbiased variance (C,)
    """

    in_float32 = True

    @staticmethod
    def forward(
        ctx: ArrayFunction, x: Array, w: Array | None, b: Array | None, group: Group, eps: float
    ) -> tuple[Array, ...]:
        mean, var, count = _moments(x, group)
        if count == 1:
            raise ValueError(
                f"SyncBatchNorm: training needs more than one value per channel on all ranks "
                f"together, got input of shape {x.shape}"
            )
        r = (1 / np.sqrt(var + eps)).astype(x.dtype)
        mean, unbiased = mean.astype(x.dtype), (var * (count / (count - 1))).astype(x.dtype)
        y = batch_norm_forward(x, w, b, mean, r) if x.size else x.copy()
        ctx.save_for_backward(x, w)
        ctx.keep(mean, r)
        ctx.group, ctx.eps, ctx.count = group, eps, count
        ctx.mark_non_differentiable(mean, unbiased)
        return y, mean, unbiased

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor, *constant: Any) -> tuple[Tensor | None, ...]:
        x, w = ctx.saved_tensors
        mean, r = ctx.kept
        settings = {"group": ctx.group, "eps": ctx.eps, "count": ctx.count}
        gx, gw, gb = _SyncBatchNormBackward.apply(gy, x, w, mean=mean, r=r, **settings)
        _, need_w, need_b = ctx.needs_input_grad
        return gx, gw if need_w else None, gb if need_b else None


class _SyncBatchNormBackward(ArrayFunction):
    """The gradients of _SyncBatchNorm. With < > the mean over a channel of all ranks:

    v = w gy,   gx = r (v - <v> - x^ <v x^>),   gw = sum of gy x^,   gb = sum of gy, sums of a rank
    """

    @staticmethod
    def forward(
        ctx: ArrayFunction,
        gy: Array,
        x: Array,
        w: Array | None,
        mean: Array,
        r: Array,
        group: Group,
        eps: float,
        count: int,
    ) -> tuple[Array, ...]:
        ctx.save_for_backward(gy, x, w)
        ctx.group, ctx.eps, ctx.count = group, eps, count
        axes, shape = _axes(x), _shape(x)
        x_hat = (x - mean.reshape(shape)) * r.reshape(shape)
        gw, gb = (gy * x_hat).sum(axes), gy.sum(axes)
        sums = np.stack([gb, gw]) if w is None else np.stack([w * gb, w * gw])
        mean_v, mean_vx = _summed(sums, group) / x.dtype.type(count)
        v = gy if w is None else w.reshape(shape) * gy
        gx = r.reshape(shape) * (v - mean_v.reshape(shape) - x_hat * mean_vx.reshape(shape))
        return gx, gw, gb

    @staticmethod
    def backward(ctx: ArrayFunction, ggx: Any, ggw: Any, ggb: Any) -> tuple[Tensor | None, ...]:
        # As F.batch_norm's, whose comment derives it, with means over all ranks. The scale w of a
        # rank stands inside of P, which joins the ranks: v = w gy. The objective is the sum over
        # ranks of  r (sum of ggx P v) + ggw (sum of gy x^) + ggb (sum of gy).
        gy, x, w = ctx.saved_tensors
        axes, shape = _axes(x), _shape(x)

        def mean(u: Tensor) -> Tensor:
            total = _SumOverRanks.apply(u.sum(axes, keepdim=True), group=ctx.group)
            return total * (1 / ctx.count)

        def project(u: Tensor) -> Tensor:
            return u - mean(u) - x_hat * mean(u * x_hat)

        centred = x - mean(x)
        r = (mean(centred * centred) + ctx.eps).rsqrt()
        x_hat = centred * r
        zero = gy * 0
        ggx = zero if ggx is None else ggx
        ggw = zero.sum(axes) if ggw is None else ggw
        ggb = zero.sum(axes) if ggb is None else ggb
        ggw, v = ggw.reshape(shape), gy if w is None else gy * w.reshape(shape)

        projected = project(ggx)
        g2v = r * projected
        g2y = g2v if w is None else g2v * w.reshape(shape)
        g2w = None if w is None else (gy * g2v).sum(axes)
        g2x = mean(v * x_hat) * projected + mean(ggx * x_hat) * project(v)
        g2x = -r * r * (g2x + mean(v * projected) * x_hat)
        g2y = g2y + ggw * x_hat + ggb.reshape(shape).expand(x.shape)
        return g2y, g2x + r * project(ggw * gy), g2w


class _SumOverRanks(ArrayFunction):
    """The sum of a tensor over all ranks, on each of them: linear, and its own adjoint."""

    @staticmethod
    def forward(ctx: ArrayFunction, x: Array, group: Group) -> Array:
        ctx.group = group
        return _summed(x, group)

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> Tensor:
        return _SumOverRanks.apply(gy, group=ctx.group)


def _axes(x: Any) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def _shape(x: Any) -> tuple[int, ...]:
    return (1, -1) + (1,) * (x.ndim - 2)


def _summed(array: Array, group: Group) -> Array:
    """The sum over all ranks in float64, cast back."""
    total = array.astype(np.float64, order="C").reshape(-1)
    work = group.statistics.start_all_reduce(total, "sum")
    waiting.wait(group, work.test, "SyncBatchNorm")
    return total.reshape(array.shape).astype(array.dtype)


def _moments(x: Array, group: Group) -> tuple[Any, Any, int]:
    """The mean and biased variance of each channel over all ranks in float64, and their values.

    Each rank sends its count, mean and sum of squared deviations; they are combined in the order of
    the ranks (Chan et al. 1979), which neither overflows nor cancels.
    """
    channels, axes = x.shape[1], _axes(x)
    packed = np.zeros(2 * channels + 1, np.float64, like=x)
    if x.size:
        packed[0] = x.size // channels
        mean = x.mean(axes, dtype=np.float64)
        packed[1 : channels + 1] = mean
        centred = x - mean.reshape(_shape(x))
        packed[channels + 1 :] = np.square(centred).sum(axes)
    everyone = np.empty((group.size, packed.size), np.float64, like=x)
    work = group.statistics.start_all_gather(packed, everyone)
    waiting.wait(group, work.test, "SyncBatchNorm")
    counts, means = everyone[:, :1], everyone[:, 1 : channels + 1]
    count = int(counts.sum())
    if not count:
        raise ValueError(f"SyncBatchNorm: the batches of all ranks are empty, of shape {x.shape}")
    mean = (counts * means).sum(0) / count
    squares = everyone[:, channels + 1 :] + counts * np.square(means - mean)
    return mean, squares.sum(0) / count, count
