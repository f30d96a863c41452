"""The numbers of an evaluation as text."""

from __future__ import annotations

import numpy as np


def accuracy(evaluation) -> str:
    """The accuracy on one line, with top-5 for more than five classes."""
    matrix = evaluation.confusion
    right, total = int(np.trace(matrix)), int(matrix.sum())
    kind = "pixels" if evaluation.of_pixels else "images"
    if evaluation.of_pixels:
        more = overlaps(matrix)
    else:
        more = f", top-5 {evaluation.top5:.2%}" if len(matrix) > 5 else ""
    return (
        f"accuracy {evaluation.top1:.2%} ({right:,} of {total:,} {kind}){more}, "
        f"loss {evaluation.loss:.4f}"
    )


def overlaps(matrix: np.ndarray) -> str:
    """The agreement of masks."""
    from ..training import pixel_scores

    scores = pixel_scores(matrix)
    return (
        f", mean IoU {scores.mean_iou:.3f}, frequency-weighted IoU "
        f"{scores.frequency_weighted_iou:.3f}, mean accuracy of the classes "
        f"{scores.mean_accuracy:.2%}"
    )


def confusions(matrix: np.ndarray, classes: list[str], most: int = 5) -> list[str]:
    """The most frequent confusions of two classes, in descending order."""
    wrong = matrix * ~np.eye(len(matrix), dtype=bool)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = zip(*np.unravel_index(order, wrong.shape), strict=True)
    from ..training.class_names import printable

    return [
        f"{printable(classes[label])} taken for {printable(classes[guess])}: "
        f"{wrong[label, guess]:,}"
        for label, guess in pairs
        if wrong[label, guess]
    ]
