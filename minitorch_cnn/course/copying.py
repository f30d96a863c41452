"""copy_notebooks: copies the course's notebooks into a folder of the student."""

from __future__ import annotations

import shutil
from pathlib import Path

PACKAGED = Path(__file__).with_name("notebooks")  # in an installed package
CHECKOUT = Path(__file__).parents[2] / "notebooks"  # in a checkout


def folder_of_notebooks() -> Path:
    """The folder of the exercises, in an installed package or a checkout.

    Raises: FileNotFoundError if neither has them.
    """
    for folder in (PACKAGED, CHECKOUT):
        if any(folder.glob("01_*.ipynb")):
            return folder
    raise FileNotFoundError(f"folder_of_notebooks: no notebooks in {PACKAGED} or {CHECKOUT}")


def copy_notebooks(folder: str | Path, solutions: bool = False) -> list[Path]:
    """Copy the exercises into a folder, which is created if necessary; return the copies.

    solutions: whether to copy the solved notebooks into `folder`/solutions.

    Raises: FileExistsError, before any copy, if a copy would overwrite a file; NotADirectoryError
    if the folder is a file.
    """
    folder, source = Path(folder), folder_of_notebooks()
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"copy_notebooks: {folder} is a file, not a folder")
    found = sorted(source.glob("[0-9]*.ipynb"))
    if solutions:
        found += sorted(source.glob("solutions/[0-9]*.ipynb"))
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
        shutil.copyfile(path, copy)
    return list(copies.values())
