"""Training of small nets under equal conditions, for the studies that compare them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import functional as F
from ..autograd import enable_grad, no_grad
from ..nn import Module
from ..nn.evaluation import evaluation, first_output
from ..optim import SGD
from ..tensor import Tensor

HEAD_WEIGHT = 0.3  # of the loss of an auxiliary head, as in GoogLeNet


class Data(NamedTuple):
    """Images (N, C, H, W) and labels (N,) to train on, and others (M, ...) to test with."""

    x: Any
    labels: Any
    test_x: Any
    test_labels: Any

    def take(self, count: int, seed: int) -> Data:
        """The data with `count` random training images."""
        chosen = np.random.default_rng(seed).permutation(len(self.x))[:count]
        return self._replace(x=self.x[chosen], labels=self.labels[chosen])


class Curves(NamedTuple):
    """What training showed, one number per epoch (E,).

    loss, error: the mean on the training batches, while the weights change; test_loss, test_error:
    of the test images after the epoch, in evaluation mode. After the loss has become infinite or
    NaN, training stops: losses are then infinite and errors 1.
    """

    loss: np.ndarray
    error: np.ndarray
    test_loss: np.ndarray
    test_error: np.ndarray


def cross_entropy(outputs: Any, labels: Tensor) -> Tensor:
    """The cross entropy of logits, plus 0.3 times that of the logits of each auxiliary head."""
    logits, *heads = outputs if isinstance(outputs, tuple) else (outputs,)
    loss = F.cross_entropy(logits, labels)
    for head in heads:
        loss = loss + HEAD_WEIGHT * F.cross_entropy(head, labels)
    return loss


@enable_grad()
def train(
    model: Module,
    data: Data,
    epochs: int,
    lr: float = 0.1,
    seed: int = 0,
    batch_size: int = 32,
    loss: Callable[[Any, Tensor], Tensor] = cross_entropy,
    augment: Callable[[Any, np.random.Generator], Any] | None = None,
    weight_decay: float = 1e-4,
    watch: Callable[[int], object] | None = None,
) -> Curves:
    """Train a model by SGD with momentum 0.9.

    The learning rate warms up in the first epoch and drops to a tenth for the last quarter, as in
    K. He et al. (2016), arXiv 1512.03385, section 4.2. seed: of the order of the images; augment:
    a function (images, generator) -> images; watch: called with the number of epochs that have
    passed: 0 before the first one, and after each.
    """
    rng, steps = np.random.default_rng(seed), -(-len(data.x) // batch_size)
    optimizer = SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=weight_decay)
    rows: list[tuple[float, float, float, float]] = []
    for epoch in range(epochs):
        if watch is not None:
            watch(epoch)
        model.train()
        order, wrong, total = rng.permutation(len(data.x)), 0, 0.0
        for step in range(steps):
            warm = min(1.0, (epoch * steps + step + 1) / steps)
            late = 0.1 if epoch >= 0.75 * epochs else 1.0
            optimizer.param_groups[0]["lr"] = lr * warm * late
            chosen = order[step * batch_size : (step + 1) * batch_size]
            images, labels = data.x[chosen], Tensor(data.labels[chosen])
            outputs = model(Tensor(images if augment is None else augment(images, rng)))
            value = loss(outputs, labels)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            wrong += int((first_output(outputs).array.argmax(1) != labels.array).sum())
            total += value.item() * len(chosen)
            if not math.isfinite(total):
                rows += [(math.inf, 1.0, math.inf, 1.0)] * (epochs - epoch)
                return Curves(*np.array(rows).T)
        tested = math.nan, math.nan
        if len(data.test_x):
            tested = loss_and_error(model, data.test_x, data.test_labels)
        rows.append((total / len(data.x), wrong / len(data.x), *tested))
    if watch is not None:
        watch(epochs)
    return Curves(*np.array(rows).T)


def loss_and_error(
    model: Module, x: Any, labels: Any, batch_size: int = 256
) -> tuple[float, float]:
    """The mean cross entropy and the error of a model in evaluation mode."""
    logits = logits_of(model, x, batch_size)
    loss = F.cross_entropy(Tensor(logits), Tensor(labels)).item()
    return loss, float((logits.argmax(1) != labels).mean())


def logits_of(model: Module, x: Any, batch_size: int = 256) -> Any:
    """The logits (N, K) of images (N, C, H, W), in evaluation mode."""
    with evaluation(model), no_grad():
        parts = [
            first_output(model(Tensor(x[i : i + batch_size]))).array
            for i in range(0, len(x), batch_size)
        ]
    return np.concatenate(parts)
