"""How good a classifier is: loss, top-1 and top-5 accuracy, and which class is taken for which."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from .. import functional as F
from ..autograd.modes import no_grad
from ..nn import Module
from ..tensor import Tensor


class Predictions(NamedTuple):
    """What a model says of each sample, and what is true: logits (N, K), labels (N,)."""

    logits: np.ndarray
    labels: np.ndarray


class Evaluation(NamedTuple):
    """loss: mean over the samples; top1, top5: fractions that are right; confusion (K, K)."""

    loss: float
    top1: float
    top5: float
    confusion: np.ndarray


def predict(model: Module, batches: Iterable) -> Predictions:
    """The logits of a model in evaluation mode for all batches (x, labels), in their order.

    Raises: ValueError if there is no batch.
    """
    return collect("predict", model, batches, model)


def collect(name: str, model: Module, batches: Iterable, scores: Callable) -> Predictions:
    """scores(x) (N, K) of all batches (x, labels), with `model` in evaluation mode meanwhile.

    Raises: ValueError in the name of the function `name` if there is no batch.
    """
    training = model.training
    model.eval()
    try:
        with no_grad():
            pairs = [(scores(x).data, np.asarray(labels)) for x, labels in batches]
    finally:
        model.train(training)
    if not pairs:
        raise ValueError(f"{name}: batches is empty")
    logits, labels = zip(*pairs, strict=True)
    return Predictions(np.concatenate(logits), np.concatenate(labels))


def evaluate(model: Module, batches: Iterable, loss: Callable = F.cross_entropy) -> Evaluation:
    """The model in evaluation mode on all batches (x, labels); with fewer than 5 classes top5 is 1.

    Raises: ValueError if there is no batch.
    """
    return evaluate_predictions(predict(model, batches), loss)


def evaluate_predictions(predictions: Predictions, loss: Callable = F.cross_entropy) -> Evaluation:
    """The same of predictions that are there already."""
    logits, labels = predictions
    with no_grad():
        mean_loss = loss(Tensor(logits), Tensor(labels)).item()
    return Evaluation(
        mean_loss,
        top_k_accuracy(logits, labels, 1),
        top_k_accuracy(logits, labels, 5),
        confusion_matrix(logits.argmax(1), labels, logits.shape[1]),
    )


def top_k_accuracy(logits: np.ndarray, labels: np.ndarray, k: int) -> float:
    """The fraction of samples whose label is among the k largest logits.

    logits (N, K), labels (N,). Of equal logits the class that comes first counts as larger, as for
    argmax.
    """
    best = np.argsort(-logits, axis=1, kind="stable")[:, :k]
    return float((best == labels[:, None]).any(axis=1).mean())


def confusion_matrix(predicted: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """How often each class (row) was taken for each class (column).

    predicted, labels (N,) -> (num_classes, num_classes) int64
    """
    matrix = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(matrix, (labels, predicted), 1)
    return matrix
