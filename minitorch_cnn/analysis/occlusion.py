"""occlusion_map: the drop in the probability of a class when a square hides part of the image.

M. Zeiler, R. Fergus (2014), "Visualizing and understanding convolutional networks", ECCV 2014,
arXiv 1311.2901, section 4.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .. import functional as F
from ..autograd import no_grad
from ..figures import AROUND_ZERO, color_bar, headline, new_figure, show_image
from ..nn import Module
from ..nn.evaluation import evaluation, first_output
from ..tensor import Tensor
from .watch import chosen_classes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BATCH = 64


class Occlusion(NamedTuple):
    """probabilities (OH, OW) of the class with the square at each place, intact without it.

    drop (H, W): the mean decrease in probability over the squares that cover a pixel; nan where
    there is none. image (C, H, W).
    """

    image: np.ndarray
    label: int
    intact: float
    probabilities: np.ndarray
    drop: np.ndarray

    def plot(self) -> Figure:
        """Plot the image, and the drop in probability by pixel."""
        figure = new_figure(7.5, 3.6)
        left, right = figure.subplots(1, 2)
        show_image(left, self.image, f"class {self.label}: probability {self.intact:.2f}")
        most = max(np.nanmax(np.abs(self.drop)), 1e-9)
        drawn = right.imshow(self.drop, cmap=AROUND_ZERO, vmin=-most, vmax=most)
        right.set(xticks=[], yticks=[])
        color_bar(drawn, right, "fall of the probability")
        least = self.probabilities.min()
        headline(
            figure, f"A hidden part takes class {self.label} from {self.intact:.2f} to {least:.2f}"
        )
        return figure


def occlusion_map(
    model: Module,
    image: Tensor,
    label: int | None = None,
    size: int | None = None,
    stride: int = 1,
    value: float | None = None,
) -> Occlusion:
    """Compute the probability of class `label` with a square of `size` pixels at each place.

    image (C, H, W); label: by default the predicted class; size: by default a quarter of the
    shorter side; stride: pixels between places; value: of the square, by default the image's mean.
    The model runs in evaluation mode.

    Raises: ValueError for an image of another shape or not finite, a label that is not a class of
    the model, or a size or stride that does not fit.
    """
    if image.ndim != 3:
        raise ValueError(f"occlusion_map: image of shape {image.shape} must be (C, H, W)")
    if not np.isfinite(image.array).all():
        raise ValueError("occlusion_map: image has NaN or infinite values, must be finite")
    _, H, W = image.shape
    size = max(min(H, W) // 4, 1) if size is None else size
    if not 1 <= size <= min(H, W) or stride < 1:
        raise ValueError(
            f"occlusion_map: size={size} must be from 1 to {min(H, W)}, stride={stride} at least 1"
        )
    x = image.array
    value = x.mean() if value is None else value
    intact = _probabilities(model, x[None])
    (chosen,) = chosen_classes(
        "occlusion_map", Tensor(intact), None if label is None else np.array([label])
    ).tolist()
    rows, columns = range(0, H - size + 1, stride), range(0, W - size + 1, stride)
    places = [(i, j) for i in rows for j in columns]
    found = []
    for first in range(0, len(places), BATCH):
        part = places[first : first + BATCH]
        hidden = np.repeat(x[None], len(part), axis=0)
        for picture, (i, j) in zip(hidden, part, strict=True):
            picture[:, i : i + size, j : j + size] = value
        found.append(_probabilities(model, hidden)[:, chosen])
    probabilities = np.concatenate(found)
    total, count = np.zeros((2, H, W))
    for (i, j), p in zip(places, probabilities, strict=True):
        total[i : i + size, j : j + size] += intact[0, chosen] - p
        count[i : i + size, j : j + size] += 1
    drop = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    grid = probabilities.reshape(len(rows), len(columns))
    return Occlusion(x, chosen, float(intact[0, chosen]), grid, drop)


def _probabilities(model: Module, x: np.ndarray) -> np.ndarray:
    with evaluation(model), no_grad():
        return F.softmax(first_output(model(Tensor(x))), dim=1).array.astype(np.float64)
