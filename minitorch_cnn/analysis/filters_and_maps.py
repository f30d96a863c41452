"""first_filters and feature_maps: the weights of the first convolution, and the outputs of layers.

M. Zeiler, R. Fergus (2014), "Visualizing and understanding convolutional networks", ECCV 2014,
arXiv 1311.2901, figure 5, found dead and aliased filters in AlexNet by inspecting them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..autograd import no_grad
from ..figures import MAP, SMALL, color_bar, headline, image_grid, show_image
from ..nn import Conv2d, Module
from ..nn.evaluation import evaluation
from ..tensor import Tensor
from .watch import checked_batch, module_named, recorded

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_FILTERS, MOST_CHANNELS, MOST_LAYERS = 96, 12, 16


class Filters(NamedTuple):
    """weight (O, C, KH, KW) of the layer."""

    layer: str
    weight: np.ndarray

    def plot(self) -> Figure:
        """Plot the first 96 filters, in colour for 3 channels, else their mean; grey is 0."""
        shown = self.weight[:MOST_FILTERS]
        O, C, KH, KW = self.weight.shape
        columns = min(len(shown), 8 if len(shown) <= 32 else 16)
        figure, grid = image_grid(-(-len(shown) // columns), columns, side=0.7)
        pictures = shown if C == 3 else shown.mean(1)
        largest = np.abs(pictures).max() or 1
        for picture, ax in zip(pictures, grid.ravel(), strict=False):
            if C == 3:
                ax.imshow((0.5 + picture / (2 * largest)).transpose(1, 2, 0))
            else:
                ax.imshow(picture, cmap="gray", vmin=-largest, vmax=largest)
        if C != 3:
            color_bar(
                grid[0, 0].images[0], grid, "weight" if C == 1 else "mean weight of the channels"
            )
        head = f"{len(shown)} of {O}" if len(shown) < O else f"{O}"
        head = f"{head} filters of {self.layer}: {C} x {KH} x {KW} pixels"
        headline(figure, f"{head}, from {-largest:.2g} to {largest:.2g}, 0 is grey")
        return figure


class FeatureMaps(NamedTuple):
    """maps[layer] (C, h, w): the output of each layer for one image (C, H, W)."""

    image: np.ndarray
    maps: dict[str, np.ndarray]

    def plot(self) -> Figure:
        """Plot up to 16 layers, evenly chosen, one per row: 12 channels on one scale."""
        names = list(self.maps)
        chosen = np.linspace(0, len(names) - 1, min(len(names), MOST_LAYERS)).astype(int)
        shown = [names[k] for k in chosen]
        columns = 1 + min(MOST_CHANNELS, max(len(self.maps[name]) for name in shown))
        figure, grid = image_grid(len(shown), columns, side=1.0)
        show_image(grid[0, 0], self.image, "image")
        for row, name in zip(grid, shown, strict=True):
            maps = self.maps[name][: columns - 1]
            size = " x ".join(map(str, self.maps[name].shape))
            scale = {"vmin": maps.min(), "vmax": max(maps.max(), maps.min() + 1e-6)}
            for ax, channel in zip(row[1:], maps, strict=False):
                show_image(ax, channel, cmap=MAP, **scale)
            # Not a title: the layout would reserve space for the part above the neighbours.
            place = {"xycoords": "axes fraction", "textcoords": "offset points"}
            text = row[1].annotate(f"{name}: {size}", (0, 1), (0, 5), fontsize=SMALL, **place)
            text.set_in_layout(False)
            line = row[0].get_title("center") or " "  # reserves one line
            row[0].set_title(line, loc="center", fontsize=SMALL)
            color_bar(row[1].images[0], row)
        some = (
            f"{len(shown)} of {len(names)} layers"
            if len(shown) < len(names)
            else "all layers"
        )
        headline(figure, f"Outputs of {some} for the image: the first channels, one scale per row")
        return figure


def first_filters(model: Module, layer: str | None = None) -> Filters:
    """The weights of the model's first convolution, or of the one named `layer`.

    Raises: KeyError for an unknown layer; ValueError for one that is not a convolution, or a model
    without one.
    """
    if layer is not None:
        module = module_named("first_filters", model, layer)
        if not isinstance(module, Conv2d):
            raise ValueError(
                f"first_filters: layer={layer!r} is a {type(module).__name__}, not a Conv2d"
            )
        return Filters(layer, module.weight.array)
    for name, module in model.named_modules():
        if isinstance(module, Conv2d):
            return Filters(name, module.weight.array)
    raise ValueError(f"first_filters: {type(model).__name__} has no convolution")


def feature_maps(model: Module, image: Tensor, layers: Sequence[str] | None = None) -> FeatureMaps:
    """Compute the feature maps of layers for an image (C, H, W), in evaluation mode.

    layers: by default all that output maps, each tensor once, under its innermost name.

    Raises: ValueError for an image of another shape, or a layer without maps; KeyError for a layer
    that is unknown or does not run.
    """
    if image.ndim != 3:
        raise ValueError(f"feature_maps: image of shape {image.shape} must be (C, H, W)")
    for layer in layers or ():
        module_named("feature_maps", model, layer)
    x = Tensor(image.array[None])
    checked_batch("feature_maps", x)
    with recorded(model) as outputs, evaluation(model), no_grad():
        model(x)
    if layers is None:
        layers, seen = [], set()
        for name, y in outputs.items():
            if y.ndim == 4 and id(y) not in seen:
                seen.add(id(y))
                layers.append(name)
    for layer in layers:
        if layer not in outputs:
            raise KeyError(f"feature_maps: layer={layer!r} did not run")
        if outputs[layer].ndim != 4:
            raise ValueError(
                f"feature_maps: layer={layer!r} has an output of shape {outputs[layer].shape}, "
                "which must be maps (N, C, h, w)"
            )
    if not layers:
        raise ValueError(f"feature_maps: no layer of {type(model).__name__} gives maps")
    return FeatureMaps(image.array, {name: outputs[name].array[0] for name in layers})
