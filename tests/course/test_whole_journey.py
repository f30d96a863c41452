"""A student opens an exercise, reads it from top to bottom, makes a mistake in every function,
reads the hints, puts it right, looks at the figures, answers a question and hands the file in.

What comes after the exercises, from "Measure" on, is run by test_notebooks.py.
"""

import json
import re

import pytest

from minitorch_cnn.course.grading import Grader, grade_file
from minitorch_cnn.kernels.cuda.array import has_compiler
from tests.course.test_mistakes import MISTAKES
from tests.interpreter import ROOT

pytest.importorskip("nbformat")

from notebooks import make, sources

FIRST = "", "Predict", "Build", "See", "Break it"  # sections
PATHS = {path.stem[:2]: path for path in make.sources()}


def ways(number, hole):
    """(text with a mistake, right text) of a hole."""
    right = sources.without_hints(hole.text)
    begin = right.index("\n", right.index("# begin"))
    old, new = next(row[1:3] for row in MISTAKES[number] if f"({hole.name}" in row[0])
    return right[:begin] + right[begin:].replace(old, new, 1), right


@pytest.mark.slow
@pytest.mark.parametrize("number", PATHS)
def test_a_student_goes_through_an_exercise_and_hands_it_in(number, tmp_path, monkeypatch, capsys):
    if number == "12" and not has_compiler():
        pytest.skip("the emulator needs g++ on Linux")
    monkeypatch.setitem(pytest.importorskip("matplotlib").rcParams, "backend", "agg")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    name = PATHS[number].stem
    found = sources.cells(PATHS[number].read_text(encoding="utf-8"))
    holes = {cell.name: cell for cell in found if cell.role == "hole"}
    book = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
    names, hole, section = {"__name__": "__main__"}, None, ""
    for cell in book["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            section = [section, *re.findall(r"^## (.*)$", text, re.MULTILINE)][-1]
            if cell["id"].startswith("hints-"):
                assert text.count("<details>") == 2 and cell["id"] == f"hints-{hole.name}"
            if cell["id"] == "answer-1":
                cell["source"] = f"{text}\n\nBecause the gradient has to be complete."
            continue
        capsys.readouterr()
        if cell["id"] in holes:
            hole = holes[cell["id"]]
            exec(text, names)
        elif cell["id"].startswith("check-"):
            exec(text, names)
            said = capsys.readouterr().out
            assert said.startswith(("no: it raised NotImplementedError: your turn", "not written"))
            wrong, right = ways(number, hole)
            for written, answer in ((wrong, "no: "), (right, "yes: ")):
                exec(compile(written, f"cell of {hole.name}", "exec"), names)
                exec(text, names)
                assert capsys.readouterr().out.startswith(answer)
            next(c for c in book["cells"] if c["id"] == hole.name)["source"] = right
        elif section in FIRST:
            exec(text.replace("= None  # guess", "= 1  # guess"), names)
            pyplot.close("all")
            assert section == "Break it" or "no: " not in capsys.readouterr().out, text

    handed_in = tmp_path / f"{name}.ipynb"
    handed_in.write_text(json.dumps(book), encoding="utf-8")
    with Grader() as grader:
        result = grade_file(handed_in, grader)
    assert [(mark.name, mark.points) for mark in result.marks] == [
        (cell.name.removeprefix("check-"), cell.points) for cell in found if cell.role == "check"
    ]
    assert max(mark.seconds for mark in result.marks) < 30
    written = [answer for answer in result.manual if "complete" in answer.text]
    assert len(written) == 1
