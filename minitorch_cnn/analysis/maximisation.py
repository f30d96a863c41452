"""maximise_activation: an image that excites a unit, found by gradient ascent.

    x <- x + lr (da(x)/dx / ||da(x)/dx|| - decay x)

a is a logit, or the mean of a channel's map. D. Erhan, Y. Bengio, A. Courville, P. Vincent (2009),
"Visualizing higher-layer features of a deep network"; K. Simonyan, A. Vedaldi, A. Zisserman (2013),
"Deep inside convolutional networks", arXiv 1312.6034, section 2, with the penalty on ||x||^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..autograd import enable_grad, grad
from ..figures import BLUE, headline, image_grid, label, new_figure, show_image
from ..nn import Module
from ..nn.evaluation import evaluation
from ..random import default_generator
from ..tensor import Tensor
from .watch import module_named, recorded

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Maximisation(NamedTuple):
    """images (K, C, H, W) for the units (K,) of a layer; activations (K, S) at each step."""

    layer: str
    units: np.ndarray
    images: np.ndarray
    activations: np.ndarray

    def plot(self) -> Figure:
        """Plot the images, or for a single unit the image and its activation by step."""
        what = f"units of {self.layer}" if self.layer else "the logits"
        if len(self.units) == 1:
            figure = new_figure(7.5, 3.4)
            left, right = figure.subplots(1, 2)
            show_image(left, self.images[0], f"unit {self.units[0]}")
            right.plot(self.activations[0], color=BLUE)
            label(right, "Activation", "step", "activation")
        else:
            columns = min(len(self.units), 5)
            figure, grid = image_grid(-(-len(self.units) // columns), columns)
            for k, ax in zip(range(len(self.units)), grid.ravel(), strict=False):
                show_image(
                    ax, self.images[k], f"unit {self.units[k]}: {self.activations[k, -1]:.2g}"
                )
        headline(figure, f"Images that excite {what} most, and the activation of each")
        return figure


@enable_grad()
def maximise_activation(
    model: Module,
    shape: tuple[int, int, int],
    units: Sequence[int],
    layer: str = "",
    steps: int = 100,
    lr: float = 1.0,
    decay: float = 0.01,
    start: float = 0.1,
    generator: np.random.Generator | None = None,
) -> Maximisation:
    """Find images of `shape` (C, H, W) that maximise the activation of each unit of `layer`.

    units: channels of a layer with maps, whose mean is maximised, or elements of a vector, such as
    the logits of the model itself (layer ""). start: the standard deviation of the initial noise.
    The gradient is normalised to length 1, so that lr and decay mean the same for each unit: the
    norm of the images is at most about 1 / decay. The model runs in evaluation mode.

    Raises: KeyError for an unknown layer, ValueError for a unit that it does not have, or a setting
    out of range.
    """
    module_named("maximise_activation", model, layer)
    if steps < 1 or lr <= 0 or decay < 0:
        raise ValueError(
            f"maximise_activation: steps={steps} must be at least 1, lr={lr} above 0 and "
            f"decay={decay} not below 0"
        )
    rng = generator or default_generator()
    chosen = np.asarray(units)
    dtype = next((p.dtype for p in model.parameters()), np.float32)
    x = (start * rng.standard_normal((len(chosen), *shape))).astype(dtype)
    history = []
    for _ in range(steps):
        activations, gx = _climb(model, x, chosen, layer)
        history.append(activations)
        axes = (1, 2, 3)
        length = np.sqrt((gx.astype(np.float64) ** 2).sum(axes, keepdims=True)).astype(dtype)
        x = x + lr * (gx / np.maximum(length, 1e-12) - decay * x)
    history.append(_climb(model, x, chosen, layer)[0])
    return Maximisation(layer, chosen, x, np.array(history).T)


def _climb(model: Module, x: np.ndarray, units: np.ndarray, layer: str) -> Any:
    """The activation of each image's unit, and its gradient with respect to the image."""
    leaf = Tensor(x, requires_grad=True)
    with recorded(model) as outputs, evaluation(model):
        model(leaf)
    if layer not in outputs:
        raise KeyError(f"maximise_activation: layer={layer!r} did not run")
    y = outputs[layer]
    y = y.mean((2, 3)) if y.ndim == 4 else y
    if y.ndim != 2 or units.min() < 0 or units.max() >= y.shape[1]:
        raise ValueError(
            f"maximise_activation: units={units.tolist()} must be from 0 to {y.shape[-1] - 1}, of "
            "maps or a vector"
        )
    chosen = y[np.arange(len(x)), units]
    (gx,) = grad(chosen.sum(), leaf, allow_unused=True)
    return chosen.array, np.zeros_like(x) if gx is None else gx.array
