"""No answer of an exercise can be read: not in the notebooks that students get, not in the package.

Kernels are left out: an exercise on convolutions is about the loops that a library has to have.
"""

import ast
import copy
import re
from functools import cache

import pytest

from tests.interpreter import ROOT

pytest.importorskip("nbformat")

from notebooks import make, sources

PATHS = {path.stem[:2]: path for path in make.sources()}
SHORT, FORMULA = 25, 30  # characters, which say too little: of a line, of a formula
NAMED = {  # NumPy's function and its use, which a hint of notebook 2 names; notebook 3 gives it
    "windows=np.lib.stride_tricks.sliding_window_view(x,(K,K),axis=(2,3))",
    "windows=windows[:,:,::stride,::stride]",
}


class Renamed(ast.NodeTransformer):
    """Names by the order in which they appear."""

    def __init__(self):
        self.names = {}

    def visit_Name(self, node):
        return ast.Name(self.names.setdefault(node.id, f"v{len(self.names)}"), node.ctx)


def form(node):
    """The text of an expression, whatever its variables are called."""
    return ast.unparse(ast.fix_missing_locations(Renamed().visit(copy.deepcopy(node))))


def formulas(text):
    """All expressions of a program."""
    found = {form(node) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.expr)}
    return {one for one in found if len(one) > FORMULA}


def lines(text):
    """The lines of code without blanks and comments."""
    found = (re.sub(r"#.*|\s", "", line).strip('",') for line in text.splitlines())
    return {line for line in found if len(line) > SHORT}


@cache
def answers(number):
    """What the solutions of a notebook have and its given code has not: lines, and the right-hand
    sides of statements."""
    cells = sources.cells(PATHS[number].read_text(encoding="utf-8"))
    code = [cell.text for cell in cells if cell.kind == "code"]
    given = "\n".join(sources.without_solutions(text) for text in code)
    solved = "\n".join(sources.without_hints(cell.text) for cell in cells if cell.role == "hole")
    statements = (ast.Assign, ast.AugAssign, ast.Return, ast.Expr)
    values = [
        node.value
        for node in ast.walk(ast.parse(solved))
        if isinstance(node, statements) and node.value and not isinstance(node.value, ast.Constant)
    ]
    sides = {one for one in map(form, values) if len(one) > FORMULA}
    return (lines(solved) - lines(given) - NAMED) | (sides - formulas(given))


def readable(path):
    """What stands in a file that students have; of the course itself whatever the names are."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        return lines(text.replace(r"\"", '"').replace(r"\n", "\n"))
    return lines(text) | (formulas(text) if "course" in path.parts else set())


@cache
def everything():
    """{what: file} of all files of the package and all exercises."""
    files = [*ROOT.glob("minitorch_cnn/**/*.py"), *ROOT.glob("notebooks/*.ipynb")]
    return {what: path for path in files for what in readable(path)}


@pytest.mark.parametrize("number", PATHS)
def test_no_answer_stands_in_the_package_or_in_an_exercise(number):
    assert len(answers(number)) > 2
    assert {what: path for what, path in everything().items() if what in answers(number)} == {}


@pytest.mark.parametrize(
    "leak",
    [
        "y += w[:, :, kh, kw] @ pixels[:, :, :OH, :OW].reshape(N, C, OH * OW)",
        "sums = kernel.T @ image @ kernel.transpose(4, 5, 1, 0, 2, 3).reshape(16, C, -1)",
        "def f(gy, image, k):\n"
        "    return gy.transpose(1, 4, 5, 0, 2, 3).reshape(image.shape[1] * k * k, -1)",
    ],
    ids=["a line", "something else", "a formula with other names"],
)
def test_a_planted_leak_is_found(leak, tmp_path):
    file = tmp_path / "course" / "convolution.py"
    file.parent.mkdir()
    file.write_text(leak, encoding="utf-8")
    assert bool(readable(file) & answers("02")) == ("kernel.T" not in leak)
