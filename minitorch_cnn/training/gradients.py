"""The gradient of a step, accumulated from one or several batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..devices import is_array
from ..nn import Module
from ..optim import Optimizer
from ..tensor import Tensor


class Gradients:
    """The mean of the gradients of up to `most` batches, weighted by their samples (or labels).

    With weights w_i it is sum_i w_i g_i / sum_i w_i, the gradient of one batch of all samples, kept
    as a running mean so that no sum grows large. For a loss that `adds_up` it is the sum of g_i.
    """

    def __init__(self, model: Module, optimizer: Optimizer, most: int, adds_up: bool):
        self.model, self.optimizer, self.most, self.adds_up = model, optimizer, most, adds_up
        self.batches = 0
        self.weight: Any = 0.0

    @property
    def parameters(self) -> list[Tensor]:
        """The optimizer's parameters in the model's order, then the loss's."""
        held = {id(p): p for group in self.optimizer.param_groups for p in group["params"]}
        own = [p for p in self.model.parameters() if held.pop(id(p), None) is not None]
        return [*own, *held.values()]

    def full(self) -> bool:
        return self.batches == self.most

    def add(self, loss: Tensor | None, weight: Any) -> None:
        """Accumulate a batch; the first batch of a step replaces the previous step's gradient.

        loss: None if no row of the batch is computed in this process. weight: a number, or an
        array () on the device, for which the host does not wait.
        """
        if not self.batches:
            self.weight = 0.0
            self.optimizer.zero_grad()
            self.model.zero_grad()  # else gradients outside the optimizer would accumulate forever
        self.batches += 1
        before, self.weight = self.weight, self.weight + weight
        share: Any = 1.0
        if self.batches > 1 and not self.adds_up:
            if is_array(self.weight):
                assert loss is not None
                share = self._shared(before, weight, loss)
            elif not weight:
                return
            else:
                share = weight / self.weight
                self._scale(before / self.weight)
        if loss is not None:
            (loss if isinstance(share, float) and share == 1 else loss * share).backward()

    def _shared(self, before: Any, weight: Any, loss: Tensor) -> Tensor:
        """The share of a batch in the mean, on the device, which scales the others' gradient."""
        total = np.where(self.weight == 0, 1.0, self.weight)  # no label counts, in any batch
        self._scale((before / total).astype(loss.dtype))
        return Tensor((weight / total).astype(loss.dtype))

    def _scale(self, factor: Any) -> None:
        for p in self.parameters:
            if p.grad is not None:
                p.grad.array *= factor
