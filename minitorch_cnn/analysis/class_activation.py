"""class_activation_maps: where in an image the evidence for a class is, in nets that average maps.

B. Zhou, A. Khosla, A. Lapedriza, A. Oliva, A. Torralba (2016), "Learning deep features for
discriminative localization", CVPR 2016, arXiv 1512.04150. If the logit of class k is the mean over
all places of a linear function of the last maps A, then what each place adds to it is

    M_k(i, j) = sum_c w_kc A_c(i, j)        logit_k = mean of M_k + b_k

w is read off the gradient, w_kc = HW dlogit_k / dA_c(i, j), whatever linear layers follow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .. import functional as F
from ..autograd import enable_grad, grad
from ..nn import AdaptiveAvgPool2d, AvgPool2d, Module
from ..tensor import Tensor
from .figures import headline, image_grid, show_image
from .watch import checked_batch, evaluation, logits_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 12  # images that a figure shows


class ClassActivation(NamedTuple):
    """maps (N, H, W): what each pixel's place adds to the logit of labels (N,); images x.

    boxes (N, 4): around the largest bright part of each map: left, top, right, bottom, the last two
    exclusive. truth: the known boxes, if they are; iou (N,): how far the two overlap.
    """

    x: np.ndarray
    labels: np.ndarray
    maps: np.ndarray
    boxes: np.ndarray
    truth: np.ndarray | None
    iou: np.ndarray | None

    def plot(self) -> Figure:
        """The first images under their maps, with the boxes found, and dashed those known."""
        from matplotlib.patches import Rectangle

        count = min(len(self.x), MOST)
        columns = min(count, 6)
        figure, grid = image_grid(-(-count // columns), columns, side=1.7, extra=0.9)
        for i, ax in zip(range(count), grid.ravel(), strict=False):
            ax.set_axis_on()
            overlap = "" if self.iou is None else f", IoU {self.iou[i]:.2f}"
            show_image(ax, self.x[i], f"class {self.labels[i]}{overlap}")
            ax.imshow(np.maximum(self.maps[i], 0), cmap="inferno", alpha=0.55)
            known = [] if self.truth is None else [(self.truth[i], "white", "--")]
            for (a, b, c, d), color, style in [(self.boxes[i], "#33d6a6", "-"), *known]:
                frame = Rectangle(
                    (a - 0.5, b - 0.5), c - a, d - b, fill=False, edgecolor=color, linestyle=style
                )
                ax.add_patch(frame)
        mean = "" if self.iou is None else f": mean IoU with the known boxes {self.iou.mean():.2f}"
        headline(figure, f"Class activation maps{mean}")
        return figure


def class_activation_maps(
    model: Module,
    x: Tensor,
    labels: np.ndarray | None = None,
    truth: np.ndarray | None = None,
    threshold: float = 0.2,
) -> ClassActivation:
    """The maps of classes `labels` (N,), by default those the model says, in x (N, C, H, W).

    The model must end in an average over the whole map; maps are those in front of it, enlarged to
    the image by bilinear interpolation. threshold: the share of a map's maximum from which on it is
    bright (section 3.2 of the paper: 0.2). truth (N, 4): known boxes.

    Raises: ValueError for other shapes, or a model without such an average.
    """
    checked_batch("class_activation_maps", x, labels)
    if truth is not None and np.shape(truth) != (len(x), 4):
        raise ValueError(
            f"class_activation_maps: truth of shape {np.shape(truth)} must be ({len(x)}, 4)"
        )
    maps, logits = _before_the_average(model, x)
    chosen = logits.data.argmax(1) if labels is None else np.asarray(labels)
    score = logits[np.arange(len(x)), chosen].sum()
    (gradient,) = grad(score, maps)  # (N, C, h, w)
    places = maps.shape[2] * maps.shape[3]
    weights = gradient.data.mean((2, 3), keepdims=True) * places
    evidence = Tensor((weights * maps.data).sum(1, keepdims=True))
    large = F.interpolate(evidence, size=x.shape[2:], mode="bilinear").data[:, 0]
    boxes = np.stack([bright_box(m, threshold) for m in large])
    iou = None if truth is None else box_iou(boxes, np.asarray(truth))
    return ClassActivation(x.data, chosen, large, boxes, truth, iou)


def _before_the_average(model: Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """The input of the last average over a whole map, and the logits that come of it."""
    found: list[Tensor] = []

    def keep(module, inputs, output):
        if output.shape[2:] == (1, 1):
            found.append(inputs[0])

    handles = [
        module.register_forward_hook(keep)
        for module in model.modules()
        if isinstance(module, AdaptiveAvgPool2d | AvgPool2d)
    ]
    try:
        with evaluation(model), enable_grad():
            logits = logits_of(model(Tensor(x.data, requires_grad=True)))
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        raise ValueError(
            f"class_activation_maps: {type(model).__name__} has no global average pooling: none of "
            "its layers averages a whole map"
        )
    return found[-1], logits


def bright_box(array: np.ndarray, threshold: float = 0.2) -> np.ndarray:
    """(4,): left, top, right, bottom around the largest connected part of (H, W) that is bright.

    Bright is what is at least threshold times the maximum; pixels connect along edges. All of the
    array if its maximum is not positive.
    """
    height, width = array.shape
    if array.max() <= 0:
        return np.array([0, 0, width, height])
    parts = connected_parts(array >= threshold * array.max())
    rows, columns = max(parts, key=lambda part: len(part[0]))
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


def connected_parts(mask: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The rows and columns of each part of a mask (H, W) that hangs together along edges."""
    left = {tuple(place) for place in np.argwhere(mask).tolist()}
    parts = []
    while left:
        waiting, part = [left.pop()], []
        while waiting:
            i, j = waiting.pop()
            part.append((i, j))
            for beside in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
                if beside in left:
                    left.remove(beside)
                    waiting.append(beside)
        parts.append(tuple(np.array(part).T))
    return parts


def box_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N,): the area that boxes (N, 4) share, over the area that either covers."""
    low, high = np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])
    shared = np.clip(high - low, 0, None).prod(1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (a, b)]
    return shared / np.maximum(areas[0] + areas[1] - shared, 1)
