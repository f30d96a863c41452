"""The numbers of an evaluation in words."""

import numpy as np

from minitorch_cnn.cli.report import accuracy, confusions
from minitorch_cnn.training import Evaluation


def test_the_accuracy_is_a_share_and_a_count():
    matrix = np.array([[3, 1], [0, 1000]])
    line = accuracy(Evaluation(0.125, 1003 / 1004, 1.0, matrix))
    assert line == "accuracy 99.90% (1,003 of 1,004 images), loss 0.1250"


def test_top_5_is_shown_where_it_says_something():
    six = Evaluation(0.5, 1.0, 0.995, np.eye(6, dtype=int))
    assert "top-5 99.50%" in accuracy(six)
    assert "top-5" not in accuracy(six._replace(confusion=np.eye(5, dtype=int)))


def test_the_accuracy_of_pixels_comes_with_the_overlaps():
    matrix = np.array([[3, 1], [0, 4]])
    line = accuracy(Evaluation(0.125, 7 / 8, 1.0, matrix, of_pixels=True))
    assert line == (
        "accuracy 87.50% (7 of 8 pixels), mean IoU 0.775, frequency-weighted IoU 0.775, "
        "mean accuracy of the classes 87.50%, loss 0.1250"
    )


def test_confusions_are_the_largest_numbers_beside_the_diagonal():
    matrix = np.array([[90, 0, 2], [7, 80, 0], [0, 2, 99]])
    assert confusions(matrix, ["a", "b", "c"]) == [
        "b taken for a: 7",
        "a taken for c: 2",
        "c taken for b: 2",
    ]
    assert confusions(matrix, ["a", "b", "c"], most=1) == ["b taken for a: 7"]
    assert confusions(np.diag([3, 4]), ["a", "b"]) == []
