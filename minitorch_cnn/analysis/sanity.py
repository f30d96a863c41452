"""randomised_layers: whether an explanation depends on the trained weights.

J. Adebayo, J. Gilmer, M. Muelly, I. Goodfellow, M. Hardt, B. Kim (2018), "Sanity checks for
saliency maps", NeurIPS 2018, arXiv 1810.03292, section 4: layers are re-initialised one after
another, from the last to the first. A map that does not change shows the image, not the network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..autograd import no_grad
from ..figures import GREY, axes_or_new, figure_of, label, line_style, name_ticks, size_for
from ..nn import Module
from ..nn.evaluation import evaluation, first_output
from ..random import default_generator
from ..tensor import Tensor
from .backward_rules import RULES, saliency
from .watch import checked_batch, chosen_classes, weights_kept

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# (model, x (N, C, H, W), labels (N,)) -> maps of N images
Explanation = Callable[[Module, Tensor, np.ndarray], np.ndarray]


def by_rule(rule: str) -> Explanation:
    """The explanation by `saliency` with that rule."""
    return lambda model, x, labels: saliency(model, x, labels, [rule]).maps[rule]


class Randomisation(NamedTuple):
    """correlations[method] (1 + L,): of its maps with the original ones, 1 before any change.

    Spearman's rank correlation of the maps' absolute values, averaged over the images. layers (L,):
    in the order of randomisation, the last of the network first.
    """

    layers: list[str]
    correlations: dict[str, np.ndarray]

    def plot(self, ax: Axes | None = None) -> Figure:
        """Plot one line per method."""
        ax = axes_or_new(ax, *size_for(self.layers))
        ends = []
        for k, (name, values) in enumerate(self.correlations.items()):
            # Equal lines remain visible: each is drawn with smaller marks than those below.
            ax.plot(values, "o", markersize=max(9 - 2 * k, 3), label=name, **line_style(k))
            ends.append(f"{name} {values[-1]:.2f}")
        ax.axhline(0, color=GREY, linewidth=1)
        label(
            ax,
            f"Once all layers are random: {', '.join(ends)}",
            "layers drawn anew, from the last on",
            "rank correlation of the maps",
            legend=True,
        )
        name_ticks(ax, ["none", *self.layers])
        return figure_of(ax)


def randomised_layers(
    model: Module,
    x: Tensor,
    labels: np.ndarray | None = None,
    methods: Mapping[str, Explanation] | None = None,
    generator: np.random.Generator | None = None,
) -> Randomisation:
    """Compare the maps of methods while the layers are randomised, from the last to the first.

    x (N, C, H, W), labels (N,), by default the predicted classes. A layer is a module with its own
    weights of two or more axes: they become normal numbers of the same mean and deviation.
    methods: a dict from names to functions; by default the three rules of `saliency`. The model's
    own weights are restored afterwards.

    Raises: ValueError for other shapes, or a model without weights.
    """
    checked_batch("randomised_layers", x, labels)
    chosen = {rule: by_rule(rule) for rule in RULES} if methods is None else dict(methods)
    layers = [
        (name, [p for p in module.parameters(recurse=False) if p.ndim > 1])
        for name, module in model.named_modules()
    ]
    layers = [(name, weights) for name, weights in layers if weights][::-1]
    if not layers:
        raise ValueError("randomised_layers: model has no weights to draw anew")
    with evaluation(model), no_grad():
        labels = chosen_classes("randomised_layers", first_output(model(x)), labels)
    rng = generator or default_generator()
    first = {name: method(model, x, labels) for name, method in chosen.items()}
    found = {name: [1.0] for name in chosen}
    with weights_kept(model):
        for _, weights in layers:
            for p in weights:
                drawn = rng.normal(p.array.mean(), p.array.std(), p.shape)
                p.array = drawn.astype(p.dtype)
            for name, method in chosen.items():
                found[name].append(similarity(first[name], method(model, x, labels)))
    return Randomisation([name for name, _ in layers], {k: np.array(v) for k, v in found.items()})


def similarity(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's correlation of |a| and |b|, averaged over N images; 0 if one is constant."""
    pairs = zip(np.abs(a).reshape(len(a), -1), np.abs(b).reshape(len(b), -1), strict=True)
    return float(np.mean([_correlation(ranks(u), ranks(v)) for u, v in pairs]))


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 0; equal values share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts + 1) / 2)[inverse.reshape(-1)]


def _correlation(u: np.ndarray, v: np.ndarray) -> float:
    u, v = u - u.mean(), v - v.mean()
    length = np.linalg.norm(u) * np.linalg.norm(v)
    return float(u @ v / length) if length else 0.0
