"""copy_notebooks: copies the course's notebooks into a folder of the student."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PACKAGED = Path(__file__).with_name("notebooks")  # in an installed package
CHECKOUT = Path(__file__).parents[2] / "notebooks"  # in a checkout
INSTALL = '%pip install -q "minitorch_cnn[plots]"'  # a cell


def folder_of_notebooks() -> Path:
    """The folder of the exercises, in an installed package or a checkout.

    Raises: FileNotFoundError if neither has them.
    """
    for folder in (PACKAGED, CHECKOUT):
        if any(folder.glob("01_*.ipynb")):
            return folder
    raise FileNotFoundError(f"folder_of_notebooks: no notebooks in {PACKAGED} or {CHECKOUT}")


def copy_notebooks(
    folder: str | Path,
    solutions: bool = False,
    names: Sequence[str] = (),
    hosted: bool = False,
) -> list[Path]:
    """Copy the exercises into a folder, which is created if necessary; return the copies.

    solutions: whether to copy the solved notebooks into `folder`/solutions. names: beginnings of
    the names of those to copy, all if there are none. hosted: whether their first cell installs the
    package, for places where it is not installed, such as Colab or a browser.

    Raises: FileExistsError, before any copy, if a copy would overwrite a file; NotADirectoryError
    if the folder is a file; FileNotFoundError for solutions where the package has none;
    ValueError for a name that no notebook begins with.
    """
    folder, source = Path(folder), folder_of_notebooks()
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"copy_notebooks: {folder} is a file, not a folder")
    found = sorted(source.glob("[0-9]*.ipynb"))
    for name in names:
        if not any(path.name.startswith(name) for path in found):
            raise ValueError(f"copy_notebooks: no notebook's name begins with {name!r}")
    if solutions:
        found += sorted(source.glob("solutions/[0-9]*.ipynb"))
        if not (source / "solutions").is_dir():
            raise FileNotFoundError(
                "copy_notebooks: the installed package has no solutions, only a checkout of the "
                "project has them"
            )
    found = [path for path in found if path.name.startswith(tuple(names) or "")]
    copies = {path: folder / path.relative_to(source) for path in found}
    there = [copy for copy in copies.values() if copy.exists() or copy.is_symlink()]
    if there:
        more = f" and {len(there) - 1} more are" if len(there) > 1 else " is"
        raise FileExistsError(
            f"copy_notebooks: {there[0]}{more} there already, and copying would overwrite your "
            "work; choose another folder"
        )
    for path, copy in copies.items():
        copy.parent.mkdir(parents=True, exist_ok=True)
        if hosted:
            copy.write_text(installing(path.read_text(encoding="utf-8")), encoding="utf-8")
        else:
            shutil.copyfile(path, copy)
    return list(copies.values())


def installing(text: str) -> str:
    """A notebook's text with a first cell that installs the package."""
    book: dict[str, Any] = json.loads(text)
    cell = {"cell_type": "code", "id": "install", "source": INSTALL}
    book["cells"].insert(0, {**cell, "execution_count": None, "metadata": {}, "outputs": []})
    return json.dumps(book, indent=1, ensure_ascii=False) + "\n"
