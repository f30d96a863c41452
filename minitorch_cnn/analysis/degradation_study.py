"""degradation: the training error of plain and residual nets of several depths.

K. He, X. Zhang, S. Ren, J. Sun (2016), "Deep residual learning for image recognition", CVPR 2016,
arXiv 1512.03385, figures 1 and 6: of two plain nets the deeper one has the higher TRAINING error,
which overfitting cannot explain; of two residual nets it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import functional as F
from ..autograd import enable_grad
from ..figures import headline, label, line_style, new_figure, whole_ticks
from ..nn import Module
from ..nn.evaluation import first_output
from ..optim import SGD
from ..random import manual_seed
from ..tensor import Tensor
from .watch import checked_batch

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Degradation(NamedTuple):
    """errors[name] (E,): the training error of each epoch, measured while the weights change;
    losses[name] (E,): the mean loss.
    """

    errors: dict[str, np.ndarray]
    losses: dict[str, np.ndarray]

    def plot(self) -> Figure:
        """Plot error and loss by epoch, one line per net."""
        figure = new_figure(10, 4.3)
        panels = (self.errors, 100, "training error (%)"), (self.losses, 1, "training loss")
        for ax, (found, factor, name) in zip(figure.subplots(1, 2), panels, strict=True):
            for k, (net, values) in enumerate(found.items()):
                epochs = np.arange(1, len(values) + 1)
                style = line_style(k) | {"marker": "o", "markersize": 3}
                ax.plot(epochs, factor * values, label=net, **style)
            whole_ticks(ax, epochs.tolist())
            label(ax, name.capitalize().removesuffix(" (%)"), "number of epochs", name, legend=True)
        last = ", ".join(f"{net} {100 * e[-1]:.3g}" for net, e in self.errors.items())
        headline(figure, f"Error at the end (%): {last}")
        return figure


@enable_grad()
def degradation(
    nets: Mapping[str, Callable[[], Module]],
    x: Tensor,
    labels: np.ndarray,
    epochs: int = 10,
    batch_size: int = 32,
    lr: float = 0.1,
    seed: int = 0,
) -> Degradation:
    """Train each net from scratch on the same batches in the same order; record its training error.

    nets: a dict from names to functions that make a net; x (N, C, H, W), labels (N,). SGD with
    momentum 0.9 and weight decay 1e-4, as in the paper; the learning rate warms up in the first
    epoch, as in section 4.2 for the deepest net, and drops to a tenth for the last quarter.

    Raises: ValueError for other shapes, no nets, or epochs or batch_size below 1.
    """
    target = checked_batch("degradation", x, labels)
    if not nets or epochs < 1 or batch_size < 1:
        raise ValueError(
            f"degradation: nets must name at least one net, epochs={epochs} and "
            f"batch_size={batch_size} must be at least 1"
        )
    errors, losses = {}, {}
    for name, make in nets.items():
        manual_seed(seed)
        rows = _trained(make(), x, target, epochs, batch_size, lr, np.random.default_rng(seed))
        errors[name], losses[name] = np.array(rows).T
    return Degradation(errors, losses)


def _trained(
    model: Module,
    x: Any,
    target: Any,
    epochs: int,
    batch_size: int,
    lr: float,
    rng: np.random.Generator,
) -> list[tuple[float, float]]:
    """The error and loss of each epoch."""
    model.train()
    optimizer = SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=1e-4)
    rows, steps = [], -(-len(x) // batch_size)
    for epoch in range(epochs):
        order, wrong, total = rng.permutation(len(x)), 0, 0.0
        for step in range(steps):
            warm = min(1.0, (epoch * steps + step + 1) / steps)
            late = 0.1 if epoch >= 0.75 * epochs else 1.0
            optimizer.param_groups[0]["lr"] = lr * warm * late
            chosen = order[step * batch_size : (step + 1) * batch_size]
            images, labels = Tensor(x.array[chosen]), Tensor(target.array[chosen])
            logits = first_output(model(images))
            loss = F.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            wrong += int((logits.array.argmax(1) != labels.array).sum())
            total += loss.item() * len(chosen)
        rows.append((wrong / len(x), total / len(x)))
    return rows
