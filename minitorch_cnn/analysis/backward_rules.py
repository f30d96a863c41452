"""Images of the input that excites a unit, by three rules for backpropagation through a ReLU.

    plain           gx = gy where y > 0            Simonyan et al. 2013, arXiv 1312.6034
    deconvolution   gx = max(gy, 0)                Zeiler and Fergus 2014, arXiv 1311.2901
    guided          gx = max(gy, 0) where y > 0    Springenberg et al. 2014, arXiv 1412.6806

y is the ReLU's output, gy the gradient with respect to it. Everything else is the gradient: through
a convolution, its transpose; through max pooling, unpooling at the positions of the maxima.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..autograd import enable_grad, grad
from ..autograd.array_function import ArrayFunction
from ..figures import headline, image_grid, show_image
from ..nn import Module
from ..nn.evaluation import evaluation, first_output
from ..spelling import one_of
from ..tensor import Tensor
from .watch import MAY_RECTIFY, ancestors, checked_batch, chosen_classes, maps_of, rectifies

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RULES = ("plain", "deconvolution", "guided")
MOST = 8  # images in a figure


class Saliency(NamedTuple):
    """maps[rule] (N, C, H, W): a class's logit propagated back to the pixels of x by each rule."""

    x: np.ndarray
    labels: np.ndarray
    maps: dict[str, np.ndarray]

    def plot(self) -> Figure:
        """Plot the first images above their maps: grey is 0, black or white the largest |g|."""
        count = min(len(self.x), MOST)
        figure, grid = image_grid(1 + len(self.maps), count)
        for i in range(count):
            show_image(grid[0, i], self.x[i], f"class {self.labels[i]}")
            for row, (rule, maps) in enumerate(self.maps.items(), 1):
                show_image(grid[row, i], signed(maps[i]), rule if i == 0 else "")
        text = "Logits led back to the pixels: 0 is grey, the largest of each map black or white"
        headline(figure, text)
        return figure


class Deconvolution(NamedTuple):
    """The strongest activation of each of the channels of a layer, propagated back to the pixels.

    images (K,): the image of the batch in which a channel is strongest, at places (K, 2), with
    activations (K,). parts (K, C, H, W): the pattern that caused it; inputs (K, C, H, W): the
    images.
    """

    layer: str
    rule: str
    channels: np.ndarray
    images: np.ndarray
    places: np.ndarray
    activations: np.ndarray
    parts: np.ndarray
    inputs: np.ndarray

    def plot(self) -> Figure:
        """Plot each image above its part."""
        figure, grid = image_grid(2, len(self.channels))
        for k, channel in enumerate(self.channels):
            show_image(grid[0, k], self.inputs[k], f"channel {channel}")
            show_image(grid[1, k], signed(self.parts[k]), f"excited to {self.activations[k]:.2g}")
        text = f"What excites channels of {self.layer} most: image, and its part by {self.rule}"
        headline(figure, f"{text}, 0 in grey")
        return figure


def signed(image: np.ndarray) -> np.ndarray:
    """Shift and scale an image (C, H, W) to values from 0 to 1 so that 0 becomes grey."""
    return 0.5 + image / (2 * np.abs(image).max() or 1)


@enable_grad()
def saliency(
    model: Module,
    x: Tensor,
    labels: np.ndarray | None = None,
    rules: Sequence[str] = RULES,
) -> Saliency:
    """Attribute the logits of classes `labels` (N,) to the pixels of x (N, C, H, W) by each rule.

    labels: by default the predicted classes. The model runs in evaluation mode. If it has no ReLU,
    all rules equal the plain gradient, and a warning is issued.

    Raises: ValueError for other shapes, labels that are not classes of the model, images that are
    not finite, or an unknown rule.
    """
    checked_batch("saliency", x, labels)
    check_rules("saliency", rules)
    leaf = Tensor(x.array, requires_grad=True)
    with evaluation(model):
        logits = first_output(model(leaf))
    chosen = chosen_classes("saliency", logits, labels)
    score = logits[np.arange(len(x)), chosen].sum()
    warn_without_relu("saliency", score, rules)
    return Saliency(x.array, chosen, {rule: led_back(score, leaf, None, rule) for rule in rules})


@enable_grad()
def deconvolve(
    model: Module,
    x: Tensor,
    layer: str,
    channels: Sequence[int] | None = None,
    rule: str = "deconvolution",
) -> Deconvolution:
    """Show the part of an image that excites each channel of `layer` most.

    For each channel, all activations except the largest in the batch x (N, C, H, W) are set to 0,
    and that one is propagated back to the pixels (Zeiler and Fergus 2014, section 2.1). channels:
    by default the eight with the largest activations.
    In a net without ReLU every rule equals the plain gradient, and a warning is issued.

    Raises: KeyError for an unknown layer; ValueError for one without maps (N, C, h, w), a channel
    that it does not have, or an unknown rule.
    """
    checked_batch("deconvolve", x)
    check_rules("deconvolve", [rule])
    leaf = Tensor(x.array, requires_grad=True)
    y, output = maps_of("deconvolve", model, leaf, layer)
    peaks = y.array.max((0, 2, 3))
    chosen: np.ndarray = np.argsort(-peaks)[:8] if channels is None else np.asarray(channels)
    if chosen.size == 0 or chosen.min() < 0 or chosen.max() >= y.shape[1]:
        raise ValueError(
            f"deconvolve: channels={chosen.tolist()} must be from 0 to {y.shape[1] - 1}"
        )
    warn_without_relu("deconvolve", first_output(output), [rule])
    images, places, parts = [], [], []
    for channel in chosen:
        n, i, j = np.unravel_index(y.array[:, channel].argmax(), (len(x), *y.shape[2:]))
        seed = np.zeros_like(y.array)
        seed[n, channel, i, j] = y.array[n, channel, i, j]
        images.append(n)
        places.append((i, j))
        parts.append(led_back(y, leaf, Tensor(seed), rule)[n])
    inputs = x.array[images]
    return Deconvolution(
        layer,
        rule,
        chosen,
        np.array(images),
        np.array(places),
        peaks[chosen],
        np.stack(parts),
        inputs,
    )


def check_rules(function: str, rules: Sequence[str]) -> None:
    """Raises ValueError, in the name of `function`, for an unknown rule."""
    for rule in rules:
        if rule not in RULES:
            raise ValueError(f"{function}: rule={rule!r} {one_of(rule, RULES)}")


def warn_without_relu(function: str, output: Tensor, rules: Sequence[str]) -> None:
    """Warn, in the name of `function`, that the rules have no effect in a net without ReLU."""
    special = [rule for rule in rules if rule != "plain"]
    if special and not rectifiers(output):
        warnings.warn(
            f"{function}: this net has no ReLU, and at nothing else {' or '.join(special)} differs "
            "from the plain gradient",
            UserWarning,
            stacklevel=4,  # past this function, the analysis and the switch of its gradient mode
        )


def rectifiers(y: Tensor) -> list[ArrayFunction]:
    """The ReLUs in the graph of y."""
    return [node for node in ancestors([y.grad_fn]) if rectifies(node)]


def led_back(y: Tensor, x: Tensor, seed: Tensor | None, rule: str) -> np.ndarray:
    """Propagate `seed` (1 for a scalar y) from y back to x by the rule, in x's shape."""
    seeds = None if seed is None else [seed]
    with rectified(y, rule):
        (gx,) = grad(y, x, seeds, retain_graph=True, allow_unused=True)
    return np.zeros_like(x.array) if gx is None else gx.array


@contextmanager
def rectified(y: Tensor, rule: str) -> Iterator[None]:
    """Make the ReLUs in the graph of y follow the rule during the block."""
    nodes = [] if rule == "plain" else rectifiers(y)
    for node in nodes:
        node.run_backward = _backward(node, rule)
    try:
        yield
    finally:
        for node in nodes:
            del node.run_backward


def _backward(node, rule: str):
    ordinary = functools.partial(type(node).backward, node)

    def guided(gy, *statistics):
        return ordinary(gy.clamp(min=0), *statistics)

    def deconvolution(gy, *statistics):
        if not isinstance(node, MAY_RECTIFY):
            return gy.clamp(min=0)
        node.relu = False  # of a fused convolution or batch norm with ReLU, only the first part
        try:
            return ordinary(gy.clamp(min=0), *statistics)
        finally:
            node.relu = True

    return guided if rule == "guided" else deconvolution
