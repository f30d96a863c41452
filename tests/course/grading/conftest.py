"""A small exercise with two functions, and submissions of it."""

import json

import pytest

from minitorch_cnn.course.grading.assignment import read_assignment
from minitorch_cnn.course.grading.grader import Grader
from minitorch_cnn.course.grading.limits import Limits
from minitorch_cnn.course.grading.submission import read_submission

IMPORTS = "from minitorch_cnn.course import convolution as check, np"
HOLES = {
    name: f'def {name}(x, {rest}, stride=1, padding=0):\n    raise NotImplementedError("your turn")'
    for name, rest in (("im2col", "K"), ("sliding", "w"))
}
COLUMNS = """
def im2col(x, K, stride=1, padding=0):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (K, K), axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]
    return windows.transpose(1, 4, 5, 0, 2, 3).reshape(x.shape[1] * K * K, -1)
"""
SLIDING = """
def sliding(x, w, stride=1, padding=0):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))
    return np.einsum("ncijhw,ochw->noij", windows[:, :, ::stride, ::stride], w)
"""


def cell(name, source, **marks):
    """A cell of a notebook; marks: of nbgrader."""
    metadata = {}
    if marks:
        nbgrader = {"schema_version": 3, "grade_id": name, "task": False, **marks}
        metadata = {"nbgrader": {"grade": False, "solution": False, "locked": False, **nbgrader}}
    kind = {"cell_type": "code", "execution_count": None, "outputs": []}
    return {**kind, "id": name, "metadata": metadata, "source": source.splitlines(keepends=True)}


def hole(name, source):
    return cell(name, source, solution=True)


def notebook(*cells):
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells)}


def exercise_cells(columns=HOLES["im2col"], sliding=HOLES["sliding"]):
    question = cell("answer-1", "Why?\n\n*Your answer:*", grade=True, solution=True, points=2)
    question["cell_type"] = "markdown"
    del question["outputs"], question["execution_count"]
    return [
        cell("top-1", IMPORTS),
        hole("im2col", columns),
        cell("check-im2col", "check.columns(im2col)", grade=True, locked=True, points=3),
        hole("sliding", sliding),
        cell("check-sliding", "check.convolution(sliding)", grade=True, locked=True, points=2),
        question,
    ]


@pytest.fixture(scope="session")
def exercise(tmp_path_factory):
    """An exercise of two functions, with 3 and 2 points, and a question."""
    path = tmp_path_factory.mktemp("exercise") / "02_small.ipynb"
    path.write_text(json.dumps(notebook(*exercise_cells())), encoding="utf-8")
    return read_assignment(path)


@pytest.fixture(scope="session")
def grader(exercise):
    """A Grader whose checks may take 2 seconds and 400 MB."""
    with Grader(Limits(seconds=2, total=60, megabytes=400), exercises=[exercise]) as made:
        yield made


@pytest.fixture
def handed_in(tmp_path):
    """Write a submission: handed_in(columns=..., sliding=...) or handed_in(cells=...) -> path."""

    def write(columns=COLUMNS, sliding=SLIDING, cells=None, name="ada.ipynb"):
        path = tmp_path / name
        book = notebook(*(exercise_cells(columns, sliding) if cells is None else cells))
        path.write_text(json.dumps(book), encoding="utf-8")
        return path

    return write


@pytest.fixture
def graded(exercise, grader, handed_in):
    """Grade a submission and return the Result: graded(columns=..., sliding=...)."""

    def grade(**written):
        submission = read_submission(handed_in(**written))
        return grader.grade(submission, exercise, "ada", told=lambda mark: None)

    return grade
