"""Metrics of a model: loss, top-1 and top-5 accuracy, confusion matrix, overlap of masks.

The labels are those of images, (N,), or of all their pixels, (N, H, W). A label that is not a
class, such as the 255 of unlabelled borders, is not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from .. import functional as F
from ..autograd.modes import no_grad
from ..nn import Module
from ..nn.evaluation import evaluation
from ..tensor import Tensor
from .batches import called, described, pairs, place_of, samples_in
from .fit_checks import check_metrics
from .means import Means
from .objective import loss_of_batch, main_output


class Predictions(NamedTuple):
    """A model's scores and the true labels of the samples: logits (N, K, *), labels (N, *)."""

    logits: np.ndarray
    labels: np.ndarray


class Evaluation(NamedTuple):
    """loss: mean over the samples, or over the counted labels if the loss is a mean over labels;
    top1, top5: fractions of correct labels; confusion (K, K); of_pixels: whether the labels are
    those of pixels. Without class labels, top1, top5 and confusion are None. metrics: the means of
    the user's metrics by name, None if there are none.
    """

    loss: float
    top1: float | None
    top5: float | None
    confusion: np.ndarray | None
    of_pixels: bool = False
    metrics: dict[str, float] | None = None


class PixelScores(NamedTuple):
    """Agreement of masks, from n_ij, the pixels of class i predicted as class j; t_i = sum_j n_ij.

    pixel_accuracy            sum_i n_ii / sum_i t_i
    mean_accuracy             the mean over classes of n_ii / t_i
    mean_iou                  the mean over classes of IoU_i = n_ii / (t_i + sum_j n_ji - n_ii)
    frequency_weighted_iou    sum_i t_i IoU_i / sum_i t_i

    From "Fully convolutional networks for semantic segmentation" (Long et al. 2015), section 5.
    The means skip classes that occur in neither mask.
    """

    pixel_accuracy: float
    mean_accuracy: float
    mean_iou: float
    frequency_weighted_iou: float


def predict(model: Module, batches: Iterable[Any]) -> Predictions:
    """Compute a model's logits in evaluation mode for all batches (x, labels), in order.

    Raises: ValueError if there is no batch.
    """
    return collect("predict", model, batches, model)


def collect(
    name: str, model: Module, batches: Iterable[Any], scores: Callable[..., Any]
) -> Predictions:
    """Compute scores(x) (N, K, *) for all batches (x, labels), with `model` in evaluation mode.

    x is moved to the model's device, and the scores are moved to the CPU.

    Raises: ValueError in the name of the function `name` if there is no batch.
    """
    found = []
    with evaluation(model), no_grad():
        for x, labels in pairs(name, batches, place_of(model)):
            y = called(scores, x)
            if not isinstance(y, Tensor) or not isinstance(labels, Tensor):
                raise TypeError(
                    f"{name}: the model must give a Tensor for labels that are one, got "
                    f"{described(y)} for {described(labels)}"
                )
            found.append((y.cpu().numpy(), labels.cpu().numpy()))
    if not found:
        raise ValueError(f"{name}: batches is empty")
    logits, labels = zip(*found, strict=True)
    return Predictions(np.concatenate(logits), np.concatenate(labels))


def predict_masks(model: Module, batches: Iterable[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Predict the class of each pixel in all batches (x, masks); returns it and masks, (N, H, W).

    Raises: ValueError if there is no batch.
    """
    with evaluation(model), no_grad():
        found = [
            (called(model, x).argmax(1).cpu().numpy().astype(np.int16), masks.cpu().numpy())
            for x, masks in pairs("predict_masks", batches, place_of(model))
        ]
    if not found:
        raise ValueError("predict_masks: batches is empty")
    predicted, masks = zip(*found, strict=True)
    return np.concatenate(predicted), np.concatenate(masks)


def evaluate(
    model: Module,
    batches: Iterable[Any],
    loss: Callable[..., Any] = F.cross_entropy,
    *,
    metrics: Mapping[str, Callable[[Any, Any], Any]] | None = None,
) -> Evaluation:
    """Evaluate the model on all batches (x, target), in evaluation mode.

    metrics: functions of (output, target) by name, each returning a number, as for `fit`; the
    Evaluation holds their means over samples.

    If the loss is a cross entropy (or nll_loss) of class labels, accuracies and confusions are
    counted too (top5 is 1 with fewer than 5 classes); any other loss is only averaged. At most one
    batch of outputs is in memory at a time.

    Raises: ValueError if there is no batch, or if the loss is not one number; ValueError or
    TypeError for wrong metrics.
    """
    check_metrics("evaluate", metrics)
    means = Means(metrics)
    found = measure("evaluate", model, batches, loss, means)
    return found if metrics is None else found._replace(metrics=means.metrics())


def measure(
    function: str,
    model: Module,
    batches: Iterable[Any],
    loss: Callable[..., Any],
    means: Means,
    ranks: Any = None,
) -> Evaluation:
    """`evaluate` in the name of another function, with the metrics of `means`.

    ranks: the `Ranks` that share the rows of each batch; each counts its own, none twice.
    """
    counts = _ClassCounts()
    divided = pairs if ranks is None else ranks.pairs
    with evaluation(model), no_grad():
        for x, target, *rows in divided(function, batches, place_of(model)):
            if rows and not rows[0].count:
                continue
            output = called(model, x)
            found = loss_of_batch(function, loss, output, target)
            output = main_output(loss, output)
            before = means.loss_sum
            means.add(function, samples_in(function, x), found, output, target)
            if ranks is not None and ranks.gradients.adds_up:  # each rank has a part of the sum
                share = rows[0].count / rows[0].total
                means.loss_sum = before + (means.loss_sum - before) / share
            if found.of_classes and are_classes(output, target):
                counts.add(output.cpu().numpy(), target.cpu().numpy())
    if ranks is not None:
        ranks.merge(means, counts)
    if not means.samples:
        raise ValueError(f"{function}: batches is empty")
    return counts.evaluation(means.loss())


def evaluate_predictions(
    predictions: Predictions, loss: Callable[..., Any] = F.cross_entropy
) -> Evaluation:
    """Evaluate existing predictions of classes, as `evaluate` does."""
    logits, labels = predictions
    with no_grad():
        found = loss_of_batch("evaluate_predictions", loss, Tensor(logits), Tensor(labels))
    counts = _ClassCounts()
    counts.add(logits, labels)
    return counts.evaluation(found.value.item())


def are_classes(output: Any, target: Any) -> bool:
    """Whether `target` (N, *) labels what `output` (N, K, *) scores."""
    return (
        isinstance(output, Tensor)
        and isinstance(target, Tensor)
        and target.dtype.kind in "iu"
        and output.ndim >= 2
        and target.shape == output.shape[:1] + output.shape[2:]
    )


class _ClassCounts:
    """The counts of class labels in an evaluation, accumulated over batches."""

    def __init__(self):
        self.start()

    def start(self) -> None:
        self.top1 = self.top5 = 0
        self.confusion: np.ndarray | None = None
        self.of_pixels = False

    def add(self, logits: np.ndarray, labels: np.ndarray) -> None:
        ranks = label_ranks(logits, labels)
        self.top1 += int((ranks < 1).sum())
        self.top5 += int((ranks < 5).sum())
        confusion = confusion_matrix(logits.argmax(1), labels, logits.shape[1])
        self.confusion = confusion if self.confusion is None else self.confusion + confusion
        self.of_pixels = labels.ndim > 1

    def parts(self) -> tuple[Any, ...]:
        """What `add_parts` of another object takes."""
        return self.top1, self.top5, self.confusion, self.of_pixels

    def add_parts(
        self, top1: int, top5: int, confusion: np.ndarray | None, of_pixels: bool
    ) -> None:
        self.top1 += top1
        self.top5 += top5
        self.of_pixels |= of_pixels
        if confusion is not None:
            before = self.confusion
            self.confusion = confusion if before is None else before + confusion

    def evaluation(self, loss: float) -> Evaluation:
        if self.confusion is None:
            return Evaluation(loss, None, None, None)
        counted = int(self.confusion.sum())
        top1, top5 = (n / counted if counted else np.nan for n in (self.top1, self.top5))
        return Evaluation(loss, float(top1), float(top5), self.confusion, self.of_pixels)


def known(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Mark the labels that are classes."""
    return (labels >= 0) & (labels < num_classes)


def label_ranks(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The number of classes that rank before the class of each counted label.

    logits (N, K, *), labels (N, *) -> (M,), K if the label's logit is NaN. Of equal logits the
    class with the lower index ranks first, as in argmax.
    """
    counted = known(labels, logits.shape[1])
    rows, labels = np.moveaxis(logits, 1, -1)[counted], labels[counted][:, None]  # (M, K), (M, 1)
    own = np.take_along_axis(rows, labels.astype(np.intp), axis=1)
    before = (rows > own) | ((rows == own) & (np.arange(rows.shape[1]) < labels))
    return np.where(np.isnan(own[:, 0]), rows.shape[1], before.sum(axis=1))


def top_k_accuracy(logits: np.ndarray, labels: np.ndarray, k: int) -> float:
    """The fraction of labels among the k largest logits: see `label_ranks`."""
    return float((label_ranks(logits, labels) < k).mean())


def confusion_matrix(predicted: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Count how often each class (row) was predicted as each class (column).

    predicted, labels (N, *) -> (num_classes, num_classes) int64
    """
    counted = known(labels, num_classes)
    pairs = num_classes * labels[counted].astype(np.int64) + predicted[counted]
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def pixel_scores(confusion: np.ndarray) -> PixelScores:
    """The scores of a confusion matrix of pixels, (K, K), with the true classes in rows.

    Raises: ValueError if all counts are 0.
    """
    right, actual, predicted = np.diag(confusion), confusion.sum(1), confusion.sum(0)
    total = actual.sum()
    if not total:
        raise ValueError("pixel_scores: confusion has no counts")
    occur, union = actual > 0, actual + predicted - right
    iou = right / np.maximum(union, 1)
    return PixelScores(
        float(right.sum() / total),
        float((right[occur] / actual[occur]).mean()),
        float(iou[union > 0].mean()),
        float((actual * iou).sum() / total),
    )
