"""A class of thirty is graded in less than fifteen minutes, and every grade is as expected."""

import csv
import json
import sys
import time

import pytest

from minitorch_cnn.course.grading import Limits, grade_class, write_report
from minitorch_cnn.course.grading.assignment import read_assignment
from tests.interpreter import ROOT

pytest.importorskip("nbformat")
pytest.importorskip("matplotlib")

from notebooks import sources

NAME = "02_convolution"
FULL = (  # other systems limit time only: no test fills their memory
    "[bytearray(10**7) for _ in iter(int, 1)]" if sys.platform == "linux" else "1 / 0"
)
MISTAKES = [  # function, a piece of the solution, what a student writes instead
    ("loops", "y[n, o, i, j] +=", "y[n, o, i, j] ="),
    ("loops", "w[o, c, kh, kw]", "w[o, c, -1 - kh, -1 - kw]"),
    ("loops", "i * stride + kh, j * stride", "i + kh, j"),
    ("taps", "w[:, :, kh, kw]", "w[:, :, kw, kh]"),
    ("taps", "y += w", "y[...] = w"),
    ("im2col", "1, 4, 5, 0, 2, 3", "1, 5, 4, 0, 2, 3"),
    ("im2col", "[:, :, ::stride, ::stride]", ""),
    ("winograd", "a.T @ m @ a", "a.T @ m.swapaxes(4, 5) @ a"),
    ("col2im", "target += parts", "target[...] = parts"),
    ("col2im", "gx[:, :, padding : padding + H, padding : padding + W]", "gx"),
]
HOSTILE = [  # a function whose cell is another; all other exercises keep their points
    ("loops", "def loops(*args):\n    while True:\n        pass\n"),
    ("taps", "import os\nos._exit(0)\ndef taps(*args): pass\n"),
    ("im2col", f"def im2col(*args):\n    return {FULL}\n"),
    ("col2im", "import minitorch_cnn.course.convolution as c\nc.adjoint = lambda f: True\n"
               "c.compare = lambda *args, **settings: None\ndef col2im(*args): return args[0]\n"),
    ("winograd", "import ctypes\ndef winograd(*args): return ctypes.string_at(0)\n"),
]  # fmt: skip


def edited(book, name, edit):
    """A notebook with another source in the hole of a function."""
    copy = json.loads(json.dumps(book))
    for cell in copy["cells"]:
        if cell["id"] == name:
            before = "".join(cell["source"])
            cell["source"] = edit(before)
            assert cell["source"] != before
    return copy


@pytest.fixture
def a_class(tmp_path):
    """(folder of thirty submissions, the exercises that each student is to lose)."""
    source = (ROOT / "notebooks" / "source" / f"{NAME}.py").read_text(encoding="utf-8")
    right = json.loads(json.dumps(sources.notebook(source, solved=True)))
    empty = json.loads(json.dumps(sources.notebook(source, solved=False)))
    everything = {cell["id"] for cell in right["cells"] if f"check-{cell['id']}" in {
        other["id"] for other in right["cells"]}}  # fmt: skip
    books = {f"right {i}": (right, set()) for i in range(10)}
    books |= {f"empty {i}": (empty, everything) for i in range(5)}
    for i, (name, old, new) in enumerate(MISTAKES):
        wrong = edited(right, name, lambda text, old=old, new=new: text.replace(old, new))
        books[f"mistake {i}"] = (wrong, {name})
    for i, (name, new) in enumerate(HOSTILE):
        books[f"hostile {i}"] = (edited(right, name, lambda text, new=new: new), {name})
    folder = tmp_path / "submissions"
    for number, (student, (book, _)) in enumerate(books.items()):
        place = folder / student if number % 2 else folder
        place.mkdir(parents=True, exist_ok=True)
        path = place / (f"{NAME}.ipynb" if number % 2 else f"{student}.ipynb")
        path.write_text(json.dumps(book), encoding="utf-8")
    return folder, {student: lost for student, (_, lost) in books.items()}


@pytest.mark.slow
def test_a_class_of_thirty_has_the_expected_grades_in_time(a_class, tmp_path):
    folder, expected = a_class
    assert len(expected) == 30
    start = time.perf_counter()
    limits = Limits(seconds=15, megabytes=1024)
    results = grade_class(folder, tmp_path / "reports", jobs=2, limits=limits)
    seconds = time.perf_counter() - start
    print(f"a class of thirty: {seconds:.0f} s")
    lost = {
        result.student: {mark.name for mark in result.marks if mark.points < mark.possible}
        for result in results
    }
    assert lost == expected
    assert all(mark.points in (0, mark.possible) for r in results for mark in r.marks)
    assert seconds < 15 * 60

    write_report(tmp_path / "reports")
    possible = sum(
        check.points
        for check in read_assignment(ROOT / "notebooks" / f"{NAME}.ipynb").checks
        if not check.optional
    )
    with open(tmp_path / "reports" / "grades.csv", encoding="utf-8", newline="") as file:
        grades = {row["student"]: int(row["points"]) for row in csv.DictReader(file)}
    assert grades["right 3"] == possible and grades["empty 2"] == 0
    assert len(list((tmp_path / "reports" / "students").glob("*.html"))) == 30
