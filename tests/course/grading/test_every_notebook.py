"""In each notebook the plain form counts the same; what agrees with everything has no points."""

import itertools
import json

import pytest

from minitorch_cnn.course.grading import Grader, Limits, assignments, grade_file
from minitorch_cnn.kernels.cuda.array import has_compiler
from tests.interpreter import ROOT

pytest.importorskip("nbformat")
pytest.importorskip("matplotlib")

from notebooks import sources

NAMES = [exercise.name for exercise in assignments()]
every_notebook = pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                "cuda" in name and not has_compiler(), reason="the emulator needs g++ on Linux"
            ),
        )
        for name in NAMES
    ],
)

AGREEING = '''
import numpy as np

class Array(np.ndarray):
    """Equal to all, and no different from anything."""
    def __array_ufunc__(self, ufunc, method, *args, **settings):
        kind = bool if "equal" in ufunc.__name__ or "is" in ufunc.__name__ else float
        return np.full(self.shape, kind is bool, kind).view(Array)
    def __array_function__(self, function, types, args, settings):
        return True

class Agreeing:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __contains__ = __lt__
    def __bool__(self): return True
    def __len__(self): return 1
    def __iter__(self): return iter([self])
    def __getitem__(self, i): return self
    def __call__(self, *args, **settings): return self
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self
    def __float__(self): return 0.0
    def __int__(self): return 0
    __index__ = __hash__ = __int__
    def __sub__(self, other): return 0
    __rsub__ = __add__ = __radd__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __sub__
    def __abs__(self): return 0
    def __array__(self, *args, **settings): return np.zeros(()).view(Array)

def NAME(*args, **settings):
    return WHAT
'''


def source_of(name):
    return (ROOT / "notebooks" / "source" / f"{name}.py").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def grader():
    with Grader(Limits(seconds=60)) as made:
        yield made


def lost(result):
    return {mark.name: mark.line for mark in result.marks if mark.points < mark.possible}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name[:2] in ("02", "11")])
def test_the_plain_form_has_the_same_points(name, grader, tmp_path):
    holes = [cell for cell in sources.cells(source_of(name)) if cell.role == "hole"]
    text = sources.plain(source_of(name))
    for cell in holes:
        empty = sources.shown(cell, solved=False)
        assert empty in text
        text = text.replace(empty, sources.shown(cell, solved=True))
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    result = grade_file(path, grader)
    assert lost(result) == {} and len(result.marks) == len(holes)


@every_notebook
def test_an_exercise_as_it_is_handed_out_has_no_points(name, grader):
    result = grade_file(ROOT / "notebooks" / f"{name}.ipynb", grader)
    assert result.points == result.bonus == 0
    assert all(answer.text == "" for answer in result.manual) and len(result.manual) == 8


@pytest.mark.slow
@every_notebook
def test_what_agrees_with_everything_has_no_points(name, grader, tmp_path):
    kinds = itertools.cycle(
        ["Agreeing()", "np.zeros(3).view(Array)", "[Agreeing()] * 3", "np.nan", "True", "None"]
    )
    kinds = itertools.islice(kinds, NAMES.index(name), None)  # another for each notebook's first
    book = json.loads(json.dumps(sources.notebook(source_of(name), solved=False)))
    for cell in book["cells"]:
        marks = cell["metadata"].get("nbgrader", {})
        if marks.get("solution") and not marks.get("grade"):
            code = AGREEING.replace("NAME", marks["grade_id"])
            cell["source"] = code.replace("WHAT", next(kinds))
    path = tmp_path / "mine.ipynb"
    path.write_text(json.dumps(book), encoding="utf-8")
    result = grade_file(path, grader)
    assert {mark.name: mark.line for mark in result.marks if mark.points} == {}
