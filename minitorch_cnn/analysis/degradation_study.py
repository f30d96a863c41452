"""degradation: the training and test error of plain and residual nets of several depths.

K. He, X. Zhang, S. Ren, J. Sun (2016), "Deep residual learning for image recognition", CVPR 2016,
arXiv 1512.03385, figures 1 and 6: of two plain nets the deeper one has the higher TRAINING error,
which overfitting cannot explain; of two residual nets it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..figures import headline, label, line_style, new_figure, whole_ticks
from ..nn import Module
from ..random import manual_seed
from ..tensor import Tensor
from .small_training import Data, train
from .watch import checked_batch

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Degradation(NamedTuple):
    """errors[name] (E,): the training error of each epoch, measured while the weights change;
    losses[name] (E,): the mean loss; test_errors[name] (E,): the error of the test images, if there
    are any, after each epoch.
    """

    errors: dict[str, np.ndarray]
    losses: dict[str, np.ndarray]
    test_errors: dict[str, np.ndarray] | None = None

    def plot(self) -> Figure:
        """Plot errors and loss by epoch, one line per net."""
        panels = [(self.errors, 100, "training error (%)"), (self.losses, 1, "training loss")]
        if self.test_errors:
            panels.insert(1, (self.test_errors, 100, "test error (%)"))
        figure = new_figure(5 * len(panels), 4.3)
        axes = figure.subplots(1, len(panels)).tolist()
        for ax, (found, factor, name) in zip(axes, panels, strict=True):
            for k, (net, values) in enumerate(found.items()):
                epochs = np.arange(1, len(values) + 1)
                style = line_style(k) | {"marker": "o", "markersize": 3}
                ax.plot(epochs, factor * values, label=net, **style)
            whole_ticks(ax, epochs.tolist())
            label(ax, name.capitalize().removesuffix(" (%)"), "number of epochs", name, legend=True)
        last = ", ".join(f"{net} {100 * e[-1]:.3g}" for net, e in self.errors.items())
        headline(figure, f"Error at the end (%): {last}")
        return figure


def degradation(
    nets: Mapping[str, Callable[[], Module]],
    x: Tensor,
    labels: np.ndarray,
    epochs: int = 10,
    batch_size: int = 32,
    lr: float = 0.1,
    seed: int = 0,
    test: tuple[Tensor, np.ndarray] | None = None,
) -> Degradation:
    """Train each net from scratch on the same batches in the same order; record its errors.

    nets: a dict from names to functions that make a net; x (N, C, H, W), labels (N,); test: other
    images and labels, to find the error after each epoch in evaluation mode. SGD with
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
    if test is None:
        data = Data(x.array, target.array, x.array[:0], target.array[:0])
    else:
        held_out = checked_batch("degradation", *test)
        data = Data(x.array, target.array, test[0].array, held_out.array)
    curves = {}
    for name, make in nets.items():
        manual_seed(seed)
        curves[name] = train(make(), data, epochs, lr, seed, batch_size)
    return Degradation(
        {name: c.error for name, c in curves.items()},
        {name: c.loss for name, c in curves.items()},
        None if test is None else {name: c.test_error for name, c in curves.items()},
    )
