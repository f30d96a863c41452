"""Write the notebooks: each source/NN_name.py becomes an exercise and its executed solution.

    python notebooks/make.py                 all notebooks
    python notebooks/make.py 03 07           those with these prefixes

A source is Python with cells: `# %%` begins code, `# %% [markdown]` text whose lines are comments.
Students fill in the code between two marks, here a hole with its hint:

    # begin solution: one loop over the taps
    ...
    # end solution

In the exercise it is `raise NotImplementedError("your turn: one loop over the taps")`. Optional
code follows `# begin optional: ` and raises "optional: ...". A line `guess = 3  # guess: your
number` loses its number. The solved form keeps everything, including the marks.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import nbformat

HERE = Path(__file__).resolve().parent
BEGIN, OPTIONAL, END = "# begin solution: ", "# begin optional: ", "# end solution"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def sources() -> list[Path]:
    """The sources in the order of the course."""
    return sorted((HERE / "source").glob("[0-9]*.py"))


def cells(source: str) -> list[tuple[str, str]]:
    """("markdown" or "code", text) for every cell of a source."""
    found = []
    for part in re.split(r"^# %%", source, flags=re.MULTILINE)[1:]:
        head, _, body = part.partition("\n")
        if "[markdown]" in head:
            lines = [re.sub(r"^# ?", "", line) for line in body.strip("\n").split("\n")]
            found.append(("markdown", "\n".join(lines).strip()))
        else:
            found.append(("code", body.strip("\n")))
    return found


def without_solutions(code: str) -> str:
    """A code cell with holes instead of the students' code.

    Raises: ValueError for a hole without an end.
    """
    kept, inside = [], False
    for line in code.split("\n"):
        mark = next((mark for mark in (BEGIN, OPTIONAL) if line.strip().startswith(mark)), None)
        if mark:
            indent, hint = line.split(mark)
            kind = "your turn" if mark == BEGIN else "optional"
            kept.append(f'{indent}raise NotImplementedError("{kind}: {hint}")')
            inside = True
        elif line.strip() == END:
            inside = False
        elif not inside:
            kept.append(re.sub(r"^(\w+) = .*(  # guess: )", r"\1 = None\2", line))
    if inside:
        raise ValueError(f"without_solutions: a hole does not end with {END!r}: {code}")
    return "\n".join(kept)


def notebook(source: str, solved: bool) -> nbformat.NotebookNode:
    """The notebook of a source, not executed, with its solutions or with holes."""
    made = []
    for number, (kind, text) in enumerate(cells(source)):
        if kind == "code" and not solved:
            text = without_solutions(text)
        make = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
        made.append(make(text, id=f"cell-{number}"))
    return nbformat.v4.new_notebook(cells=made, metadata=METADATA)


def execute(book: nbformat.NotebookNode, folder: str) -> None:
    """Run a notebook in a new kernel that starts in `folder`, without keeping times.

    The kernel imports the package of this checkout.
    Raises: CellExecutionError where a cell does.
    """
    from nbclient import NotebookClient

    path = os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")]))
    resources = {"metadata": {"path": folder}}
    client = NotebookClient(book, timeout=300, kernel_name="python3", resources=resources)
    client.execute(env={**os.environ, "PYTHONPATH": path})
    book.metadata = nbformat.from_dict(METADATA)
    for cell in book.cells:
        cell.metadata = nbformat.from_dict({})
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = [output for output in cell.outputs if not is_notice(output)]
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = None


def is_notice(output: nbformat.NotebookNode) -> bool:
    """Whether an output is only a message of the library about compiling."""
    lines = output.get("text", "").splitlines() if output.get("name") == "stderr" else [""]
    return all(line.startswith("minitorch_cnn: ") for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="prefixes of the names")
    wanted = tuple(parser.parse_args().names)
    for path in sources():
        if wanted and not path.stem.startswith(wanted):
            continue
        source = path.read_text(encoding="utf-8")
        nbformat.write(notebook(source, solved=False), HERE / f"{path.stem}.ipynb")
        book, start = notebook(source, solved=True), time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            execute(book, folder)
        nbformat.write(book, HERE / "solutions" / f"{path.stem}.ipynb")
        print(f"{path.stem}: {time.perf_counter() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
