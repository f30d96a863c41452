"""Accuracies and confusions are what counting by hand gives."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.training import (
    Predictions,
    confusion_matrix,
    evaluate,
    evaluate_predictions,
    predict,
    top_k_accuracy,
)

LOGITS = np.array(
    [
        [9, 1, 2, 3, 4, 5, 6.0],  # in order: 0 6 5 4 3 2 1
        [0, 0, 0, 0, 0, 0, 0],  # 0 1 2 3 4 5 6
        [1, 2, 3, 4, 5, 6, 7],  # 6 5 4 3 2 1 0
        [1, 2, 3, 4, 5, 6, 7],
    ]
)
LABELS = np.array([0, 4, 2, 1])


def test_top_k_counts_the_labels_among_the_k_largest():
    assert [top_k_accuracy(LOGITS, LABELS, k) for k in (1, 4, 5, 6, 7)] == [
        1 / 4,
        1 / 4,
        3 / 4,
        1,
        1,
    ]


def test_logits_that_are_not_numbers_are_never_right():
    assert top_k_accuracy(np.array([[1, np.nan, 2]]), np.array([1]), 2) == 0


def test_the_confusion_matrix_has_a_row_for_what_is_and_a_column_for_what_it_is_taken_for():
    matrix = confusion_matrix(np.array([0, 2, 2, 1]), np.array([0, 1, 1, 1]), 3)
    assert matrix.tolist() == [[1, 0, 0], [0, 1, 2], [0, 0, 0]]


def test_an_evaluation_of_predictions_has_them_all():
    loss, top1, top5, confusion = evaluate_predictions(Predictions(LOGITS, LABELS))
    by_hand = np.log(np.exp(LOGITS).sum(1)) - LOGITS[np.arange(4), LABELS]
    assert loss == pytest.approx(by_hand.mean())
    assert (top1, top5) == (1 / 4, 3 / 4)
    assert confusion.sum() == 4 and confusion[4, 0] == 1


def test_five_of_fewer_classes_are_all_of_them():
    predictions = Predictions(np.eye(3), np.array([1, 2, 0]))
    assert evaluate_predictions(predictions).top5 == 1


@pytest.mark.parametrize("training", [True, False])
def test_a_model_is_evaluated_in_evaluation_mode_and_left_as_it_was(training):
    mt.manual_seed(0)
    model = mt.nn.Sequential(mt.nn.Dropout(0.9), mt.nn.BatchNorm1d(3)).train(training)
    x = mt.randn(10, 3)
    batches = [(x[:4], mt.zeros(4).long()), (x[4:], mt.zeros(6).long())]
    logits, labels = predict(model, batches)
    np.testing.assert_allclose(logits, x.data, rtol=1e-4)
    assert labels.shape == (10,) and model.training == training
    assert evaluate(model, batches).confusion.sum() == 10


def test_nothing_cannot_be_evaluated():
    with pytest.raises(ValueError, match=r"^predict: batches is empty"):
        evaluate(mt.nn.Identity(), [])
