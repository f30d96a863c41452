"""Loss landscapes: the loss along random directions in weight space, as a line or a surface.

H. Li, Z. Xu, G. Taylor, C. Studer, T. Goldstein (2018), "Visualizing the loss landscape of neural
nets", NeurIPS 2018, arXiv 1712.09913, section 4. Filters can be rescaled against each other without
changing the function of a net, so a step of a given length may be large for one net and small for
another; filter-wise normalisation gives each filter d of a direction the norm of the weights' w:

    d <- d / ||d|| * ||w||       for each filter; biases and batch norms stay fixed
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import functional as F
from ..autograd import no_grad
from ..figures import BLUE, GREY, axes_or_new, figure_of, label, log_ticks, rounded
from ..nn import Module
from ..nn.evaluation import evaluation, first_output
from ..random import default_generator
from ..spelling import one_of
from ..tensor import Tensor
from .watch import checked_batch, weights_kept

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Direction = list[np.ndarray]  # one array per parameter, in order
Loss = Callable[[Tensor, Tensor], Tensor]

BATCH = 256
NORMALISATIONS = ("filter", "layer", "none")


class LossLine(NamedTuple):
    """losses (S,) at the weights plus each of the steps (S,) times a direction."""

    steps: np.ndarray
    losses: np.ndarray

    def plot(self, ax: Axes | None = None) -> Figure:
        """Plot the loss against the step."""
        ax = axes_or_new(ax)
        ax.plot(self.steps, self.losses, ".-", color=BLUE)
        ax.axvline(0, color=GREY, linewidth=1, linestyle=":")
        at = self.steps[self.losses.argmin()]
        title = f"Loss along a direction: least, {rounded(self.losses.min())}, at {at:.2g}"
        label(ax, title, "step, in lengths of the weights", "loss")
        return figure_of(ax)


class LossSurface(NamedTuple):
    """losses (S, S): row i, column j at the weights plus steps[i] times one direction and steps[j]
    times another.
    """

    steps: np.ndarray
    losses: np.ndarray

    def plot(self, ax: Axes | None = None) -> Figure:
        """Plot contours of the loss, evenly spaced in its logarithm.

        Raises: ValueError for fewer than two steps, or without a finite loss.
        """
        if len(self.steps) < 2 or not np.isfinite(self.losses).any():
            raise ValueError(
                f"plot: steps={self.steps} must be two at least, and one of the losses finite"
            )
        ax = axes_or_new(ax, 7.2, 5.6)
        finite = np.where(np.isfinite(self.losses), self.losses, np.nan)
        low, high = np.nanmin(finite), np.nanmax(finite)
        floor = max(low, 1e-12)
        levels = np.geomspace(floor, max(high, floor * 1.001), 20)
        drawn = ax.contourf(self.steps, self.steps, np.maximum(finite.T, floor), levels, norm="log")
        ax.contour(self.steps, self.steps, finite.T, levels[1:-1], colors="white", linewidths=0.4)
        ax.plot(0, 0, "+", color="white", markersize=10)
        log_ticks(ax.figure.colorbar(drawn, ax=ax, label="loss").ax.yaxis)
        label(
            ax,
            f"Loss around the weights: {rounded(low)} to {rounded(high)}",
            "first direction",
            "second",
        )
        ax.set_xlabel("step along the first direction, in lengths of the weights")
        ax.set_ylabel("step along the second")
        ax.grid(visible=False)
        return figure_of(ax)


def random_direction(
    model: Module, normalise: str = "filter", generator: np.random.Generator | None = None
) -> Direction:
    """Draw independent normal numbers for each parameter of two or more axes, and 0 for others.

    normalise: "filter", to the norm of each filter (or row of a matrix) of the weights; "layer", to
    the norm of each whole weight; "none".

    Raises: ValueError for another normalisation.
    """
    if normalise not in NORMALISATIONS:
        rule = one_of(normalise, NORMALISATIONS)
        raise ValueError(f"random_direction: normalise={normalise!r} {rule}")
    rng = generator or default_generator()
    direction = []
    for p in model.parameters():
        w = p.array.astype(np.float64)
        d = rng.standard_normal(w.shape) if w.ndim > 1 else np.zeros(w.shape)
        if w.ndim > 1 and normalise != "none":
            axes = tuple(range(1 if normalise == "filter" else 0, w.ndim))
            length = np.sqrt((d**2).sum(axes, keepdims=True))
            d *= np.sqrt((w**2).sum(axes, keepdims=True)) / length
        direction.append(d)
    return direction


def loss_line(
    model: Module,
    x: Tensor,
    labels: np.ndarray | Tensor,
    steps: Sequence[float] | None = None,
    direction: Direction | None = None,
    loss: Loss = F.cross_entropy,
    generator: np.random.Generator | None = None,
) -> LossLine:
    """Compute the mean loss of a batch along one direction, by default filter-normalised.

    x (N, C, H, W); labels: the loss's second argument, for N samples. steps: 25 from -1 to 1 by
    default. The model runs in evaluation mode: batch norm keeps its statistics.

    Raises: ValueError for a direction that does not have the parameters' shapes.
    """
    places = np.linspace(-1, 1, 25) if steps is None else np.asarray(steps, float)
    direction = direction or random_direction(model, generator=generator)
    _check("loss_line", model, direction)
    at = _losses(model, x, labels, loss, [[(s, direction)] for s in places])
    return LossLine(places, at)


def loss_surface(
    model: Module,
    x: Tensor,
    labels: np.ndarray | Tensor,
    steps: Sequence[float] | None = None,
    directions: tuple[Direction, Direction] | None = None,
    loss: Loss = F.cross_entropy,
    generator: np.random.Generator | None = None,
) -> LossSurface:
    """Compute the mean loss of a batch on the plane of two directions; otherwise as `loss_line`.

    steps: along both; 13 from -1 to 1 by default.
    """
    along = np.linspace(-1, 1, 13) if steps is None else np.asarray(steps, float)
    if directions is None:
        drawn = [random_direction(model, generator=generator) for _ in range(2)]
        directions = drawn[0], drawn[1]
    for direction in directions:
        _check("loss_surface", model, direction)
    first, second = directions
    places = [[(a, first), (b, second)] for a in along for b in along]
    losses = _losses(model, x, labels, loss, places)
    return LossSurface(along, losses.reshape(len(along), len(along)))


def _check(function: str, model: Module, direction: Direction) -> None:
    shapes = [p.shape for p in model.parameters()]
    given = [d.shape for d in direction]
    if shapes != given:
        raise ValueError(
            f"{function}: direction must have an array for each of the {len(shapes)} parameters, "
            "of its shape"
        )


def _losses(model: Module, x: Tensor, labels: Any, loss: Loss, places: Any) -> np.ndarray:
    """The loss at the weights plus the sum of step * direction, for each place."""
    if not isinstance(labels, Tensor):
        labels = checked_batch("loss_landscape", x, labels)
    start = [p.array for p in model.parameters()]
    losses = []
    with weights_kept(model), evaluation(model), no_grad():
        for place in places:
            for i, (p, w) in enumerate(zip(model.parameters(), start, strict=True)):
                moved = w + sum(step * direction[i] for step, direction in place)
                p.array = moved.astype(w.dtype)
            losses.append(_mean_loss(model, x, labels, loss))
    return np.array(losses)


def _mean_loss(model: Module, x: Tensor, labels: Tensor, loss: Loss) -> float:
    total = 0.0
    for first in range(0, len(x), BATCH):
        part = slice(first, first + BATCH)
        total += loss(first_output(model(x[part])), labels[part]).item() * len(x[part])
    return total / len(x)
