"""A history is rows, a best row and a file."""

import csv

import pytest

from minitorch_cnn.training import History

ROWS = [
    {"epoch": 1, "train_loss": 2.5, "test_top1": 0.5},
    {"epoch": 2, "train_loss": 1.25, "test_top1": 0.875},
    {"epoch": 3, "train_loss": 0.1, "test_top1": 0.875},
]


def test_the_best_row_is_the_first_of_the_most_accurate():
    assert History(ROWS).best()["epoch"] == 2


def test_without_test_data_there_is_no_best():
    with pytest.raises(ValueError, match=r"^best: no epoch was measured on test data"):
        History([{"epoch": 1, "train_loss": 1.0}]).best()


def test_the_file_has_a_line_of_names_and_one_for_each_row(tmp_path):
    History(ROWS).save_csv(tmp_path / "metrics.csv")
    with open(tmp_path / "metrics.csv", newline="") as file:
        rows = [{name: float(text) for name, text in row.items()} for row in csv.DictReader(file)]
    assert rows == ROWS


def test_an_empty_history_is_an_empty_file(tmp_path):
    History().save_csv(tmp_path / "metrics.csv")
    assert (tmp_path / "metrics.csv").read_text().strip() == ""


def test_a_notebook_shows_a_table_whose_names_are_escaped():
    shown = History([*ROWS, {"epoch": 4, "test_a<b": 0.123456}])._repr_html_()
    assert shown.count("<tr>") == 5 and "<th>test_a&lt;b</th>" in shown
    assert "<td>4</td><td></td><td></td><td>0.1235</td>" in shown
