"""Accuracies and confusions equal counts by hand."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.training import (
    Predictions,
    confusion_matrix,
    evaluate,
    evaluate_predictions,
    pixel_scores,
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
    found = evaluate_predictions(Predictions(LOGITS, LABELS))
    loss, top1, top5, confusion, of_pixels, metrics = found
    by_hand = np.log(np.exp(LOGITS).sum(1)) - LOGITS[np.arange(4), LABELS]
    assert loss == pytest.approx(by_hand.mean())
    assert (top1, top5) == (1 / 4, 3 / 4)
    assert confusion.sum() == 4 and confusion[4, 0] == 1 and not of_pixels and metrics is None


def test_an_evaluation_has_the_means_of_metrics_over_samples():
    x, labels = mt.tensor(LOGITS.astype(np.float32)), mt.tensor(LABELS)
    batches = [(x[:3], labels[:3]), (x[3:], labels[3:])]  # of other sizes
    largest = {"largest": lambda output, target: output.max(1).values.mean()}
    found = evaluate(mt.nn.Identity(), batches, metrics={**largest, "target": lambda _, t: t[0]})
    assert found.metrics == {
        "largest": pytest.approx(LOGITS.max(1).mean()),
        "target": pytest.approx((3 * LABELS[0] + LABELS[3]) / 4),
    }
    assert found[:2] == evaluate(mt.nn.Identity(), batches)[:2]
    assert evaluate(mt.nn.Identity(), batches, metrics={}).metrics == {}


def test_metrics_that_are_none_are_refused_in_the_name_of_evaluate():
    batches = [(mt.tensor(LOGITS), mt.tensor(LABELS))]
    for metrics, error, message in (
        ([len], TypeError, "metrics must be a dict of names and functions, got list"),
        ({"n": 3}, TypeError, r"metrics\['n'\] must be a function"),
        ({1: len}, ValueError, "metrics has the name 1, which must be text"),
        ({"n": lambda output, target: output}, TypeError, r"metrics\['n'\] must give one number"),
    ):
        with pytest.raises(error, match=f"^evaluate: {message}"):
            evaluate(mt.nn.Identity(), batches, metrics=metrics)


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
    np.testing.assert_allclose(logits, x.array, rtol=1e-4)
    assert labels.shape == (10,) and model.training == training
    assert evaluate(model, batches).confusion.sum() == 10


def test_nothing_cannot_be_evaluated():
    with pytest.raises(ValueError, match=r"^evaluate: batches is empty"):
        evaluate(mt.nn.Identity(), [])
    with pytest.raises(ValueError, match=r"^predict: batches is empty"):
        predict(mt.nn.Identity(), [])


def test_labels_of_pixels_are_counted_one_by_one():
    mt.manual_seed(0)
    model = mt.nn.Conv2d(2, 6, 1)
    x, labels = mt.randn(5, 2, 3, 4), mt.randint(0, 6, (5, 3, 4))
    found = evaluate(model, [(x[:2], labels[:2]), (x[2:], labels[2:])])
    logits = np.moveaxis(model(x).detach().numpy(), 1, -1).reshape(-1, 6)  # a row for each pixel
    expected = evaluate_predictions(Predictions(logits, labels.numpy().ravel()))
    assert found.of_pixels and not expected.of_pixels
    assert found[1:3] == expected[1:3] and found.loss == pytest.approx(expected.loss)
    np.testing.assert_array_equal(found.confusion, expected.confusion)


def test_labels_that_are_no_class_are_not_counted():
    labels = np.array([[0, 255], [1, -1]])
    logits = np.zeros((2, 2, 2))
    logits[:, 1] = 1  # always class 1
    matrix = confusion_matrix(logits.argmax(1), labels, 2)
    assert matrix.tolist() == [[0, 1], [0, 1]]
    assert top_k_accuracy(logits, labels, 1) == 1 / 2
    found = evaluate_predictions(Predictions(logits, labels), lambda logits, labels: mt.tensor(0.0))
    assert found.top1 == 1 / 2 and found.confusion.sum() == 2


def test_the_scores_of_masks_are_those_of_the_paper():
    n = np.array([[50, 10, 0], [5, 20, 15], [0, 0, 0]])  # no pixel is of class 2, 15 are called so
    scores = pixel_scores(n)
    ious = [50 / 65, 20 / 50, 0 / 15]
    assert scores.pixel_accuracy == pytest.approx(70 / 100)
    assert scores.mean_accuracy == pytest.approx((50 / 60 + 20 / 40) / 2)
    assert scores.mean_iou == pytest.approx(sum(ious) / 3)
    assert scores.frequency_weighted_iou == pytest.approx((60 * ious[0] + 40 * ious[1]) / 100)


def test_a_class_in_neither_mask_is_left_out_of_the_means():
    n = np.array([[3, 1], [2, 4]])
    assert pixel_scores(np.pad(n, (0, 1))) == pytest.approx(pixel_scores(n))
    with pytest.raises(ValueError, match=r"^pixel_scores: confusion has no counts"):
        pixel_scores(np.zeros((3, 3), int))
