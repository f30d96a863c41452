"""How good a model is: loss, top-1 and top-5 accuracy, what is taken for what, overlaps of masks.

The labels are those of images, (N,), or of all their pixels, (N, H, W). A label that is no class,
such as the 255 of borders that nobody labelled, is not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from .. import functional as F
from ..autograd.modes import no_grad
from ..nn import Module
from ..tensor import Tensor


class Predictions(NamedTuple):
    """What a model says of each sample, and what is true: logits (N, K, *), labels (N, *)."""

    logits: np.ndarray
    labels: np.ndarray


class Evaluation(NamedTuple):
    """loss: mean over the samples; top1, top5: fractions of the labels that are right; confusion
    (K, K); of_pixels: whether the labels are those of pixels.
    """

    loss: float
    top1: float
    top5: float
    confusion: np.ndarray
    of_pixels: bool = False


class PixelScores(NamedTuple):
    """How well masks agree, from n_ij, the pixels of class i taken for class j; t_i = sum_j n_ij.

    pixel_accuracy            sum_i n_ii / sum_i t_i
    mean_accuracy             the mean over classes of n_ii / t_i
    mean_iou                  the mean over classes of IoU_i = n_ii / (t_i + sum_j n_ji - n_ii)
    frequency_weighted_iou    sum_i t_i IoU_i / sum_i t_i

    From "Fully convolutional networks for semantic segmentation" (Long et al. 2015), section 5. A
    class without a pixel in either mask is left out of the means.
    """

    pixel_accuracy: float
    mean_accuracy: float
    mean_iou: float
    frequency_weighted_iou: float


def predict(model: Module, batches: Iterable) -> Predictions:
    """The logits of a model in evaluation mode for all batches (x, labels), in their order.

    Raises: ValueError if there is no batch.
    """
    return collect("predict", model, batches, model)


def collect(name: str, model: Module, batches: Iterable, scores: Callable) -> Predictions:
    """scores(x) (N, K, *) of all batches (x, labels), with `model` in evaluation mode meanwhile.

    x is brought to the model's device, and the scores from there to the CPU.

    Raises: ValueError in the name of the function `name` if there is no batch.
    """
    with evaluating(model):
        place = place_of(model)
        pairs = [
            (scores(x.to(device=place)).cpu().numpy(), np.asarray(labels)) for x, labels in batches
        ]
    if not pairs:
        raise ValueError(f"{name}: batches is empty")
    logits, labels = zip(*pairs, strict=True)
    return Predictions(np.concatenate(logits), np.concatenate(labels))


def predict_masks(model: Module, batches: Iterable) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest class of each pixel in all batches (x, masks), and the masks, both (N, H, W).

    Raises: ValueError if there is no batch.
    """
    with evaluating(model):
        place = place_of(model)
        pairs = [
            (model(x.to(device=place)).argmax(1).cpu().numpy().astype(np.int16), np.asarray(masks))
            for x, masks in batches
        ]
    if not pairs:
        raise ValueError("predict_masks: batches is empty")
    predicted, masks = zip(*pairs, strict=True)
    return np.concatenate(predicted), np.concatenate(masks)


def place_of(model: Module) -> str:
    """The device of a model: that of its first parameter, the CPU if it has none."""
    return next((p.device for p in model.parameters()), "cpu")


@contextmanager
def evaluating(model: Module) -> Iterator[None]:
    """Evaluation mode, and nothing recorded."""
    training = model.training
    model.eval()
    try:
        with no_grad():
            yield
    finally:
        model.train(training)


def evaluate(model: Module, batches: Iterable, loss: Callable = F.cross_entropy) -> Evaluation:
    """The model in evaluation mode on all batches (x, labels); with fewer than 5 classes top5 is 1.

    No more than a batch of logits is in memory at a time.

    Raises: ValueError if there is no batch.
    """
    tally = _Tally(loss)
    with evaluating(model):
        for x, labels in batches:
            logits = model(x.to(device=place_of(model))).cpu()
            tally.add(Predictions(logits.numpy(), np.asarray(labels)))
    if not tally.samples:
        raise ValueError("evaluate: batches is empty")
    return tally.evaluation()


def evaluate_predictions(predictions: Predictions, loss: Callable = F.cross_entropy) -> Evaluation:
    """The same of predictions that are there already."""
    tally = _Tally(loss)
    tally.add(predictions)
    return tally.evaluation()


class _Tally:
    """What an evaluation counts, batch after batch."""

    def __init__(self, loss: Callable):
        self.loss = loss
        self.samples = self.top1 = self.top5 = 0
        self.loss_sum = 0.0
        self.confusion: np.ndarray | int = 0
        self.of_pixels = False

    def add(self, predictions: Predictions) -> None:
        logits, labels = predictions
        with no_grad():
            self.loss_sum += len(labels) * self.loss(Tensor(logits), Tensor(labels)).item()
        self.samples += len(labels)
        ranks = label_ranks(logits, labels)
        self.top1 += int((ranks < 1).sum())
        self.top5 += int((ranks < 5).sum())
        self.confusion += confusion_matrix(logits.argmax(1), labels, logits.shape[1])
        self.of_pixels = labels.ndim > 1

    def evaluation(self) -> Evaluation:
        counted = self.confusion.sum()
        loss, top1, top5 = self.loss_sum / self.samples, self.top1 / counted, self.top5 / counted
        return Evaluation(loss, float(top1), float(top5), self.confusion, self.of_pixels)


def known(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Which of the labels are classes."""
    return (labels >= 0) & (labels < num_classes)


def label_ranks(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How many classes come before that of each label that is counted.

    logits (N, K, *), labels (N, *) -> (M,), K if the label's logit is not a number. Of equal logits
    the class that comes first counts as larger, as for argmax.
    """
    counted = known(labels, logits.shape[1])
    rows, labels = np.moveaxis(logits, 1, -1)[counted], labels[counted][:, None]  # (M, K), (M, 1)
    own = np.take_along_axis(rows, labels.astype(np.intp), axis=1)
    before = (rows > own) | ((rows == own) & (np.arange(rows.shape[1]) < labels))
    return np.where(np.isnan(own[:, 0]), rows.shape[1], before.sum(axis=1))


def top_k_accuracy(logits: np.ndarray, labels: np.ndarray, k: int) -> float:
    """The fraction of labels that are among the k largest logits: see `label_ranks`."""
    return float((label_ranks(logits, labels) < k).mean())


def confusion_matrix(predicted: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """How often each class (row) was taken for each class (column).

    predicted, labels (N, *) -> (num_classes, num_classes) int64
    """
    counted = known(labels, num_classes)
    pairs = num_classes * labels[counted].astype(np.int64) + predicted[counted]
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def pixel_scores(confusion: np.ndarray) -> PixelScores:
    """The scores of a confusion matrix of pixels, (K, K) with rows for what is.

    Raises: ValueError if it counts nothing.
    """
    right, are, said = np.diag(confusion), confusion.sum(1), confusion.sum(0)
    total = are.sum()
    if not total:
        raise ValueError("pixel_scores: confusion has no counts")
    occur, union = are > 0, are + said - right
    iou = right / np.maximum(union, 1)
    return PixelScores(
        float(right.sum() / total),
        float((right[occur] / are[occur]).mean()),
        float(iou[union > 0].mean()),
        float((are * iou).sum() / total),
    )
