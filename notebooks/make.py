"""Write the notebooks: each source/NN_name.py becomes an exercise and its executed solution.

    python notebooks/make.py                        all notebooks
    python notebooks/make.py 03 07                  those with these prefixes
    python notebooks/make.py --keep 03              outputs stay where the code is the same
    python notebooks/make.py --nbgrader FOLDER      the assignments for nbgrader
    python notebooks/make.py --plain FOLDER         the exercises as Python files

sources.py says how a source is written.
"""

from __future__ import annotations

import argparse
import ast
import base64
import io
import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:  # started as a file
    sys.path.insert(0, str(HERE.parent))

from notebooks.assignment import CONFIG, assignment  # noqa: E402
from notebooks.sources import METADATA, notebook, plain  # noqa: E402


def sources() -> list[Path]:
    """The sources in the order of the course."""
    return sorted((HERE / "source").glob("[0-9]*.py"))


def execute(book: nbformat.NotebookNode, folder: str) -> None:
    """Run a notebook in a new kernel that starts in `folder`, without keeping times.

    The kernel imports the package of this checkout.
    Raises: CellExecutionError where a cell does.
    """
    from nbclient import NotebookClient

    path = os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")]))
    resources, kept = {"metadata": {"path": folder}}, [cell.metadata for cell in book.cells]
    client = NotebookClient(
        book, timeout=300, kernel_name="python3", resources=resources, record_timing=False
    )
    client.execute(env={**os.environ, "PYTHONPATH": path})
    book.metadata = nbformat.from_dict(METADATA)
    for cell, metadata in zip(book.cells, kept, strict=True):
        cell.metadata = metadata
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = [output for output in cell.outputs if not is_notice(output)]
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = None
                if "image/png" in output.get("data", {}):
                    output.data["image/png"] = smaller(output.data["image/png"])


def smaller(picture: str) -> str:
    """A PNG in base 64 with at most 256 colours, if that makes it shorter."""
    from PIL import Image

    content = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
            content, format="png", optimize=True
        )
    return min(base64.b64encode(content.getvalue()).decode(), picture, key=len)


def is_notice(output: nbformat.NotebookNode) -> bool:
    """Whether an output is only a message of the library about compiling."""
    lines = output.get("text", "").splitlines() if output.get("name") == "stderr" else [""]
    return all(line.startswith("minitorch_cnn: ") for line in lines)


def keep_outputs(book: nbformat.NotebookNode, path: Path) -> bool:
    """Take the outputs of a solved notebook if its code is the same but for comments; whether
    it is."""
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    old = nbformat.read(path, as_version=4).cells if path.exists() else []
    old = [cell for cell in old if cell.cell_type == "code"]
    programs = [[ast.dump(ast.parse(cell.source)) for cell in found] for found in (code, old)]
    if programs[0] != programs[1]:
        return False
    for cell, was in zip(code, old, strict=True):
        cell.outputs = was.outputs
    return True


def write(path: Path, keep: bool) -> None:
    """Write both forms of a source."""
    source = path.read_text(encoding="utf-8")
    nbformat.write(notebook(source, solved=False), HERE / f"{path.stem}.ipynb")
    book, start = notebook(source, solved=True), time.perf_counter()
    solved = HERE / "solutions" / f"{path.stem}.ipynb"
    if not (keep and keep_outputs(book, solved)):
        with tempfile.TemporaryDirectory() as folder:
            execute(book, folder)
    nbformat.write(book, solved)
    print(f"{path.stem}: {time.perf_counter() - start:.0f} s", file=sys.stderr)


def write_assignment(path: Path, folder: Path) -> None:
    """Write nbgrader's source of an exercise, and its settings, below a folder."""
    target = folder / "source" / path.stem / f"{path.stem}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(assignment(path.read_text(encoding="utf-8")), target)
    (folder / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")


def write_plain(path: Path, folder: Path) -> None:
    """Write an exercise as a Python file in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = plain(path.read_text(encoding="utf-8"))
    (folder / path.name).write_text(text, encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", help="prefixes of the names")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--keep", action="store_true", help="execute only where code has changed")
    kinds.add_argument("--nbgrader", type=Path, metavar="FOLDER", help="write assignments instead")
    kinds.add_argument("--plain", type=Path, metavar="FOLDER", help="write Python files instead")
    options = parser.parse_args(arguments)
    for path in sources():
        if options.names and not path.stem.startswith(tuple(options.names)):
            continue
        if options.nbgrader:
            write_assignment(path, options.nbgrader)
        elif options.plain:
            write_plain(path, options.plain)
        else:
            write(path, options.keep)


if __name__ == "__main__":
    main()
