"""Normalisation: batch, instance, group, layer, root mean square and local response norm."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from .. import functional as F
from ..autograd.modes import is_recomputing
from ..functional.geometry import is_int
from ..functional.norm import counted_batch_norm
from ..tensor.creation import ones, tensor, zeros
from ..tensor.tensor import Tensor
from . import init
from .checks import check_divides, check_sizes
from .module import Module
from .parameter import Parameter, new_parameter

if TYPE_CHECKING:
    from ..tensor.types import DeviceLike, DTypeLike


_COUNTING = F.batch_norm, F.batch_norm_relu  # as written here; users may have patched them


class _Affine(Module):
    """Base of the norms with a scale and a shift, only a scale, or neither."""

    weight: Parameter | None
    bias: Parameter | None

    def _make_parameters(
        self, shape: tuple[int, ...], scale: bool, shift: bool, where: dict[str, Any]
    ) -> None:
        self.weight = new_parameter(*shape, **where) if scale else None
        self.bias = new_parameter(*shape, **where) if scale and shift else None

    def reset_parameters(self) -> None:
        """Set scale to 1 and shift to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class _NormBase(_Affine):
    """Base of batch and instance norms; `ranks` are the allowed numbers of axes of an input."""

    ranks: tuple[int, ...]
    layout: str
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None
    # Files written before PyTorch 0.4.1 lack this counter, and PyTorch loads them.
    optional_state = ("num_batches_tracked",)

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
        *,
        bias: bool = True,
    ):
        super().__init__()
        check_sizes(type(self).__name__, num_features=num_features)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        where: dict[str, Any] = {"device": device, "dtype": dtype}
        self._make_parameters((num_features,), affine, bias, where)
        kept = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, **where) if kept else None)
        self.register_buffer("running_var", ones(num_features, **where) if kept else None)
        self.register_buffer("num_batches_tracked", tensor(0) if kept else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Reset the running statistics: mean 0, variance 1, no batches."""
        mean, var, batches = self.running_mean, self.running_var, self.num_batches_tracked
        if mean is not None and var is not None and batches is not None:
            init.zeros_(mean)
            init.ones_(var)
            init.zeros_(batches)

    def reset_parameters(self) -> None:
        """Set scale to 1 and shift to 0, and reset the running statistics."""
        self.reset_running_stats()
        super().reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return self._apply_op(F.batch_norm, input)

    def _apply_op(self, op: Callable[..., Tensor], input: Tensor, **known: Any) -> Tensor:
        """Call `op`, F.batch_norm or F.batch_norm_relu, with the layer's state and settings.

        known: in training, what `counted_batch_norm` takes besides.
        """
        if input.ndim not in self.ranks:
            raise ValueError(
                f"{type(self).__name__}: input of shape {input.shape} must be {self.layout}"
            )
        mean, var, momentum = self.running_mean, self.running_var, self.momentum
        batches = self.num_batches_tracked
        # When a checkpoint recomputes, this batch is already counted.
        if self.training and (is_recomputing() or not self.track_running_stats):
            mean = var = None
        elif self.training and batches is not None:
            named = op.func if isinstance(op, partial) else op  # with a ceiling, for ReLU6
            if momentum is not None and named in _COUNTING and input.numel():
                statistics = mean, var, self.weight, self.bias, True, momentum, self.eps
                known |= op.keywords if isinstance(op, partial) else {}
                relu = named is F.batch_norm_relu
                return counted_batch_norm(relu, batches, input, *statistics, **known)
            batches.add_(1)
            if momentum is None:
                momentum = 1 / batches.item()
        training, momentum = self.training or mean is None, momentum or 0.0
        settings = mean, var, self.weight, self.bias, training, momentum, self.eps
        if known:
            known |= op.keywords if isinstance(op, partial) else {}
            relu = op is not F.batch_norm
            return counted_batch_norm(relu, None, input, *settings, **known)
        return op(input, *settings)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_NormBase):
    """Base of the batch norms, for isinstance."""


class BatchNorm1d(_BatchNorm):
    """Batch norm of features (N, C) or signals (N, C, L); see BatchNorm2d."""

    ranks, layout = (2, 3), "(N, C) or (N, C, L)"


class BatchNorm2d(_BatchNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, channel by channel (Ioffe & Szegedy 2015).

    x (N, C, H, W), weight and bias (C,) -> y (N, C, H, W)

    Training uses the batch's mean and biased variance, and updates running_mean and running_var
    (with the unbiased variance): running += momentum * (batch - running). momentum=None keeps the
    plain average of all batches. Evaluation uses the running statistics, or the batch's with
    track_running_stats=False.

    Raises: ValueError for num_features below 1 or an input of another rank.
    """

    ranks, layout = (4,), "(N, C, H, W)"


class _InstanceNorm(_NormBase):
    """Base of the instance norms; `ranks` are the numbers of axes without and with a batch."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
        *,
        bias: bool = True,
    ):
        settings = eps, momentum, affine, track_running_stats, device, dtype
        super().__init__(num_features, *settings, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in self.ranks:
            raise ValueError(
                f"{type(self).__name__}: input of shape {input.shape} must be {self.layout}"
            )
        single = input.ndim == self.ranks[0]
        y = F.instance_norm(
            input.unsqueeze(0) if single else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum or 0.0,
            self.eps,
        )
        return y.squeeze(0) if single else y


class InstanceNorm1d(_InstanceNorm):
    """Instance norm of signals (N, C, L) or (C, L); see InstanceNorm2d."""

    ranks, layout = (2, 3), "(N, C, L) or (C, L)"


class InstanceNorm2d(_InstanceNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, sample by sample and channel by channel.

    x (N, C, H, W) or (C, H, W), weight and bias (C,), with affine -> y of x's shape

    Mean and variance come from x, in evaluation too, unless track_running_stats keeps running
    averages for evaluation (Ulyanov et al. 2016). As in PyTorch, num_features matters only with
    affine or track_running_stats, and num_batches_tracked stays 0.

    Raises: ValueError for num_features below 1 or an input of another rank.
    """

    ranks, layout = (3, 4), "(N, C, H, W) or (C, H, W)"


class GroupNorm(_Affine):
    """Normalise each sample over groups of C/num_groups channels (Wu & He 2018).

    x (N, C, *), weight and bias (C,) -> y (N, C, *)

    Raises: ValueError if num_groups does not divide num_channels.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
        *,
        bias: bool = True,
    ):
        super().__init__()
        check_sizes("GroupNorm", num_groups=num_groups, num_channels=num_channels)
        check_divides("GroupNorm", "num_groups", num_groups, num_channels=num_channels)
        self.num_groups, self.num_channels = num_groups, num_channels
        self.eps, self.affine = eps, affine
        where: dict[str, Any] = {"device": device, "dtype": dtype}
        self._make_parameters((num_channels,), affine, bias, where)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


def _checked_shape(layer: str, normalized_shape: Any) -> tuple[int, ...]:
    shape = (normalized_shape,) if is_int(normalized_shape) else tuple(normalized_shape)
    for size in shape:
        check_sizes(layer, normalized_shape=size)
    return shape


class LayerNorm(_Affine):
    """Normalise over the last axes, those of normalized_shape (Ba et al. 2016).

    x (*, normalized_shape), weight and bias (normalized_shape) -> y of x's shape

    Raises: ValueError for sizes below 1.
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__()
        shape = _checked_shape("LayerNorm", normalized_shape)
        self.normalized_shape, self.eps, self.elementwise_affine = shape, eps, elementwise_affine
        where: dict[str, Any] = {"device": device, "dtype": dtype}
        self._make_parameters(shape, elementwise_affine, bias, where)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """y = x / sqrt(mean of x^2 + eps) * weight over the last axes (Zhang & Sennrich 2019).

    x (*, normalized_shape), weight (normalized_shape) -> y of x's shape

    eps=None means the machine epsilon of x's dtype.

    Raises: ValueError for sizes below 1.
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__()
        shape = _checked_shape("RMSNorm", normalized_shape)
        self.normalized_shape, self.eps, self.elementwise_affine = shape, eps, elementwise_affine
        where: dict[str, Any] = {"device": device, "dtype": dtype}
        self.weight = new_parameter(*shape, **where) if elementwise_affine else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set scale to 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class LocalResponseNorm(Module):
    """y = x * (k + alpha/size * sum of x^2 over `size` channels)^-beta.    x, y (N, C, *)

    AlexNet (Krizhevsky et al. 2012, section 3.3) does not divide alpha by size: its 1e-4 over 5
    channels is alpha=5e-4 here and in PyTorch.

    Raises: ValueError for size below 1.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0):
        super().__init__()
        check_sizes("LocalResponseNorm", size=size)
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
