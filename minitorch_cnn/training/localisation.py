"""Localisation of one object: boxes, their loss and their error.

A target is (class, centre x, centre y, width, height), the last four in parts of the image; a
prediction is a box for all classes, (N, 4), or one for each class, (N, num_classes, 4), of which
only that of the target's class counts.
"""

from __future__ import annotations

import numpy as np

from ..tensor import Tensor, arange

OVERLAP = 0.5  # of a box that counts as right


def box_targets(labels: np.ndarray, boxes: np.ndarray, size: int) -> np.ndarray:
    """labels (N,), boxes (N, 4) of left, top, right, bottom in pixels -> targets (N, 5) float32"""
    left, top, right, bottom = np.moveaxis(np.asarray(boxes, np.float64), -1, 0)
    columns = [labels, *(v / size for v in ((left + right) / 2, (top + bottom) / 2))]
    return np.stack([*columns, (right - left) / size, (bottom - top) / size], 1).astype(np.float32)


def intersection_over_union(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a, b (..., 4): centre x, centre y, width, height -> the common part of their union, (...)

    A box of negative width or height is empty.
    """
    (ax, ay, aw, ah), (bx, by, bw, bh) = (np.moveaxis(np.asarray(v), -1, 0) for v in (a, b))
    aw, ah, bw, bh = (np.maximum(v, 0) for v in (aw, ah, bw, bh))
    across = np.minimum(ax + aw / 2, bx + bw / 2) - np.maximum(ax - aw / 2, bx - bw / 2)
    down = np.minimum(ay + ah / 2, by + bh / 2) - np.maximum(ay - ah / 2, by - bh / 2)
    common = np.maximum(across, 0) * np.maximum(down, 0)
    union = aw * ah + bw * bh - common
    return common / np.where(union > 0, union, 1)


def euclidean_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Half the squared distance of the boxes, the mean over the images.

    predicted (N, 4) or (N, num_classes, 4), target (N, 5). Source: K. Simonyan, A. Zisserman
    (2015), appendix A.1.
    """
    difference = _of_the_class(predicted, target) - target[:, 1:]
    return (difference * difference).sum() / (2 * len(target))


def localisation_error(predicted: Tensor, target: Tensor, overlap: float = OVERLAP) -> float:
    """The fraction of images whose box has less than `overlap` in common with the target's.

    predicted (N, 4) or (N, num_classes, 4), target (N, 5). The class is taken as known, as in the
    paper's comparison of the two kinds of boxes (table 8).
    """
    boxes = _of_the_class(predicted, target).detach().cpu().numpy()
    common = intersection_over_union(boxes, target.detach().cpu().numpy()[:, 1:])
    return float((common < overlap).mean())


def mean_overlap(predicted: Tensor, target: Tensor) -> float:
    """The mean of `intersection_over_union`; predicted (N, 4) or (N, num_classes, 4)."""
    boxes = _of_the_class(predicted, target).detach().cpu().numpy()
    return float(intersection_over_union(boxes, target.detach().cpu().numpy()[:, 1:]).mean())


def _of_the_class(predicted: Tensor, target: Tensor) -> Tensor:
    if target.ndim != 2 or target.shape[1] != 5 or predicted.shape[0] != len(target):
        raise ValueError(
            f"localisation: target of shape {target.shape} must be ({predicted.shape[0]}, 5), with "
            "class and box"
        )
    if predicted.ndim == 2:
        return predicted
    return predicted[arange(len(target), device=target.device), target[:, 0].long()]
