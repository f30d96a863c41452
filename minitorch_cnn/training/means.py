"""The means over samples of an epoch, or of test data: the loss, and metrics of one's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..autograd.modes import no_grad
from ..data.transfer import map_tensors
from ..tensor import Tensor
from .batches import described
from .objective import BatchLoss


class Means:
    """Sums over batches, whose means are exact however many samples a batch has.

    A mean over class labels weights batches by the labels that count. A batch without any, whose
    mean loss is not a number, adds nothing.
    """

    def __init__(self, metrics: Mapping[str, Callable[..., Any]] | None = None):
        self._metrics = dict(metrics or {})
        self.start()

    def start(self) -> None:
        self.samples = 0
        self.weight = self.loss_sum = 0.0
        self.sums = dict.fromkeys(self._metrics, 0.0)

    def add(self, function: str, samples: int, loss: BatchLoss, output: Any, target: Any) -> None:
        """Count a batch; TypeError in the name of `function` for a metric that is no number."""
        self.samples += samples
        weight = samples * loss.share
        if weight:
            self.weight += weight
            self.loss_sum += loss.value.item() * weight
        output = map_tensors(output, Tensor.detach)  # a metric may want NumPy's arrays
        with no_grad():
            for name, metric in self._metrics.items():
                self.sums[name] += samples * number(function, name, metric(output, target))

    def anew(self) -> Means:
        """Means of the same metrics, of nothing yet."""
        return Means(self._metrics)

    def loss(self) -> float:
        return self.loss_sum / self.weight if self.weight else math.nan

    def metrics(self, prefix: str = "") -> dict[str, float]:
        """The means of the metrics by their names, with a prefix."""
        return {prefix + name: total / self.samples for name, total in self.sums.items()}

    def state_dict(self) -> dict[str, Any]:
        """The sums, under names that a checkpoint has had from the start: "seen" are samples."""
        return {
            "seen": self.samples,
            "loss_sum": self.loss_sum,
            "loss_weight": self.weight,
            "metrics": dict(self.sums),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Raises: ValueError for other metrics, TypeError for what is no sum."""
        sums = state.get("metrics", {})
        if sums.keys() != self._metrics.keys():
            raise ValueError(
                f"its metrics are {', '.join(sums) or 'none'}, not "
                f"{', '.join(self._metrics) or 'none'}"
            )
        weight = state.get("loss_weight", state["seen"])  # older files counted samples alone
        named = {"seen": state["seen"], "loss_weight": weight}
        for name, value in named.items():
            if not isinstance(value, int | float) or value < 0:
                raise TypeError(f"{name}={value!r}")
        for name, value in {"loss_sum": state["loss_sum"], **sums}.items():
            if not isinstance(value, int | float):
                raise TypeError(f"{name}={value!r}")
        self.samples, self.weight = state["seen"], weight
        self.loss_sum, self.sums = state["loss_sum"], dict(sums)


def number(function: str, name: str, value: Any) -> float:
    """What a metric gave as a float."""
    if isinstance(value, Tensor) and value.numel() == 1:
        return float(value.item())
    if isinstance(value, np.ndarray) and value.size == 1:
        return float(value.item())
    if isinstance(value, int | float | np.number | np.bool_):
        return float(value)
    raise TypeError(f"{function}: metrics[{name!r}] must give one number, got {described(value)}")
