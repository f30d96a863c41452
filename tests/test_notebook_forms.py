"""What make.py writes of a source: cells with names, nbgrader's assignment, and a Python file."""

import contextlib
import io
import re
from types import SimpleNamespace

import pytest

from minitorch_cnn.course.grading.submission import read_submission

pytest.importorskip("nbformat")

import nbformat

from notebooks import make, sources
from notebooks.assignment import HIDDEN_SEED, asserted, assignment

SOURCES = {path.stem: path.read_text(encoding="utf-8") for path in make.sources()}
every_notebook = pytest.mark.parametrize("name", SOURCES)
SMALL = '''\
# %% [markdown]
# # 1. Twice

# %%
import math
guess = 3  # guess: a number

# %%
def twice(n):
    """2 n."""
    # begin solution: what is n + n?
    # hint: add it to itself, which is
    #     the same as a product
    # hint: the product of n and 2
    return 2 * n
    # end solution


# %% check 3
check.twice(twice)

# %% [markdown]
# ## See

# %%
print(twice(3))

# %% [manual 2]
# 1. Why?
#
# Rubric: 2 for a reason.

# %%
def more(n):
    # begin optional: three times
    # hint: add n once more
    # hint: the product of n and 3
    return 3 * n
    # end solution

# %% check 1 optional
check.more(more)
'''


def by_name(book):
    return {cell.id: cell for cell in book.cells}


def test_a_source_becomes_cells_with_names_that_say_what_they_are():
    found = sources.cells(SMALL)
    assert [cell.name for cell in found] == [
        "top-1", "top-2", "twice", "hints-twice", "check-twice", "see-1", "see-2", "answer-1",
        "more", "hints-more", "check-more",
    ]  # fmt: skip
    assert [cell.points for cell in found if cell.points] == [3, 2, 1]
    assert [cell.name for cell in found if cell.optional] == ["check-more"]
    assert found[7].rubric == "2 for a reason."
    longer = sources.cells(
        SMALL.replace("# ## See", "# More.\n\n# %%\npass\n\n# %% [markdown]\n# ## See")
    )
    assert {cell.name for cell in found} < {cell.name for cell in longer}


def test_hints_stand_behind_the_hole_and_not_in_its_code():
    exercise, solved = (by_name(sources.notebook(SMALL, way)) for way in (False, True))
    assert (
        exercise["hints-twice"].source
        == solved["hints-twice"].source
        == (
            "<details><summary>Hint 2 for <code>twice</code></summary>\n\n"
            "add it to itself, which is the same as a product\n\n</details>\n\n"
            "<details><summary>Hint 3 for <code>twice</code></summary>\n\n"
            "the product of n and 2\n\n</details>"
        )
    )
    assert "hint" not in exercise["twice"].source + solved["twice"].source
    assert exercise["top-2"].source == "import math\nguess = None  # guess: a number"
    assert exercise["answer-1"].source == "1. Why?\n\n*Your answer:*"


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("# %% check 3", "# %% chekc 3", "'chekc 3' is no kind of cell"),
        ("# %% check 3", "# %% check", "'check' is no kind of cell"),
        ("# %% [manual 2]", "# %% check 2", "no hole before the check"),
        ("# end solution\n\n\n", "\n\n\n", "does not end with '# end solution'"),
    ],
)
def test_a_wrong_source_is_refused(old, new, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        sources.notebook(SMALL.replace(old, new), solved=False)


def test_a_hint_with_quotes_stays_a_text():
    code = '# begin solution: what is "n"?\nreturn 1\n# end solution'
    assert sources.without_solutions(code) == (
        r'raise NotImplementedError("your turn: what is \"n\"?")'
    )


def released(book):
    """What nbgrader makes of an assignment for students: stubs for what is in its regions."""
    stubs = settings().ClearSolutions
    for cell in book.cells:
        stub = stubs.code_stub["python"] if cell.cell_type == "code" else stubs.text_stub
        text = re.sub(
            r"( *)### BEGIN SOLUTION\n(?:.*\n)*? *### END SOLUTION",
            lambda found, stub=stub: found[1] + stub,
            cell.source,
        )
        hidden = r"\n### BEGIN HIDDEN TESTS\n(?:.*\n)*?### END HIDDEN TESTS"
        cell.source = re.sub(hidden, "", text)
    return book


def settings():
    """nbgrader's settings, as it reads them."""
    kinds = ("CourseDirectory", "ClearSolutions", "ExecutePreprocessor")
    found = SimpleNamespace(**{kind: SimpleNamespace() for kind in kinds})
    exec(make.CONFIG, {"get_config": lambda: found})
    return found


@every_notebook
def test_an_assignment_has_metadata_of_nbgraders_third_schema(name):
    """Its published schema and rules, v3.json and v3.py of nbgrader."""
    book, ids = assignment(SOURCES[name]), []
    nbformat.validate(book)
    keys = {"schema_version", "grade", "locked", "solution", "task", "grade_id", "points"}
    for cell in book.cells:
        marks = cell.metadata.get("nbgrader")
        assert ("BEGIN" in cell.source) == bool(marks)
        if not marks:
            continue
        assert set(marks) <= keys and marks["schema_version"] == 3
        assert all(type(marks[key]) is bool for key in ("grade", "locked", "solution", "task"))
        assert re.fullmatch(r"[a-zA-Z0-9_\-]+", marks["grade_id"]) and not marks["task"]
        assert ("points" in marks) == marks["grade"]
        if cell.cell_type == "markdown":
            assert marks["grade"] and marks["solution"]
        else:
            assert marks["grade"] != marks["solution"]
        ids.append(marks["grade_id"])
    assert len(set(ids)) == len(ids) > 10
    exercise = by_name(sources.notebook(SOURCES[name], solved=False))
    for cell in book.cells:
        assert exercise[cell.id].metadata == cell.metadata


@every_notebook
def test_what_nbgrader_releases_has_no_solution_hidden_test_or_rubric(name):
    book, exercise = released(assignment(SOURCES[name])), sources.notebook(SOURCES[name], False)
    for cell, mine in zip(book.cells, exercise.cells, strict=True):
        assert "BEGIN" not in cell.source and str(HIDDEN_SEED) not in cell.source
        if mine.cell_type == "markdown":
            assert cell.source == mine.source
        elif mine.id.startswith("check-"):
            assert cell.source.startswith("assert check.")
        elif not mine.metadata:
            assert cell.source == mine.source
        else:
            kept = re.sub(r"# your turn: .*\n( *)", r"", cell.source)
            mine = re.sub(r"(your turn|optional): .*\"\)", 'your turn")', mine.source)
            assert kept == mine


def test_nbgrader_agrees():
    form = pytest.importorskip("nbgrader.nbgraderformat")
    for source in SOURCES.values():
        form.MetadataValidator().validate_nb(assignment(source))


@pytest.mark.parametrize("number", ["01", "02", "05"])
def test_the_assignments_checks_pass_solved_and_fail_released(number):
    (name,) = (name for name in SOURCES if name.startswith(number))
    for release in (False, True):
        book, names, raised = assignment(SOURCES[name]), {}, []
        for cell in (released(book) if release else book).cells:
            if cell.id == "see-1":
                break
            if cell.cell_type == "code":
                try:
                    with contextlib.redirect_stdout(io.StringIO()):
                        exec(cell.source, names)
                except AssertionError:
                    raised.append(cell.id)
                except (NameError, NotImplementedError):
                    assert release and cell.id.startswith("build-")  # given code that calls a hole
        checks = [cell.id for cell in book.cells if cell.id.startswith("check-")]
        assert raised == (checks if release else [])


def test_asserted_checks_take_another_seed():
    assert asserted("check.f(g)\nx = 3") == "assert check.f(g)\nx = 3"
    assert asserted("check.f(g, h)", 7) == "assert check.f(g, h, seed=7)"


@every_notebook
def test_the_python_file_is_the_exercise_with_the_names_of_its_cells(name, tmp_path):
    make.write_plain(next(path for path in make.sources() if path.stem == name), tmp_path)
    file = tmp_path / f"{name}.py"
    text = file.read_text(encoding="utf-8")
    compile(text, name, "exec")
    heads = re.findall(r"^# %% (\S+)( \[markdown\])?$", text, re.MULTILINE)
    exercise = sources.notebook(SOURCES[name], solved=False).cells
    shown = [cell for cell in exercise if not cell.id.startswith("hints-")]
    assert [head[0] for head in heads] == [*(cell.id for cell in shown), "hints"]
    assert [bool(head[1]) for head in heads[:-1]] == [cell.cell_type != "code" for cell in shown]
    written = {cell.name: cell.source.strip() for cell in read_submission(file).cells}
    for cell in shown:
        if cell.metadata and cell.metadata.nbgrader.solution:
            assert written[cell.id] == cell.source.strip()
    last = text[text.rindex("# %% hints") :]
    for cell in sources.cells(SOURCES[name]):
        if cell.role == "hole":
            assert last.count(f"# {cell.name}: ") == 2


def test_the_command_writes_into_folders(tmp_path):
    make.main(["01", "--nbgrader", str(tmp_path / "a")])
    make.main(["02", "--plain", str(tmp_path / "b")])
    found = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.*") if p.is_file())
    parts = [
        "a/nbgrader_config.py",
        "a/source/01_autograd/01_autograd.ipynb",
        "b/02_convolution.py",
    ]
    assert [path.replace("\\", "/") for path in found] == parts


def test_outputs_stay_where_only_texts_and_comments_change(tmp_path):
    path = tmp_path / "solved.ipynb"
    book = sources.notebook(SMALL, solved=True)
    by_name(book)["see-2"].outputs = [nbformat.v4.new_output("stream", text="6\n")]
    nbformat.write(book, path)
    other = sources.notebook(SMALL.replace("what is n + n?", "n twice"), solved=True)
    assert make.keep_outputs(other, path) and by_name(other)["see-2"].outputs[0].text == "6\n"
    other = sources.notebook(SMALL.replace("2 * n", "n + n"), solved=True)
    assert not make.keep_outputs(other, path) and not by_name(other)["see-2"].outputs
