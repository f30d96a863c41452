"""effective_receptive_field: the influence of each pixel of its receptive field on an output.

W. Luo, Y. Li, R. Urtasun, R. Zemel (2016), "Understanding the effective receptive field in deep
convolutional neural networks", NIPS 2016, arXiv 1701.04128: the gradient of the central output with
respect to the pixels is bell-shaped; its width grows with the square root of the depth, whereas the
theoretical field grows linearly with the depth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..autograd import enable_grad, grad
from ..figures import BLUE, MAP, ORANGE, color_bar, headline, label, new_figure, show_image
from ..nn import Module
from ..nn.evaluation import evaluation
from ..random import default_generator
from ..tensor import Tensor
from .receptive_field import receptive_field
from .watch import module_named, recorded

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# A pixel counts if it has at least this fraction of the largest gradient (section 4 of the paper).
COUNTS = 1 - 0.9545


class EffectiveField(NamedTuple):
    """gradient (H, W): the mean of |dy/dx| over random images and the channels of image and output.

    window (top, left, bottom, right): the theoretical field, clipped to the image, the last two
    exclusive. size: the side of a square with as many pixels as have at least 4.55 % of the largest
    gradient; theoretical: the sides of the theoretical field (rows, columns).
    """

    gradient: np.ndarray
    window: tuple[int, int, int, int]
    size: float
    theoretical: tuple[int, int]

    def plot(self) -> Figure:
        """Plot the gradient as an image with the theoretical field, and its profile along a row."""
        from matplotlib.patches import Rectangle

        figure = new_figure(10.5, 4.0)
        left, right = figure.subplots(1, 2)
        show_image(left, self.gradient, cmap=MAP)
        color_bar(left.images[0], left, "mean of |dy/dx|")
        top, start, bottom, end = self.window
        line = {"fill": False, "edgecolor": ORANGE, "linewidth": 2}
        corner = start - 0.5, top - 0.5
        left.add_patch(Rectangle(corner, end - start, bottom - top, **line))
        right.plot(self.gradient.sum(0) / (self.gradient.sum() or 1), color=BLUE)
        right.axvspan(start - 0.5, end - 0.5, color=ORANGE, alpha=0.2, label="by formula")
        label(right, "", "column (pixels)", "share of the gradient", legend=True)
        rows, columns = self.theoretical
        text = f"Effective field {self.size:.1f} pixels a side, by formula {rows} x {columns}"
        headline(figure, text)
        return figure


@enable_grad()
def effective_receptive_field(
    model: Module,
    input_shape: tuple[int, int, int],
    layer: str | None = None,
    samples: int = 16,
    generator: np.random.Generator | None = None,
) -> EffectiveField:
    """Measure the gradient of the central output of `layer` (the model by default) on noise images.

    input_shape: (C, H, W); samples: the number of random normal images to average over. The model
    runs in evaluation mode; the gradient is that of the sum of the output's channels with random
    signs.

    Raises: ValueError for another shape or an output that does not depend on the image, KeyError
    for an unknown layer.
    """
    name = "effective_receptive_field"
    if samples < 1:
        raise ValueError(f"{name}: samples={samples} must be at least 1")
    if layer is not None:
        module_named(name, model, layer)
    field = receptive_field(model, input_shape, layer)
    if field is None:
        raise ValueError(f"{name}: the output of layer={layer!r} does not depend on the image")
    rng = generator or default_generator()
    dtype = next((p.dtype for p in model.parameters()), np.float32)
    x = Tensor(rng.standard_normal((samples, *input_shape[-3:])).astype(dtype), requires_grad=True)
    with recorded(model) as outputs, evaluation(model):
        model(x)
    y = outputs[layer or ""]
    i, j = (n // 2 for n in y.shape[2:]) if y.ndim == 4 else (0, 0)
    y = y[:, :, i, j] if y.ndim == 4 else y
    signs = Tensor(rng.choice([-1.0, 1.0], y.shape).astype(dtype))
    (gx,) = grad((y * signs).sum(), x)
    gradient = np.abs(gx.array.astype(np.float64)).mean((0, 1))
    counting = (gradient >= COUNTS * gradient.max()).sum() if gradient.any() else 0
    edges = []
    for place, (start, jump, size, n) in zip(
        (i, j), zip(field.start, field.jump, field.size, input_shape[-2:], strict=True), strict=True
    ):
        first = int(start + place * jump)
        edges.append((min(max(first, 0), n), max(min(first + size, n), 0)))
    (top, bottom), (left, right) = edges
    return EffectiveField(
        gradient, (top, left, bottom, right), float(np.sqrt(counting)), field.size
    )
