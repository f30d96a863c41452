"""The evidence for a class by position in an image: class_activation_maps, grad_cam.

B. Zhou, A. Khosla, A. Lapedriza, A. Oliva, A. Torralba (2016), "Learning deep features for
discriminative localization", CVPR 2016, arXiv 1512.04150. If the logit of class k is the mean over
all positions of a linear function of the last maps A, then each position contributes

    M_k(i, j) = sum_c w_kc A_c(i, j)        logit_k = mean of M_k + b_k

w is computed from the gradient, w_kc = HW dlogit_k / dA_c(i, j), whatever linear layers follow.

R. Selvaraju, M. Cogswell, A. Das, R. Vedantam, D. Parikh, D. Batra (2017), "Grad-CAM: visual
explanations from deep networks via gradient-based localization", ICCV 2017, arXiv 1610.02391,
equations 1 and 2: for maps A of any layer the weights are the mean gradient, and evidence against
the class is dropped:

    L_k(i, j) = max(0, sum_c a_kc A_c(i, j))        a_kc = mean over i, j of dlogit_k / dA_c(i, j)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import functional as F
from ..autograd import enable_grad, grad
from ..figures import OVER, SKY, headline, image_grid, show_image
from ..graph import Graph, Node
from ..graph.capture import captured
from ..graph.interpreter import execute
from ..nn import Module
from ..nn.evaluation import first_output
from ..tensor import Tensor
from .watch import checked_batch, chosen_classes, maps_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 12  # images in a figure
AVERAGES = ("GlobalAveragePool", "AveragePool", "ReduceMean", "ReduceSum")


class ClassActivation(NamedTuple):
    """maps (N, H, W): the contribution of each pixel to the logit of labels (N,); images x.

    boxes (N, 4): around the largest bright part of each map: left, top, right, bottom, the last two
    exclusive. truth: the known boxes, if given; iou (N,): intersection over union of the two.
    """

    x: np.ndarray
    labels: np.ndarray
    maps: np.ndarray
    boxes: np.ndarray
    truth: np.ndarray | None
    iou: np.ndarray | None

    def plot(self) -> Figure:
        """Plot the first images under their maps, with the boxes found, known ones dashed."""
        from matplotlib.patches import Rectangle

        count = min(len(self.x), MOST)
        columns = min(count, 6)
        figure, grid = image_grid(-(-count // columns), columns, side=1.7, extra=0.9)
        for i, ax in zip(range(count), grid.ravel(), strict=False):
            ax.set_axis_on()
            overlap = "" if self.iou is None else f", IoU {self.iou[i]:.2f}"
            show_image(ax, self.x[i], f"class {self.labels[i]}{overlap}")
            ax.imshow(np.maximum(self.maps[i], 0), cmap=OVER, alpha=0.55)
            known = [] if self.truth is None else [(self.truth[i], "white", "--")]
            for (a, b, c, d), color, style in [(self.boxes[i], SKY, "-"), *known]:
                line = {"fill": False, "edgecolor": color, "linestyle": style, "linewidth": 2}
                ax.add_patch(Rectangle((a - 0.5, b - 0.5), c - a, d - b, **line))
        mean = "" if self.iou is None else f": mean IoU with the known boxes {self.iou.mean():.2f}"
        headline(
            figure,
            f"Class activation maps{mean}",
            "colour: evidence for the class, from 0 (black) to the largest of each map (yellow); "
            "frame: around its brightest part" + ("; dashed: the known box" if mean else ""),
        )
        return figure


@enable_grad()
def class_activation_maps(
    model: Module,
    x: Tensor,
    labels: np.ndarray | None = None,
    truth: np.ndarray | None = None,
    threshold: float = 0.2,
) -> ClassActivation:
    """Compute the maps of classes `labels` (N,), by default the predicted ones, in x (N, C, H, W).

    The model must end in an average over the whole map, by a module or a function; the maps are the
    input of that average, enlarged to the image by bilinear interpolation. threshold: the fraction
    of a map's maximum above which it is bright (section 3.2 of the paper: 0.2). truth (N, 4): known
    boxes.

    Raises: ValueError for other shapes, labels that are not classes of the model, images or logits
    that are not finite, a threshold outside 0 to 1, or a model without such an average;
    CaptureError, a RuntimeError, for a model that branches on values.
    """
    name = "class_activation_maps"
    checked_batch(name, x, labels)
    _check_boxes(name, x, truth, threshold)
    graph = captured(model, x, name).graph
    source = averaged_maps(graph)
    names = [graph.outputs[0].name, *([] if source is None else [source])]
    given = {graph.inputs[0].name: Tensor(x.array, requires_grad=True)}
    logits, *found = execute(graph.but(outputs=[graph.values[name] for name in names]), given)
    chosen = chosen_classes(name, logits, labels)
    if not found:
        raise ValueError(
            f"{name}: {type(model).__name__} has no global average pooling: it nowhere averages a "
            "whole map; grad_cam takes any layer with maps"
        )
    maps = found[0]
    weights = _mean_gradient(logits, chosen, maps) * (maps.shape[2] * maps.shape[3])
    evidence = (weights * maps.array).sum(1, keepdims=True)
    return _enlarged(x, chosen, evidence, truth, threshold)


@enable_grad()
def grad_cam(
    model: Module,
    x: Tensor,
    layer: str,
    labels: np.ndarray | None = None,
    truth: np.ndarray | None = None,
    threshold: float = 0.2,
) -> ClassActivation:
    """Compute the evidence for classes `labels` (N,) in the maps of `layer`: maps >= 0.

    x (N, C, H, W). If a module runs more than once, its last run counts. labels: by default the
    predicted classes. Maps are enlarged to the image by bilinear interpolation; truth and threshold
    as for class_activation_maps, whose maps equal these up to a factor where both exist and are
    positive.

    Raises: KeyError for a layer that is unknown or did not run, ValueError for one without maps
    (N, C, h, w), other shapes, logits that are not finite, or a threshold outside 0 to 1.
    """
    checked_batch("grad_cam", x, labels)
    _check_boxes("grad_cam", x, truth, threshold)
    maps, output = maps_of("grad_cam", model, Tensor(x.array, requires_grad=True), layer)
    logits = first_output(output)
    chosen = chosen_classes("grad_cam", logits, labels)
    weights = _mean_gradient(logits, chosen, maps)
    evidence = np.maximum((weights * maps.array).sum(1, keepdims=True), 0)
    return _enlarged(x, chosen, evidence, truth, threshold)


def _check_boxes(function: str, x: Tensor, truth: Any, threshold: float) -> None:
    if truth is not None and np.shape(truth) != (len(x), 4):
        raise ValueError(f"{function}: truth of shape {np.shape(truth)} must be ({len(x)}, 4)")
    if not 0 <= threshold <= 1:  # also true for NaN
        raise ValueError(f"{function}: threshold={threshold} must be from 0 to 1")


def averaged_maps(graph: Graph) -> str | None:
    """The last maps (N, C, H, W) that were averaged over all positions before the first result.

    None if nothing was averaged.
    """

    def shape(name: str) -> Any:
        return graph.values[name].shape or ()

    averages = [
        node
        for node in _behind(graph, graph.outputs[0].name)
        if node.operator in AVERAGES and shape(node.inputs[0])[:2] == shape(node.outputs[0])[:2]
    ]
    for node in reversed(averages):
        source, y = node.inputs[0], shape(node.outputs[0])
        if len(shape(source)) == 4 and y[2:] in ((1, 1), ()):
            return source
        if len(shape(source)) == 3 and len(y) < 4:
            behind = _behind(graph, source)
            made = behind[-1] if behind else None
            whole = made.inputs[0] if made is not None and made.operator == "Reshape" else source
            if len(shape(whole)) == 4:  # positions were flattened
                return whole
            for other in reversed(behind):  # rows or columns, averaged one after the other
                ranks = len(shape(other.inputs[0])), len(shape(other.outputs[0]))
                if other in averages and ranks == (4, 3):
                    return other.inputs[0]
    return None


def _behind(graph: Graph, name: str) -> list[Node]:
    """The nodes that a value was computed by, in order, so that its own is the last one."""
    makers, found, waiting = graph.producers(), set[str](), [name]
    while waiting:
        node = makers.get(waiting.pop())
        if node is not None and node.name not in found:
            found.add(node.name)
            waiting += node.inputs
    return [node for node in graph.nodes if node.name in found]


def _mean_gradient(logits: Tensor, classes: np.ndarray, maps: Tensor) -> np.ndarray:
    """(N, C, 1, 1): the mean over all positions of dlogit / dmaps, for each image's class."""
    score = logits[np.arange(len(classes)), classes].sum()
    (gradient,) = grad(score, maps, allow_unused=True)
    if gradient is None:
        return np.zeros((*maps.shape[:2], 1, 1), maps.dtype)
    return gradient.array.reshape(*maps.shape[:2], -1).mean(2)[..., None, None]


def _enlarged(x: Any, labels: Any, evidence: Any, truth: Any, threshold: Any) -> ClassActivation:
    """Enlarge the maps (N, 1, h, w) to the images x, and find their boxes."""
    large = F.interpolate(Tensor(evidence), size=x.shape[2:], mode="bilinear").array[:, 0]
    boxes = np.stack([bright_box(m, threshold) for m in large])
    iou = None if truth is None else box_iou(boxes, np.asarray(truth))
    return ClassActivation(x.array, labels, large, boxes, truth, iou)


def bright_box(array: np.ndarray, threshold: float = 0.2) -> np.ndarray:
    """(4,): left, top, right, bottom around the largest bright connected part of (H, W).

    A pixel is bright if it is at least threshold times the maximum; pixels connect along edges. The
    box covers the whole array if its maximum is not positive.
    """
    height, width = array.shape
    if array.max() <= 0:
        return np.array([0, 0, width, height])
    parts = connected_parts(array >= threshold * array.max())
    rows, columns = max(parts, key=lambda part: len(part[0]))
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


def connected_parts(mask: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The rows and columns of each part of a mask (H, W) that is connected along edges."""
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
    """(N,): the intersection of boxes (N, 4) divided by their union."""
    low, high = np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])
    shared = np.clip(high - low, 0, None).prod(1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (a, b)]
    return shared / np.maximum(areas[0] + areas[1] - shared, 1)
