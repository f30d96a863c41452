"""Means over the samples of an epoch or of test data: the loss, and the user's metrics."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..autograd.modes import no_grad
from ..data.transfer import map_tensors
from ..tensor import Tensor
from .batches import described
from .objective import BatchLoss


class Means:
    """Sums over batches, so that the means are exact even if batch sizes differ.

    A mean over class labels weights each batch by its labels other than ignored ones. A batch
    without any, whose mean loss is NaN, adds nothing.
    """

    def __init__(self, metrics: Mapping[str, Callable[..., Any]] | None = None):
        self._metrics = dict(metrics or {})
        self.start()

    def start(self) -> None:
        self.samples = 0
        self.weight = self.loss_sum = 0.0
        self.sums = dict.fromkeys(self._metrics, 0.0)

    def add(self, function: str, samples: int, loss: BatchLoss, output: Any, target: Any) -> None:
        """Add a batch. Raises: TypeError, naming `function`, if a metric returns no number."""
        self.samples += samples
        weight = samples * loss.share
        if weight:
            self.weight += weight
            self.loss_sum += loss.value.item() * weight
        for name, value in self.measured(output, target):
            self.sums[name] += samples * number(function, name, value)

    def measured(self, output: Any, target: Any) -> Iterator[tuple[str, Any]]:
        """The names of the metrics, and what they give for a batch."""
        output = map_tensors(output, Tensor.detach)  # a metric may call NumPy on it
        for name, metric in self._metrics.items():
            with no_grad():
                value = metric(output, target)
            yield name, value

    def anew(self) -> Means:
        """Empty means of the same metrics."""
        return Means(self._metrics)

    def loss(self) -> float:
        return self.loss_sum / self.weight if self.weight else math.nan

    def metrics(self, prefix: str = "") -> dict[str, float]:
        """The means of the metrics by name, with a prefix."""
        return {prefix + name: total / self.samples for name, total in self.sums.items()}

    def totals(self) -> list[float]:
        """The sums as a list, which add up over parts of a batch."""
        return [self.samples, self.weight, self.loss_sum, *self.sums.values()]

    def add_totals(self, totals: Sequence[float]) -> None:
        """Add the sums of other means of the same metrics."""
        samples, weight, loss_sum, *sums = totals
        self.samples += int(samples)
        self.weight += weight
        self.loss_sum += loss_sum
        for name, total in zip(self.sums, sums, strict=True):
            self.sums[name] += total

    def state_dict(self) -> dict[str, Any]:
        """The sums, under their checkpoint names: "seen" is the number of samples."""
        return {
            "seen": self.samples,
            "loss_sum": self.loss_sum,
            "loss_weight": self.weight,
            "metrics": dict(self.sums),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Raises: ValueError for other metrics, TypeError for a value that is not a sum."""
        sums = state.get("metrics", {})
        if sums.keys() != self._metrics.keys():
            raise ValueError(
                f"its metrics are {', '.join(sums) or 'none'}, not "
                f"{', '.join(self._metrics) or 'none'}"
            )
        weight = state.get("loss_weight", state["seen"])  # older files stored samples only
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
    """A metric's return value as a float."""
    if isinstance(value, Tensor) and value.numel() == 1:
        return float(value.item())
    if isinstance(value, np.ndarray) and value.size == 1:
        return float(value.item())
    if isinstance(value, int | float | np.number | np.bool_):
        return float(value)
    raise TypeError(f"{function}: metrics[{name!r}] must give one number, got {described(value)}")
