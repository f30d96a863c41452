"""A student works through a notebook: nothing written, mistakes, hints, the solutions.

The mistakes are those of test_mistakes. Points are given as nbgrader gives them: a check cell
counts if all its checks say yes, with the numbers of the notebook and with hidden ones.
"""

import ast
import re
import time
from functools import cache

import pytest

from minitorch_cnn.course import cuda, distributed, kernels
from minitorch_cnn.kernels.cuda.array import has_compiler
from tests.course.test_mistakes import MISTAKES
from tests.interpreter import ROOT

pytest.importorskip("nbformat")

from notebooks import make, sources
from notebooks.assignment import HIDDEN_SEED, asserted

PATHS = {path.stem[:2]: path for path in make.sources()}
NUMBERS = list(PATHS)
every_notebook = pytest.mark.parametrize("number", NUMBERS)


@cache
def build(number):
    """The cells before the section "See": what students write, and the checks."""
    found = sources.cells(PATHS[number].read_text(encoding="utf-8"))
    see = next(i for i, cell in enumerate(found) if re.search(r"^## See", cell.text, re.MULTILINE))
    return found[:see]


def holes(number):
    return {cell.name: cell for cell in build(number) if cell.role == "hole"}


def check_of(number, name):
    (found,) = (cell for cell in build(number) if cell.name == f"check-{name}")
    return found


def solution(cell):
    return sources.without_hints(cell.text)


@cache
def solved(number):
    """The names of a notebook with its solutions, run once."""
    names = {"__name__": f"notebook {number}"}
    for cell in build(number):
        if cell.kind == "code" and cell.role != "check":
            text = solution(cell) if cell.role else re.sub("(?m)^check.*", "", cell.text)
            exec(text, names)
    return names


def work(number, **written):
    """The names of a notebook with the solutions, or with what is `written` in some holes."""
    names = dict(solved(number))
    for name, cell in holes(number).items():
        exec(compile(written.get(name, solution(cell)), f"<{name}>", "exec"), names)
    return names


def points(number, names, name, seeds=(None, HIDDEN_SEED)):
    """The points of the check behind a hole."""
    cell = check_of(number, name)
    try:
        for seed in seeds:
            exec(asserted(cell.text, seed), names)
    except AssertionError:
        return 0
    return cell.points


def mistaken(number, row):
    """The hole of a row of MISTAKES, and its text with the mistake."""
    check, old, new, _ = row
    name = re.search(r"\((\w+)", check).group(1)
    text = solution(holes(number)[name])
    begin = text.index("\n", text.index("# begin"))
    return name, text[:begin] + text[begin:].replace(old, new, 1)


def users(number, name):
    """The holes whose solutions call the function of another."""
    return [
        other
        for other, cell in holes(number).items()
        if other != name and re.search(rf"\b{name}\(", cell.text)
    ]


@pytest.fixture(autouse=True)
def machine(request, monkeypatch):
    """No test waits long for a message that is never sent, or needs a compiler that is missing."""
    monkeypatch.setattr(distributed, "PATIENCE", 0.2)
    number = request.node.callspec.params.get("number") if hasattr(request.node, "callspec") else ""
    if number == "12" and not has_compiler():
        pytest.skip("the emulator needs g++ on Linux")


@every_notebook
def test_nothing_written_has_no_points_and_the_solutions_have_all_within_30_seconds(number):
    empty = {name: sources.without_solutions(cell.text) for name, cell in holes(number).items()}
    names = work(number, **empty)
    assert [points(number, names, name) for name in empty] == [0] * len(empty)
    names = work(number)
    for name in empty:
        start = time.perf_counter()
        assert points(number, names, name) == check_of(number, name).points > 0
        assert time.perf_counter() - start < 30


def three_of_each(number):
    """Three mistakes of each function, as MISTAKES has them."""
    rows = MISTAKES[number]
    tried = [re.search(r"\((\w+)", row[0]).group(1) for row in rows]
    return [row for i, row in enumerate(rows) if tried[:i].count(tried[i]) < 3]


@pytest.mark.parametrize(
    "number, row",
    [(number, row) for number in NUMBERS for row in three_of_each(number)],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_a_mistake_loses_the_points_of_its_function_and_no_others(number, row):
    name, text = mistaken(number, row)
    names = work(number, **{name: text})
    assert points(number, names, name, seeds=[None]) == 0
    for other in users(number, name):
        assert points(number, names, other, seeds=[None]) == check_of(number, other).points
    if not users(number, name):  # the hidden test sees it, too
        assert points(number, names, name, seeds=[HIDDEN_SEED]) == 0


@every_notebook
def test_three_mistakes_of_every_function_are_tried(number):
    for name in holes(number):
        tried = [row for row in MISTAKES[number] if f"({name}" in row[0]]
        assert len(tried) >= 3, name


@every_notebook
def test_a_student_goes_from_hole_to_hole_by_hints_and_mistakes(number, capsys):
    names = dict(solved(number))
    for name, cell in holes(number).items():
        exec(sources.without_solutions(cell.text), names)
        kind, hint = re.search("# begin (solution|optional): (.*)", cell.text).groups()
        assert said(number, name, names, capsys) == [
            f"not written, and optional: {hint}" if kind == "optional" else
            f"no: it raised NotImplementedError: your turn: {hint}"
        ]  # fmt: skip
        two, three = sources.steps(cell.text)
        assert len(hint) > 15 and min(len(two), len(three)) > 40
        row = next(row for row in MISTAKES[number] if f"({name}" in row[0])
        exec(mistaken(number, row)[1], names)
        assert said(number, name, names, capsys)[0].startswith("no: ")
        exec(solution(cell), names)
        assert all(line.startswith("yes: ") for line in said(number, name, names, capsys))


def said(number, name, names, capsys):
    """The lines that begin an answer of the check behind a hole."""
    capsys.readouterr()
    exec(check_of(number, name).text, names)
    return [line for line in capsys.readouterr().out.splitlines() if not line.startswith("    ")]


@every_notebook
def test_questions_have_points_and_rubrics_that_no_notebook_shows(number):
    found = sources.cells(PATHS[number].read_text(encoding="utf-8"))
    questions = [cell for cell in found if cell.role == "manual"]
    assert [cell.name for cell in questions] == [f"answer-{n}" for n in range(1, 9)]
    assert all(cell.points == 2 and cell.rubric.startswith("2 for") for cell in questions)
    for solved in (False, True):
        shown = str(sources.notebook(PATHS[number].read_text(encoding="utf-8"), solved))
        assert not [cell.name for cell in questions if cell.rubric[:40] in shown]


@every_notebook
def test_every_check_has_a_seed_with_a_visible_default(number):
    module = solved(number)["check"]
    for name in holes(number):
        (line,) = ast.parse(check_of(number, name).text).body
        function = getattr(module, line.value.func.attr)
        assert function.__kwdefaults__ is None  # the answer's
        assert function.__wrapped__.__kwdefaults__ == {"seed": module.SEED}


def test_without_a_compiler_kernels_are_skipped_with_a_sentence(monkeypatch, capsys):
    monkeypatch.setattr(cuda, "has_compiler", lambda: False)
    for check in (cuda.convolution, cuda.tiled, cuda.transpose, cuda.reduction):
        answer = check(lambda: "y[0] = 0;")
        assert not answer and answer.text == f"skipped: {kernels.NEEDS}, so the kernel is not run"
        assert check(lambda: None).text == "no: it returns None: is there no return?"


@pytest.mark.slow
def test_without_a_compiler_notebook_12_runs_to_its_end(monkeypatch, capsys):
    matplotlib = pytest.importorskip("matplotlib")
    monkeypatch.setitem(matplotlib.rcParams, "backend", "agg")
    for module in (cuda, kernels):
        monkeypatch.setattr(module, "has_compiler", lambda: False)
    names = {"__name__": "notebook 12"}
    for cell in sources.cells(PATHS["12"].read_text(encoding="utf-8")):
        if cell.kind == "code":
            exec(cell.text, names)
    said = capsys.readouterr().out
    assert said.count("skipped: the emulator needs Linux and g++") == 11 and "no: " not in said


def test_the_index_says_the_points_of_every_notebook():
    index = (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8")
    for path in PATHS.values():
        found = sources.cells(path.read_text(encoding="utf-8"))
        counted = [cell for cell in found if cell.role == "check"]
        points = [sum(cell.points for cell in counted if cell.optional is x) for x in (False, True)]
        shown = " + ".join(str(n) for n in points if n)
        assert re.search(
            rf"\({path.stem}\.ipynb\).* \| {re.escape(shown)} \|$", index, re.MULTILINE
        )
        assert sum(cell.points for cell in found if cell.role == "manual") == 16
