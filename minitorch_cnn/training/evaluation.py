"""Average the predictions of several crops or several models, as papers report their errors.

    predict(model, batches)                  one crop: batches of Resize(256), CenterCrop(224)
    predict_crops(model, batches)            ten crops: batches of Resize(256), TenCrop(224)
    predict_dense(net, batches)              the whole image: batches of Resize(256), for example
    average_predictions([first, second])     an ensemble of models, crops, scales or mirror images

The transforms of such views of an image are in views.py.

Each returns `Predictions`, from which `evaluate_predictions` computes the errors. Where
probabilities are averaged, `logits` holds the logarithm of the mean, which softmax inverts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log
from typing import Any

import numpy as np

from .. import functional as F
from ..nn import Module
from ..tensor import Tensor, logsumexp
from .metrics import Predictions, collect


def predict_crops(model: Module, batches: Iterable[Any]) -> Predictions:
    """Average the probabilities over the crops of each image.

    batches of (x (N, T, C, H, W), labels (N,)): T crops per image, as `TenCrop`, `GridCrop` and
    `SquareCrops` make them. From "ImageNet classification with deep convolutional neural
    networks" (Krizhevsky et al. 2012), section 4.1.

    Raises: ValueError if there is no batch, or for images without crops.
    """

    def scores(x: Tensor) -> Tensor:
        if x.ndim != 5 or x.shape[1] == 0:
            raise ValueError(
                f"predict_crops: images of shape {x.shape} must be (N, T, C, H, W), as TenCrop "
                "makes them"
            )
        n, t = x.shape[:2]
        logits = model(x.flatten(0, 1))  # (N * T, K)
        return mean_probability(logits.reshape(n, t, logits.shape[1]))

    return collect("predict_crops", model, batches, scores)


def predict_dense(net: Module, batches: Iterable[Any]) -> Predictions:
    """Average the scores over all positions of a net applied convolutionally to the image.

    batches of (x (N, C, H, W), labels (N,)); net: (N, C, H, W) -> a score map (N, K, h, w), as
    `dense_form` returns. From "Very deep convolutional networks for large-scale
    image recognition" (Simonyan and Zisserman 2014), section 3.2, which then averages the
    probabilities of the image and of its mirror image: see `average_predictions`.

    Raises: ValueError if there is no batch, or if the net does not return a map.
    """

    def scores(x: Tensor) -> Tensor:
        score_map = net(x)
        if score_map.ndim != 4:
            raise ValueError(
                f"predict_dense: net gives the shape {score_map.shape}, which must be a map of "
                "scores (N, K, h, w)"
            )
        return score_map.mean((2, 3))

    return collect("predict_dense", net, batches, scores)


def average_predictions(predictions: Sequence[Predictions]) -> Predictions:
    """Average the probabilities of several predictions of the same samples.

    Raises: ValueError if there are none, or if their labels or numbers of classes differ.

        ensemble = average_predictions([predict(model, batches) for model in models])
    """
    if not predictions:
        raise ValueError("average_predictions: predictions is empty")
    first = predictions[0]
    for other in predictions:
        same_shape = other.logits.shape == first.logits.shape
        if not same_shape or not np.array_equal(other.labels, first.labels):
            raise ValueError(
                "average_predictions: predictions must be of the same samples in the same order, "
                "with the same classes"
            )
    logits = np.stack([other.logits for other in predictions], axis=1)  # (N, T, K)
    return Predictions(mean_probability(Tensor(logits)).array, first.labels)


def mean_probability(logits: Tensor) -> Tensor:
    """The logarithm of the mean of softmax over T views. logits (N, T, K) -> (N, K)"""
    return logsumexp(F.log_softmax(logits, dim=2), dim=1) - log(logits.shape[1])
