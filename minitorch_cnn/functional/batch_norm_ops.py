"""The operations behind batch norm: by the statistics of the batch, and by constant ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..autograd.array_function import ArrayFunction
from ..kernels.batch_norm import (
    Running,
    batch_norm_backward,
    batch_norm_forward,
    batch_norm_training,
)
from ..tensor.activation import of_relus_sum, through_relu
from ..tensor.tensor import Tensor

if TYPE_CHECKING:
    from ..kernels.batch_norm import Moments
    from ..tensor.types import Array


class BatchNorm(ArrayFunction):
    """y = w x^ + b, with relu min(max(y, 0), ceiling), by the mean and biased variance of x itself.

    x (N, C, *), w and b (C,) or None -> y (N, C, *), mean and var (C,)
    """

    in_float32 = True

    @staticmethod
    def forward(
        ctx: ArrayFunction,
        x: Array,
        w: Array | None,
        b: Array | None,
        eps: float,
        relu: bool = False,
        running_mean: Array | None = None,
        running_var: Array | None = None,
        momentum: float = 0.0,
        batches: Array | None = None,
        ceiling: float = math.inf,
        moments: Moments | None = None,
    ) -> tuple[Array, Array, Array]:
        running = _running(running_mean, running_var, momentum, batches)
        y, mean, var, invstd = batch_norm_training(
            x, w, b, eps, relu, running, ceiling, moments=moments
        )
        ctx.save_for_backward(x, w, b if relu else None)
        ctx.keep(mean, invstd)
        ctx.eps, ctx.relu, ctx.ceiling = eps, relu, ceiling
        ctx.mark_non_differentiable(mean, var)
        return y, mean, var

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor, *constant: Any) -> tuple[Tensor | None, ...]:
        x, w, b = ctx.saved_tensors
        mean, invstd = ctx.kept
        settings = {"mean": mean, "invstd": invstd, "eps": ctx.eps}
        settings |= {"relu": ctx.relu, "ceiling": ctx.ceiling}
        gx, gw, gb = BatchNormBackward.apply(gy, x, w, b, **settings)
        _, need_w, need_b = ctx.needs_input_grad
        return gx, gw if need_w else None, gb if need_b else None


class BatchNormReLUOfSum(ArrayFunction):
    """y = max(w x^ + b + r, 0) on a device, as `BatchNorm` and `ReLUOfSum` in one pass.

    x and r (N, C, *), w and b (C,) or None -> y (N, C, *)
    """

    adds_gradients = True

    @staticmethod
    def forward(
        ctx: ArrayFunction,
        x: Array,
        w: Array | None,
        b: Array | None,
        r: Array,
        eps: float,
        running_mean: Array | None = None,
        running_var: Array | None = None,
        momentum: float = 0.0,
        batches: Array | None = None,
        moments: Moments | None = None,
    ) -> Array:
        running = _running(running_mean, running_var, momentum, batches)
        y, mean, _, invstd = batch_norm_training(
            x, w, b, eps, True, running, residual=r, moments=moments
        )
        ctx.save_for_backward(x, w, y)
        ctx.keep(mean, invstd)
        ctx.eps, ctx.relu = eps, True
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        x, w, y = ctx.saved_tensors
        mean, invstd = ctx.kept
        gr = of_relus_sum(ctx, gy, y)
        settings = {"mean": mean, "invstd": invstd, "eps": ctx.eps}
        settings |= {"relu": False, "ceiling": math.inf}
        gx, gw, gb = BatchNormBackward.apply(gr, x, w, None, **settings)
        _, need_w, need_b, _ = ctx.needs_input_grad
        return gx, gw if need_w else None, gb if need_b else None, gr


def _running(
    mean: Array | None, var: Array | None, momentum: float, batches: Array | None
) -> Running | None:
    return None if mean is None or var is None else Running(mean, var, momentum, batches)


class BatchNormBackward(ArrayFunction):
    """The gradients of BatchNorm. With < > the mean over a channel and r = 1 / sqrt(var + eps):

    gx = w r (gy - <gy> - x^ <gy x^>)    gw = sum of gy x^    gb = sum of gy

    gy, x (N, C, *), w and b (C,) or None -> gx (N, C, *), gw, gb (C,)
    With relu, gy counts only where y was not cut off.    (Ioffe, Szegedy 2015, section 3)
    """

    @staticmethod
    def forward(
        ctx: ArrayFunction,
        gy: Array,
        x: Array,
        w: Array | None,
        b: Array | None,
        mean: Array,
        invstd: Array,
        eps: float,
        relu: bool,
        ceiling: float,
    ) -> tuple[Array | None, ...]:
        ctx.save_for_backward(gy, x, w, b if relu else None)
        ctx.keep(mean, invstd)
        ctx.eps, ctx.relu, ctx.ceiling = eps, relu, ceiling
        return tuple(batch_norm_backward(gy, x, w, b, mean, invstd, relu, ceiling))

    @staticmethod
    def backward(ctx: ArrayFunction, ggx: Any, ggw: Any, ggb: Any) -> tuple[Tensor | None, ...]:
        # mean and r depend on x: using the constants that forward received would omit part of the
        # derivative. Hence r and x^ are recomputed from x in Tensor operations. The objective is
        #   w r (sum of ggx P gy) + ggw (sum of gy x^) + ggb (sum of gy)
        # with P u = u - <u> - x^ <u x^>, which is self-adjoint, dx^ = r P dx and dr = -r^2 <x^ dx>.
        gy, x, w, b = ctx.saved_tensors
        passes = None
        if ctx.relu:
            scale, shift = (None if p is None else p.array for p in (w, b))
            y = batch_norm_forward(x.array, scale, shift, *ctx.kept)
            passes = Tensor(_is_within(y, ctx.ceiling).astype(gy.dtype))
            gy = gy * passes
        axes = (0, *range(2, x.ndim))
        shape = (1, -1) + (1,) * (x.ndim - 2)

        def mean(u: Tensor) -> Tensor:
            return u.mean(axes, keepdim=True)

        def project(u: Tensor) -> Tensor:
            return u - mean(u) - x_hat * mean(u * x_hat)

        centred = x - mean(x)
        r = (mean(centred * centred) + ctx.eps).rsqrt()
        x_hat = centred * r
        scale = r if w is None else r * w.reshape(shape)

        g2y = g2x = g2w = None
        if ggx is not None:
            projected = project(ggx)
            g2y = scale * projected
            g2x = mean(gy * x_hat) * projected + mean(ggx * x_hat) * project(gy)
            g2x = -scale * r * (g2x + mean(gy * projected) * x_hat)
            g2w = None if w is None else (r * gy * projected).sum(axes)
        if ggw is not None:
            ggw = ggw.reshape(shape)
            g2y = plus(g2y, ggw * x_hat)
            g2x = plus(g2x, ggw * r * project(gy))
        if ggb is not None:
            g2y = plus(g2y, ggb.reshape(shape).expand(x.shape))
        if passes is not None and g2y is not None:
            g2y = g2y * passes
        return g2y, g2x, g2w, None


def _is_within(y: Array, ceiling: float) -> Array:
    """Where min(max(y, 0), ceiling) passes the gradient: not where it cuts off."""
    return ~((y <= 0) | (y >= ceiling))


def plus(a: Tensor | None, b: Tensor) -> Tensor:
    """a + b, where None is zero."""
    return b if a is None else a + b


class ChannelAffine(ArrayFunction):
    """y = w (x - mean) invstd + b with constant statistics, with relu min(max(y, 0), ceiling).

    x (N, C, *), w and b (C,) or None, mean and invstd (C,) -> y (N, C, *)
    """

    in_float32 = True

    @staticmethod
    def forward(
        ctx: ArrayFunction,
        x: Array,
        w: Array | None,
        b: Array | None,
        mean: Array,
        invstd: Array,
        relu: bool = False,
        ceiling: float = math.inf,
    ) -> Array:
        y = batch_norm_forward(x, w, b, mean, invstd, relu, ceiling)
        ctx.save_for_backward(x, w, y if relu else None)
        ctx.keep(mean, invstd)
        ctx.relu, ctx.ceiling = relu, ceiling
        return y

    @staticmethod
    def backward(ctx: ArrayFunction, gy: Tensor) -> tuple[Tensor | None, ...]:
        x, w, y = ctx.saved_tensors
        if ctx.relu:
            gy = through_relu(gy, y)
            if ctx.ceiling < math.inf:
                gy = gy * Tensor(_is_within(y.array, ctx.ceiling).astype(gy.dtype))
        need_x, need_w, need_b = ctx.needs_input_grad
        axes = (0, *range(2, x.ndim))
        mean, invstd = (Tensor(s.reshape((-1,) + (1,) * (x.ndim - 2))) for s in ctx.kept)
        gx = gw = gb = None
        if need_x:
            gx = gy * (invstd if w is None else invstd * w.reshape(invstd.shape))
        if need_w:
            gw = (gy * ((x - mean) * invstd)).sum(axes)
        if need_b:
            gb = gy.sum(axes)
        return gx, gw, gb
