"""assignment: nbgrader's source of a notebook, from which it makes what students get."""

from __future__ import annotations

import ast
import re

import nbformat

from notebooks.sources import BEGIN, END, OPTIONAL, YOUR_ANSWER, Cell, book_of, cells, without_hints

HIDDEN_SEED = 7919  # of the hidden tests: other numbers than those that students see
CONFIG = f'''\
"""Settings of nbgrader for the course of minitorch_cnn."""

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "minitorch_cnn"
c.ClearSolutions.code_stub = {{"python": 'raise NotImplementedError("your turn")'}}
c.ClearSolutions.text_stub = "{YOUR_ANSWER}"
c.ExecutePreprocessor.timeout = 300
'''


def assignment(source: str) -> nbformat.NotebookNode:
    """The notebook for nbgrader: solutions and rubrics in regions that it removes, checks that
    raise AssertionError, and below them the same checks with other numbers, hidden."""
    found = cells(source)
    return book_of(found, [marked(cell) for cell in found])


def marked(cell: Cell) -> str:
    """The text of a cell with nbgrader's marks."""
    if cell.role == "hole":
        text = without_hints(cell.text)
        text = re.sub(
            f"( *)(?:{BEGIN}|{OPTIONAL})(.*)", r"\1# your turn: \2\n\1### BEGIN SOLUTION", text
        )
        return text.replace(END, "### END SOLUTION")
    if cell.role == "check":
        hidden = asserted(cell.text, HIDDEN_SEED)
        visible = asserted(cell.text)
        return f"{visible}\n### BEGIN HIDDEN TESTS\n{hidden}\n### END HIDDEN TESTS"
    if cell.role == "manual":
        rubric = f"Rubric: {cell.rubric}"
        return f"{cell.text}\n\n### BEGIN SOLUTION\n{rubric}\n### END SOLUTION"
    return re.sub(r"^(\w+) = .*(  # guess: )", r"\1 = None\2", cell.text, flags=re.MULTILINE)


def asserted(code: str, seed: int | None = None) -> str:
    """A cell's checks as assertions, with the numbers of another seed if there is one."""
    tree = ast.parse(code)
    for i, line in enumerate(tree.body):
        if isinstance(line, ast.Expr) and isinstance(line.value, ast.Call) and is_check(line.value):
            if seed is not None:
                line.value.keywords.append(ast.keyword("seed", ast.Constant(seed)))
            tree.body[i] = ast.Assert(line.value)
    return ast.unparse(tree)


def is_check(call: ast.Call) -> bool:
    """Whether a call is check.NAME(...)."""
    of = call.func.value if isinstance(call.func, ast.Attribute) else None
    return isinstance(of, ast.Name) and of.id == "check"
