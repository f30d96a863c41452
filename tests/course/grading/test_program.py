"""The cells that a check needs are found by the names that they bind and use."""

import pytest

from minitorch_cnn.course.grading.program import (
    Step,
    bound_names,
    needed,
    runnable,
    steps,
    used_names,
)
from minitorch_cnn.course.grading.submission import read_submission
from tests.course.grading.conftest import COLUMNS, SLIDING, cell, exercise_cells


@pytest.mark.parametrize(
    "source, names",
    [
        ("a = b = 1\nfor i in []: pass", {"a", "b", "i"}),
        ("def f():\n    inner = 1", {"f"}),
        ("class A: x = 1", {"A"}),
        ("import numpy as np, os.path\nfrom re import match as m", {"np", "os", "m"}),
        ("A.walk = g\ntable[0][1] = 2\nlist_.x += 1", {"A", "table", "list_"}),
        ("while True: pass\ndef late(): pass", {"late"}),
        ("def broken(:\n  pass\nx = 2", {"broken", "x"}),
        ("%time y = 1\nz = 2", {"z"}),
    ],
)
def test_the_names_that_a_cell_binds(source, names):
    assert names <= bound_names(source)
    assert "inner" not in bound_names(source)


def test_a_star_import_may_bind_any_name():
    assert {"im2col"} & bound_names("from helpers import *")


def test_the_names_that_a_cell_uses_are_not_those_of_its_own_variables():
    assert used_names("def f(x):\n    y = x\n    return g(y)") == {"f", "g"}
    assert "helper" in used_names("def broken(:\n    helper()")


def test_only_what_a_check_needs_is_run():
    found = [
        Step("given", "top-1", "import numpy as np\nimport check"),
        Step("student", "before f", "helper = np.abs"),
        Step("student", "f", "def f(x): return helper(x)"),
        Step("student", "g", "while True: pass\ndef g(x): return x"),
        Step("given", "see-1", "figure = plot(f)"),
    ]
    assert [step.name for step in needed(found, "check.one(f)")] == ["top-1", "before f", "f"]


def test_lines_for_ipython_are_left_out_and_the_others_keep_their_numbers():
    assert runnable("%%time\nx = 1").splitlines() == ["#", "x = 1"]
    assert runnable("%%bash\nls") == ""
    assert runnable("if x:\n    !ls\ny = 5 % 3").splitlines()[1:] == [
        "    pass  # !ls",
        "y = 5 % 3",
    ]


def test_the_students_cells_are_put_into_the_exercise(exercise, handed_in):
    cells = exercise_cells(COLUMNS, SLIDING)
    cells.insert(1, cell("", "helper = 1"))
    cells[0]["source"] = ["import os"]
    submission = read_submission(handed_in(cells=cells))
    found = steps(exercise, submission, exercise.checks[1])
    assert [(step.role, step.name) for step in found] == [
        ("student", "before top-1"),
        ("given", "top-1"),
        ("student", "before im2col"),
        ("student", "im2col"),
        ("student", "sliding"),
    ]
