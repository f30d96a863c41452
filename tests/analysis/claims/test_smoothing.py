"""The bound of label smoothing, against its definition."""

import math

import numpy as np
import pytest

from minitorch_cnn.analysis.claims.smoothing import logit_gap, smoothed_gap


@pytest.mark.parametrize("smoothing, classes", [(0.1, 10), (0.3, 10), (0.1, 1000), (0.5, 2)])
def test_at_the_bound_the_smoothed_cross_entropy_has_no_slope_and_beside_it_is_larger(
    smoothing, classes
):
    gap = smoothed_gap(smoothing, classes)
    targets = np.full(classes, smoothing / classes)
    targets[0] += 1 - smoothing

    def loss(gap):
        logits = np.zeros(classes)
        logits[0] = gap
        return -(targets * (logits - np.log(np.exp(logits).sum()))).sum()

    slope = (loss(gap + 1e-6) - loss(gap - 1e-6)) / 2e-6
    assert abs(slope) < 1e-8
    assert loss(gap) < min(loss(gap - 0.1), loss(gap + 0.1))


def test_the_bound_is_the_papers_for_a_tenth_and_a_thousand_classes_and_none_for_hard_targets():
    # softmax = 0.9001 for the true class and 0.0001 for the others
    assert math.isclose(smoothed_gap(0.1, 1000), math.log(0.9001 / 0.0001))
    assert smoothed_gap(0.0, 10) == math.inf


def test_a_gap_is_from_the_true_logit_to_the_mean_of_the_others():
    logits = np.array([[5.0, 1, 3], [0, 4, 2]])
    assert logit_gap(logits, np.array([0, 1])) == pytest.approx(((5 - 2) + (4 - 1)) / 2)
