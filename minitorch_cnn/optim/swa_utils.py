"""torch.optim.swa_utils: averages of a model's weights during training, and their schedule
(Izmailov et al. 2018, arXiv 1803.05407).

`ExponentialMovingAverage` keeps only the averaged weights; `AveragedModel` is a second model.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from ..autograd.modes import no_grad
from ..functional.geometry import is_int
from ..nn import Module
from ..nn.checks import is_sequence
from ..nn.norm import _BatchNorm
from ..tensor.creation import tensor
from ..tensor.tensor import Tensor
from .lr_scheduler.base import LRScheduler, check_optimizer, per_group
from .optimizer import Optimizer

if TYPE_CHECKING:
    from ..tensor.types import DeviceLike

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

Average = Callable[[Tensor, Tensor, Tensor], Tensor]  # of the average, the weight, the count
MultiAverage = Callable[[list[Tensor], list[Tensor], Tensor], None]  # of lists of them, in place


def get_swa_avg_fn() -> Average:
    """The mean of all weights so far: average + (weight - average) / (n + 1)."""

    def swa_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Tensor) -> Tensor:
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """decay * average + (1 - decay) * weight. Raises: ValueError unless 0 <= decay <= 1."""
    if not 0 <= decay <= 1:
        raise ValueError(f"get_ema_avg_fn: decay={decay} must be in [0, 1]")

    def ema_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Tensor) -> Tensor:
        return decay * averaged_param + (1 - decay) * current_param

    return ema_update


def get_swa_multi_avg_fn() -> MultiAverage:
    """`get_swa_avg_fn` for lists of weights, in place."""
    return _of_lists(get_swa_avg_fn())


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverage:
    """`get_ema_avg_fn` for lists of weights, in place."""
    return _of_lists(get_ema_avg_fn(decay))


def _of_lists(average: Average) -> MultiAverage:
    def update(averaged: list[Tensor], current: list[Tensor], num_averaged: Tensor) -> None:
        for a, p in zip(averaged, current, strict=True):
            a.copy_(average(a, p, num_averaged))

    return update


class AveragedModel(Module):
    """A copy of a model, `module`, whose weights are the average of the model's.

    The first `update_parameters` copies the weights; later ones average them by avg_fn or
    multi_avg_fn, by default the plain mean. Buffers are copied, or averaged with use_buffers. The
    buffer `n_averaged` counts the updates. `update_bn` computes the average's running statistics.

        averaged = AveragedModel(model)
        for epoch in ...:
            train(); averaged.update_parameters(model)
        update_bn(loader, averaged)

    Raises: ValueError for avg_fn and multi_avg_fn together.
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: DeviceLike | None = None,
        avg_fn: Average | None = None,
        multi_avg_fn: MultiAverage | None = None,
        use_buffers: bool = False,
    ):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ValueError("AveragedModel: avg_fn and multi_avg_fn exclude each other")
        self.module = copy.deepcopy(model)
        self.register_buffer("n_averaged", tensor(0))
        if device is not None:
            self.to(device=device)
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Update the average with the model's current weights."""
        with no_grad():
            own, new = (_learned(m, self.use_buffers) for m in (self.module, model))
            new = [p.detach().to(device=a.device) for a, p in zip(own, new, strict=True)]
            if self.n_averaged.item() == 0:
                for a, p in zip(own, new, strict=True):
                    a.copy_(p)
            else:
                self._average(own, new)
            if not self.use_buffers:
                for a, b in zip(self.module.buffers(), model.buffers(), strict=True):
                    a.copy_(b.detach().to(device=a.device))
            self.n_averaged += 1

    def _average(self, own: list[Tensor], new: list[Tensor]) -> None:
        if self.avg_fn is None:
            # Do not average counters of batches.
            pairs = [pair for pair in zip(own, new, strict=True) if pair[0].is_floating_point()]
            for a, p in zip(own, new, strict=True):
                if not a.is_floating_point():
                    a.copy_(p)
            average = self.multi_avg_fn or get_swa_multi_avg_fn()
            average([a for a, _ in pairs], [p for _, p in pairs], self.n_averaged)
            return
        for a, p in zip(own, new, strict=True):
            a.copy_(self.avg_fn(a.detach(), p, self.n_averaged))


def _learned(module: Module, with_buffers: bool) -> list[Tensor]:
    return [*module.parameters(), *(module.buffers() if with_buffers else ())]


def update_bn(loader: Iterable[Any], model: Module, device: DeviceLike | None = None) -> None:
    """Set a model's batch norm statistics to their plain average over all batches of a loader. Of
    a batch that is a list or tuple, the first item is the input.
    """
    layers = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    if not layers:
        return
    was_training, momenta = model.training, [m.momentum for m in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
    model.train()
    try:
        with no_grad():
            for batch in loader:
                x = batch[0] if is_sequence(batch) else batch
                model(x if device is None else x.to(device))
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        model.train(was_training)


class SWALR(LRScheduler):
    """Change the current rate to swa_lr in anneal_epochs steps, then keep it.

        lr = swa_lr a + lr_0 (1 - a),  a = (1 - cos(pi t)) / 2 or ("linear") t,
        t = min(1, step / anneal_epochs)

    lr_0 is not stored: it follows from the previous rate, so another schedule may change it
    meanwhile. swa_lr is a number, or a list with one number per group.

    Raises: ValueError for another anneal_strategy or a negative or fractional anneal_epochs.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | Sequence[float],
        anneal_epochs: int = 10,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        last_epoch: int = -1,
    ):
        check_optimizer("SWALR", optimizer)
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"SWALR: anneal_strategy={anneal_strategy!r} must be 'cos' or 'linear'"
            )
        if not is_int(anneal_epochs) or anneal_epochs < 0:
            raise ValueError(f"SWALR: anneal_epochs={anneal_epochs} must be an int of at least 0")
        rates = per_group("SWALR", optimizer, "swa_lr", swa_lr)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["swa_lr"] = rate
        self.anneal_epochs, self.anneal_strategy = anneal_epochs, anneal_strategy
        super().__init__(optimizer, last_epoch)

    def share(self, step: int) -> float:
        """The factor a of swa_lr at a step."""
        t = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return t if self.anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def get_lr(self) -> list[float]:
        step = max(self.last_epoch, 1) if self.anneal_epochs == 0 else self.last_epoch
        before, now = self.share(step - 1), self.share(step)
        return [
            group["swa_lr"] * now + _without(group["lr"], group["swa_lr"], before) * (1 - now)
            for group in self.optimizer.param_groups
        ]


def _without(lr: float, swa_lr: float, share: float) -> float:
    """lr_0 of lr = swa_lr share + lr_0 (1 - share)."""
    return swa_lr if share == 1 else (lr - share * swa_lr) / (1 - share)
