"""The notebooks are consistent: both forms match the source, the solved ones run completely.

The figures and numbers of the solved form are those of the machine it was last made on; what is
tested is that it runs, that its asserts hold and that its checks say yes, except to planted bugs.
"""

import ast
import contextlib
import io
import re

import pytest

from tests.interpreter import ROOT

pytest.importorskip("nbformat")
pytest.importorskip("matplotlib")

import nbformat

from minitorch_cnn.kernels.cuda.array import has_compiler
from notebooks import make, sources

NOTEBOOKS = ROOT / "notebooks"
SOURCES = {path.stem: path.read_text(encoding="utf-8") for path in make.sources()}
SECTIONS = [
    "Predict",
    "Build",
    "See",
    "Break it",
    "Measure",
    "From the notebook to the library",
    "Eight questions",
    "Further reading",
]
every_notebook = pytest.mark.parametrize("name", SOURCES)


def bare(book):
    """The cells of a notebook without what running leaves in it."""
    return [(cell.cell_type, cell.id, cell.source, cell.metadata) for cell in book.cells]


def answers(book):
    """(section, answer) for every line that a check printed."""
    section = ""
    for cell in book.cells:
        if cell.cell_type == "markdown":
            section = [section, *re.findall(r"^## (.*)$", cell.source, re.MULTILINE)][-1]
            continue
        for output in cell.outputs:
            assert output.get("name") != "stderr", output.text
            for line in output.get("text", "").splitlines():
                if line.startswith(("yes: ", "no: ", "not written")):
                    yield section, line


@every_notebook
def test_both_forms_are_in_step_with_the_source(name):
    for folder, solved in ((NOTEBOOKS, False), (NOTEBOOKS / "solutions", True)):
        book = nbformat.read(folder / f"{name}.ipynb", as_version=4)
        assert bare(book) == bare(sources.notebook(SOURCES[name], solved)), "run notebooks/make.py"


@every_notebook
def test_it_has_the_house_form(name):
    texts = [cell.text for cell in sources.cells(SOURCES[name]) if cell.kind == "markdown"]
    assert re.match(r"# \d+\. .*\n\n\*\*Question\.\*\* ", texts[0])
    assert re.findall(r"^## (.*)$", "\n".join(texts), re.MULTILINE) == SECTIONS
    questions = "\n".join(texts).split("## Eight questions")[1].split("## ")[0]
    assert re.findall(r"^(\d)\. ", questions, re.MULTILINE) == list("12345678")
    assert 3 <= SOURCES[name].count(sources.BEGIN) <= 6
    assert "  # guess: " in SOURCES[name]


@every_notebook
def test_the_solved_form_holds_its_outputs_and_is_small(name):
    path = NOTEBOOKS / "solutions" / f"{name}.ipynb"
    book = nbformat.read(path, as_version=4)
    figures = [
        output
        for cell in book.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    assert figures
    assert path.stat().st_size < 400_000
    assert all(cell.get("execution_count") is None for cell in book.cells)
    said = list(answers(book))
    assert [line for section, line in said if section != "Break it" and line[0] == "n"] == []
    planted = SOURCES[name].count("(broken.")
    assert len([line for section, line in said if section == "Break it"]) >= planted > 1
    assert "Error" not in "".join(line for _, line in said)  # a bug is told, and does not raise


@every_notebook
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the tools that run notebooks
def test_the_solved_form_runs_and_its_checks_catch_the_planted_bugs(name, tmp_path):
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    if "cuda" in name and not has_compiler():
        pytest.skip("the emulator needs g++ on Linux")
    book = sources.notebook(SOURCES[name], solved=True)
    make.execute(book, str(tmp_path))
    said = list(answers(book))
    assert [line for section, line in said if section != "Break it" and line[0] == "n"] == []
    assert [line for section, line in said if section == "Break it" and line[0] == "n"]
    holes = SOURCES[name].count(sources.BEGIN)
    assert len([line for section, line in said if section != "Break it"]) >= min(holes, 3)


@every_notebook
def test_the_exercise_runs_up_to_its_first_hole(name, monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    monkeypatch.setitem(matplotlib.rcParams, "backend", "agg")
    names, printed = {}, io.StringIO()
    for cell in sources.notebook(SOURCES[name], solved=False).cells:
        if cell.cell_type == "code":
            with contextlib.redirect_stdout(printed):
                exec(cell.source, names)
            if "your turn" in printed.getvalue():
                break
    last = printed.getvalue().splitlines()[-1]
    assert re.match(r"no: it raised NotImplementedError: your turn: \w", last), last


@every_notebook
def test_nothing_stops_it_by_an_assertion_and_no_bug_is_planted_in_what_students_write(name):
    code = [cell.text for cell in sources.cells(SOURCES[name]) if cell.kind == "code"]
    tree = ast.parse("\n".join(code))
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    broken = SOURCES[name].split("## Break it")[1].split("## Measure")[0]
    calls = re.findall(r"^check\.\w+\((.*?)[,)]", broken, re.MULTILINE)
    ours = [call for call in calls if call.startswith("broken.")]
    assert len(ours) >= 2
    assert set(calls) - set(ours) <= {"normalise", "[]"}  # a check that sees nothing; no claims


@every_notebook
def test_what_it_shows_gives_no_solution_away(name):
    """No piece of a solution, of some length, stands in the exercise."""
    exercise = sources.notebook(SOURCES[name], solved=False)
    shown = "\n".join(cell.source for cell in exercise.cells if cell.cell_type == "code")
    pieces = re.findall(r"# begin \w+: .*\n((?:.*\n)+?) +# end solution", SOURCES[name])
    assert len(pieces) >= 3
    lines = {line.strip() for piece in pieces for line in piece.splitlines()}
    shown = {line.strip() for line in shown.splitlines()}
    assert {line for line in lines & shown if len(line) > 30} == set()


def test_holes_and_guesses_are_what_the_exercise_lacks():
    code = "n = 3  # guess: how many\ndef f():\n    # begin solution: count\n    return 3\n"
    assert sources.without_solutions(code + "    # end solution\nf()") == (
        "n = None  # guess: how many\n"
        "def f():\n"
        '    raise NotImplementedError("your turn: count")\n'
        "f()"
    )
    with pytest.raises(ValueError, match="does not end"):
        sources.without_solutions(code)
    optional = "# begin optional: count\nreturn 3\n# end solution"
    raised = 'raise NotImplementedError("optional: count")'
    assert sources.without_solutions(optional) == raised


def test_every_notebook_is_in_the_index():
    index = (NOTEBOOKS / "README.md").read_text(encoding="utf-8")
    assert [name for name in SOURCES if f"{name}.ipynb" not in index] == []
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == set(SOURCES)


def run_with(number, old, new, monkeypatch):
    """What a solved notebook prints with a piece of its text written otherwise, run to its end."""
    monkeypatch.setitem(pytest.importorskip("matplotlib").rcParams, "backend", "agg")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    (name,) = (name for name in SOURCES if name.startswith(number))
    assert old in SOURCES[name]
    names, printed = {"__name__": "__main__"}, io.StringIO()
    with contextlib.redirect_stdout(printed):
        for cell in sources.cells(SOURCES[name]):
            if cell.kind == "code":
                exec(compile(cell.text.replace(old, new), f"cell of {name}", "exec"), names)
                pyplot.close("all")
    return printed.getvalue()


@pytest.mark.slow
def test_what_is_optional_may_be_left_out(monkeypatch):
    """Every section after it runs, and the measurement has one rung less."""
    (name,) = (name for name in SOURCES if name.startswith("02"))
    begin = SOURCES[name].index(sources.OPTIONAL)
    piece = SOURCES[name][begin : SOURCES[name].index(sources.END, begin) + len(sources.END)]
    said = run_with("02", piece, 'raise NotImplementedError("optional: transform")', monkeypatch)
    assert "not written, and optional: transform\n" in said
    assert "im2col in bands" in said and "Winograd" not in said
    assert "the lecture's example begins with [-5. -4.]" in said
    assert said.count("no: ") == 3  # the planted bugs


@pytest.mark.slow
def test_a_kernel_that_reads_its_weights_by_an_index_goes_on_to_the_end(monkeypatch):
    if not has_compiler():
        pytest.skip("the emulator needs g++ on Linux")
    said = run_with("12", "LOAD(w, a * 3 + b)", "w[a * 3 + b]", monkeypatch)
    assert "counted 1.266" in said and said.count("no: ") == 4


@pytest.mark.slow
def test_a_recursive_walk_ends_in_one_sentence(monkeypatch):
    begin = "    done, seen, stack = [], set(), [(root, False)]"
    recursive = """
    done, seen = [], set()
    def visit(node):
        if id(node) not in seen:
            seen.add(id(node))
            for parent, _ in node.edges:
                visit(parent)
            done.append(node)
    visit(root)
    return done[::-1]
"""
    with pytest.raises(RecursionError) as raised:
        run_with("01", begin, recursive + begin, monkeypatch)
    assert str(raised.value) == (
        "seconds: the call recurses deeper than Python's stack of about 1,000 calls"
    )
    assert raised.value.__suppress_context__ and len(raised.traceback) < 9
