"""signals: the size of activations and gradients in each layer, and the dead units.

X. Glorot, Y. Bengio (2010), "Understanding the difficulty of training deep feedforward neural
networks", AISTATS, figures 6 and 7; K. He et al. (2015), "Delving deep into rectifiers", arXiv
1502.01852, section 2.2. With weights of variance v and n inputs a linear layer multiplies the
variance by n v, a preceding ReLU halves it: He's v = 2/n preserves it, v = 1/(3n) divides it by 6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .. import functional as F
from ..autograd import enable_grad
from ..figures import (
    BLUE,
    PURPLE,
    VERMILLION,
    add_legend,
    headline,
    label,
    line_style,
    log_ticks,
    name_ticks,
    new_figure,
    size_for,
)
from ..nn import Conv1d, Conv2d, Linear, Module, init
from ..nn.evaluation import first_output
from ..tensor import Tensor
from .watch import ancestors, checked_batch, recorded, rectifies, weights_kept

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Initialise = Callable[[Tensor], Tensor]

INITIALISATIONS: dict[str, Initialise] = {
    "LeCun": init.lecun_normal_,
    "Torch's U(-1/sqrt n, 1/sqrt n)": init.torch_legacy_,
    "Glorot": init.xavier_normal_,
    "He": lambda weight: init.kaiming_normal_(weight, nonlinearity="relu"),
    "N(0, 0.01)": lambda weight: init.normal_(weight, 0, 0.01),
    "orthogonal": init.orthogonal_,
}


class Signals(NamedTuple):
    """Statistics of the signals in each layer, in the order of execution; arrays (L,).

    mean, std: of a layer's outputs; gradient_std: of the loss's gradients with respect to them.
    units, dead: the number of channels of a map or elements of a vector, and of those that are 0
    for all images and positions; counted if the output comes from max(y, 0), else 0.
    """

    layers: list[str]
    mean: np.ndarray
    std: np.ndarray
    gradient_std: np.ndarray
    units: np.ndarray
    dead: np.ndarray

    def plot(self) -> Figure:
        """Plot the standard deviations of outputs and gradients, and any dead units, by layer."""
        dead = bool(self.dead.sum())
        figure = new_figure(*size_for(self.layers, height=6.6 if dead else 4.0))
        panels = figure.subplots(1 + dead, 1, sharex=True, squeeze=False)[:, 0]
        top, bottom = panels[0], panels[-1]
        places = range(len(self.layers))
        for values, name, color in (
            (self.std, "activations", BLUE),
            (self.gradient_std, "gradients of the loss", VERMILLION),
        ):
            top.semilogy(
                places, np.where(values > 0, values, np.nan), ".-", color=color, label=name
            )
        label(top, "Size of the signals in each layer", "", "standard deviation", legend=True)
        log_ticks(top.yaxis)
        if dead:
            share = 100 * self.dead / np.maximum(self.units, 1)
            bottom.bar(places, share, color=PURPLE)
            label(bottom, "Dead units", "", "zero for all images (%)")
        name_ticks(bottom, self.layers)
        bottom.set_xlabel("layer, in the order of work")
        text = f"{self.dead.sum():,} of {self.units.sum():,} rectified units are dead"
        if not self.units.any():
            text = "No layer's output is rectified: no unit can be dead"
        headline(figure, text)
        return figure


@enable_grad()
def signals(model: Module, x: Tensor, labels: np.ndarray | None = None) -> Signals:
    """Measure the signals of one batch through a model, forward and backward.

    x (N, C, H, W), labels (N,), zeros by default; the loss is cross-entropy. The model runs in its
    current mode, which matters for batch norm. Each output counts once, under the name of the
    innermost module that returns it. The weights' gradients are left unchanged.

    Raises: ValueError for other shapes.
    """
    target = checked_batch("signals", x, labels)
    with recorded(model) as outputs:
        loss = F.cross_entropy(first_output(model(x)), target)
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, y in outputs.items():
        if y.grad_fn is not None and id(y.grad_fn) not in seen:
            seen.add(id(y.grad_fn))
            y.retain_grad()
            found[name or "model"] = y
    # A ReLU that is not a module, such as F.relu in a forward, rectifies the module before it.
    ends = {y.grad_fn for y in found.values()}
    cut = {n for n in ancestors([loss.grad_fn]) if rectifies(n) and n not in ends}
    cut = {node.edges[0][0] for node in cut if node.edges[0] is not None}
    rectified = [rectifies(y.grad_fn) or y.grad_fn in cut for y in found.values()]
    kept = [(p, p.grad) for p in model.parameters()]
    loss.backward()
    for p, gradient in kept:
        p.grad = gradient
    rows = [_row(y, cut) for y, cut in zip(found.values(), rectified, strict=True)]
    return Signals(list(found), *(np.array(column) for column in zip(*rows, strict=True)))


def _row(y: Tensor, rectified: bool) -> tuple[float, float, float, int, int]:
    array = y.array.astype(np.float64)
    gradient = 0.0 if y.grad is None else float(y.grad.array.astype(np.float64).std())
    units = dead = 0
    if rectified and array.ndim > 1:
        alive = ~(array <= 0).all(axis=(0, *range(2, array.ndim)))
        units, dead = alive.size, int((~alive).sum())
    return float(array.mean()), float(array.std()), gradient, units, dead


class InitialisationComparison(NamedTuple):
    """The signals of a model under each initialisation of its weights."""

    signals: dict[str, Signals]
    weighted: list[str]  # the layers whose weights are initialised

    def plot(self) -> Figure:
        """Plot the standard deviations of the weighted layers' outputs and gradients."""
        figure = new_figure(*size_for(2 * self.weighted, 13, 3.6))
        for ax, field, title in zip(
            figure.subplots(1, 2),
            ("std", "gradient_std"),
            ("Activations", "Gradients of the loss"),
            strict=True,
        ):
            for k, (name, found) in enumerate(self.signals.items()):
                places = [found.layers.index(layer) for layer in self.weighted]
                values = getattr(found, field)[places]
                shown = np.where(values > 0, values, np.nan)
                ax.semilogy(range(len(places)), shown, ".", label=name, **line_style(k))
            label(ax, title, "layer with weights, in the order of work", "standard deviation")
            log_ticks(ax.yaxis)
            name_ticks(ax, self.weighted)
        add_legend(ax, loc="center left", bbox_to_anchor=(1, 0.5))
        headline(figure, "How the initialisation sets the size of signals with depth")
        return figure


def compare_initialisations(
    model: Module,
    x: Tensor,
    labels: np.ndarray | None = None,
    initialisations: Mapping[str, Initialise] | None = None,
) -> InitialisationComparison:
    """Compute `signals` after initialising all convolutions and linear layers by each rule.

    Biases are 0. initialisations: a dict from names to functions that fill a weight; by default
    those of the lectures. The model's own weights are restored afterwards.

    Raises: ValueError for other shapes, or a model without weights.
    """
    chosen = INITIALISATIONS if initialisations is None else initialisations
    weighted = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, Conv1d | Conv2d | Linear)
    ]
    if not weighted:
        raise ValueError("compare_initialisations: model must have a convolution or a linear layer")
    found = {}
    with weights_kept(model):
        for name, draw in chosen.items():
            for _, module in weighted:
                draw(module.weight)
                if module.bias is not None:
                    init.zeros_(module.bias)
            found[name] = signals(model, x, labels)
    ran = set(next(iter(found.values())).layers)
    return InitialisationComparison(found, [name for name, _ in weighted if name in ran])
